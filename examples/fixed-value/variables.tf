# The value, and an option that the tests shorten.

variable "licence" {
  description = "The value. Provide it at each plan and apply, e.g. as TF_VAR_licence."
  type        = string
  ephemeral   = true
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}
