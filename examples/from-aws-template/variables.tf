# The existing server and the template's network, and options that the tests shorten.

variable "administrator_secret_arn" {
  description = "ARN of the administrator's secret, which is masterarn in the existing secret."
  type        = string
}

variable "ca_certificates" {
  description = "PEM of the authorities of the server, e.g. file(\"eu-west-1-bundle.pem\"). Null for those of Lambda's runtime."
  type        = string
  default     = null
}

variable "host" {
  description = "Host in the existing secret."
  type        = string
}

variable "minimum_overlap_minutes" {
  description = "Minimum number of minutes for which the previous password stays valid."
  type        = number
  default     = 60
}

variable "port" {
  description = "Port of the database. Null for the default of its engine."
  type        = number
  default     = null
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}

variable "vpc" {
  description = "Security groups and subnets of the template's function. Null if it is in no VPC."
  type        = object({ security_group_ids = list(string), subnet_ids = list(string) })
  default     = null
}
