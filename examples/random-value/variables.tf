# What the tests shorten; the default is the module's.

variable "recovery_window_in_days" {
  description = "How long the destroyed secret can be restored."
  type        = number
  default     = 30
}
