# The server and its administrator, the network's way to Secrets Manager, and options that the tests shorten.

variable "administrator_secret_arn" {
  description = "ARN of the secret of another administrator than RDS's master user. Null for the master user."
  type        = string
  default     = null
}

variable "ca_certificates" {
  description = "PEM of the authorities of the server, e.g. file(\"eu-west-1-bundle.pem\"). Null for those of Lambda's runtime."
  type        = string
  default     = null
}

variable "endpoint" {
  description = "Where the function connects. Null for the host of the database."
  type        = string
  default     = null
}

variable "minimum_overlap_minutes" {
  description = "Minimum number of minutes for which the previous password stays valid."
  type        = number
  default     = 60
}

variable "port" {
  description = "Port of the database."
  type        = number
  default     = 3306
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}

variable "secrets_manager_endpoint" {
  description = "Whether to create an interface endpoint for Secrets Manager. False if the subnets have a route to a NAT gateway."
  type        = bool
  default     = true
}
