# Where the server is, who administers it, and what the tests shorten.

variable "administrator_secret_arn" {
  description = "ARN of a secret with the username and the password of an administrator of the server."
  type        = string
}

variable "host" {
  description = "Name of the server, which its certificate is for."
  type        = string
}

variable "port" {
  description = "Port of the server, for TLS."
  type        = string
  default     = "6379"
}

variable "recovery_window_in_days" {
  description = "How long the destroyed secret can be restored."
  type        = number
  default     = 30
}
