# How tflint reads root, modules and examples. The rules are the bundled ones for Terraform itself.

plugin "terraform" {
  enabled = true
  preset  = "all"
}

rule "terraform_naming_convention" {
  enabled = true

  # An underscore stands before a local that only its own block or file reads.
  locals {
    custom = "^_?[a-z][a-z0-9]*(_[a-z0-9]+)*$"
  }
}

# A file is named after what it holds: locals, data sources and roles stand beside what they serve.
rule "terraform_standard_module_structure" {
  enabled = false
}

# The root names the floor of the archive provider, which only its submodule uses: one place for a user to look.
rule "terraform_unused_required_providers" {
  enabled = false
}
