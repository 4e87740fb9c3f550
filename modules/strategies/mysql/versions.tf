# The oldest Terraform version that the module is tested with.

terraform {
  required_version = ">= 1.11"
}
