# Options that the tests and the demo shorten. The defaults are the module's.

variable "minimum_overlap_minutes" {
  description = "Minimum number of minutes for which the previous key stays valid."
  type        = number
  default     = 60
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}

variable "settling_seconds" {
  description = "Number of seconds for which AWS must accept a new key without a refusal."
  type        = number
  default     = 10
}
