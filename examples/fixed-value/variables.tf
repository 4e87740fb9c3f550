# The value, and what the tests shorten.

variable "licence" {
  description = "The value, which is given at each plan and apply, e.g. by TF_VAR_licence."
  type        = string
  ephemeral   = true
}

variable "recovery_window_in_days" {
  description = "How long the destroyed secret can be restored."
  type        = number
  default     = 30
}
