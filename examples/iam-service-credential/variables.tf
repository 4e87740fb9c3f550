# Where Bedrock is, and what the tests shorten; the defaults are the module's.

variable "endpoint" {
  description = "Host of Bedrock's API, e.g. of a VPC endpoint; null for AWS's own of the region."
  type        = string
  default     = null
}

variable "minimum_overlap_minutes" {
  description = "How long a retired key lives at least beside its successor."
  type        = number
  default     = 60
}

variable "recovery_window_in_days" {
  description = "How long the destroyed secret can be restored."
  type        = number
  default     = 30
}

variable "settling_seconds" {
  description = "How long a new key has to be accepted without a break."
  type        = number
  default     = 10
}
