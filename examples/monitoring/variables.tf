# The address, and an option that the tests shorten. Its default is the module's.

variable "email" {
  description = "Address that is notified, once its owner has confirmed the subscription."
  type        = string
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}
