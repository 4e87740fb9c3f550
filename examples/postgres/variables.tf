# The network's way to Secrets Manager, and options that the tests shorten.

variable "minimum_overlap_minutes" {
  description = "Minimum number of minutes for which the previous password stays valid."
  type        = number
  default     = 60
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
