# The Redis server, its administrator, and options that the tests shorten.

variable "administrator_secret_arn" {
  description = "ARN of a secret with the username and the password of an administrator of the server."
  type        = string
}

variable "host" {
  description = "Host name of the server. Its certificate must be valid for this name."
  type        = string
}

variable "port" {
  description = "TLS port of the server."
  type        = string
  default     = "6379"
}

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
