# The key that applications use today, and options that the tests shorten.

variable "adopted_access_key_id" {
  description = "ID of the key to replace. Null once the rotation has deleted it."
  type        = string
  default     = null
}

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
