# Input variables from the root module, which validates its own variables.

variable "account" {
  description = "The account and region of the module."
  type = object({
    dns_suffix = string
    id         = string
    partition  = string
    region     = string
  })
  nullable = false
}

variable "alarm_actions" {
  description = "ARNs that are notified of findings, and of an audit that fails; null makes no alarm."
  type        = list(string)
}

variable "environment" {
  description = "Environment variables of the rotation function, besides its settings."
  type        = map(string)
  nullable    = false
}

variable "files" {
  description = "Files of the rotation function's package, by their path in the package."
  type        = map(string)
  nullable    = false
}

variable "former_kms_key_arns" {
  description = "ARNs of customer keys that encrypted the secret before."
  type        = list(string)
  nullable    = false
}

variable "function" {
  description = "Options of the rotation function that the audit's function, role and log group share; null is all defaults."
  type = object({
    architecture          = optional(string, "arm64")
    kms_key_arn           = optional(string)
    layers                = optional(list(string), [])
    log_retention_in_days = optional(number, 365)
    log_skip_destroy      = optional(bool, false)
    memory_size           = optional(number, 256)
    permissions_boundary  = optional(string)
    role_path             = optional(string, "/")
    runtime               = optional(string, "python3.13")
    timeout               = optional(number, 120)
    vpc = optional(object({
      security_group_ids = list(string)
      subnet_ids         = list(string)
    }))
  })
  default  = {}
  nullable = false
}

variable "kms_key_arn" {
  description = "ARN of the customer key that encrypts the secret; null for an AWS managed key."
  type        = string
}

variable "name" {
  description = "Name of the function, its role, its rule, its log group and its metric."
  type        = string
  nullable    = false
}

variable "network_policy" {
  description = "Policy with which Lambda connects a function to a VPC, as JSON."
  type        = string
  nullable    = false
}

variable "role_arn" {
  description = "ARN of the role, known at plan."
  type        = string
  nullable    = false
}

variable "rotates" {
  description = "Whether the audit may start a rotation if the service rejects the current credential."
  type        = bool
  nullable    = false
}

variable "rotation_function_arn" {
  description = "ARN of the rotation function."
  type        = string
  nullable    = false
}

variable "schedule_expression" {
  description = "When the audit runs: rate(…) or cron(…)."
  type        = string
  nullable    = false
}

variable "secret_arn" {
  description = "ARN of the secret."
  type        = string
  nullable    = false
}

variable "secret_arn_pattern" {
  description = "Pattern that matches the ARN of the secret and no other."
  type        = string
  nullable    = false
}

variable "secret_name" {
  description = "Name of the secret."
  type        = string
  nullable    = false
}

variable "secrets_manager" {
  description = "JSON of the host of Secrets Manager in a condition about KMS: a text, or a list of those that may be right."
  type        = string
  nullable    = false
}

variable "settings" {
  description = "The rotation function's settings, as JSON."
  type        = string
  nullable    = false
}

variable "statements" {
  description = "IAM statements for reads of the service."
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = string
    Condition = optional(map(map(list(string))))
  }))
  nullable = false
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
}

variable "topic_arn" {
  description = "ARN of the topic that is notified of findings; null for none."
  type        = string
}

variable "topic_kms_key_arn" {
  description = "ARN of the customer key that encrypts the topic; null for AWS's own key."
  type        = string
}
