# Input variables from the root module, which validates its own variables.

variable "account" {
  description = "The account and region of the module."
  type = object({
    id        = string
    partition = string
    region    = string
  })
  nullable = false
}

variable "alarm_actions" {
  description = "ARNs that are notified when a leak cannot be reported; null makes no alarm."
  type        = list(string)
}

variable "function" {
  description = "Options of the rotation function that hold for this one, too; null is all defaults."
  type = object({
    architecture          = optional(string, "arm64")
    kms_key_arn           = optional(string)
    log_retention_in_days = optional(number, 365)
    log_skip_destroy      = optional(bool, false)
    permissions_boundary  = optional(string)
    role_path             = optional(string, "/")
    runtime               = optional(string, "python3.13")
  })
  default  = {}
  nullable = false
}

variable "name" {
  description = "Name of the function, its role, its log group and its rules."
  type        = string
  nullable    = false
}

variable "secret_arn" {
  description = "ARN of the secret."
  type        = string
  nullable    = false
}

variable "secret_name" {
  description = "Name of the secret."
  type        = string
  nullable    = false
}

variable "sources" {
  description = "Sources of events that report a leak of this secret; null makes no rule for them."
  type        = set(string)
}

variable "statements" {
  description = "JSON of the IAM statements that a responder needs."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags of the function, its role, its log group, its rules and its alarm."
  type        = map(string)
  nullable    = false
}

variable "user" {
  description = "The IAM user whose exposed keys AWS Health reports; null if the module does not listen to AWS Health."
  type        = object({ arn = string, name = string })
}
