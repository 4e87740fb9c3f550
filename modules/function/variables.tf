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
  description = "ARNs that are notified when an invocation of the function fails; null makes no alarm."
  type        = list(string)
}

variable "core" {
  description = "Files of the package in lambda/rotation, besides those that all strategies need."
  type        = list(string)
  nullable    = false
}

variable "default_name" {
  description = "Name of the function and its log group; the options may set another."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Environment variables of the function, besides its settings."
  type        = map(string)
  nullable    = false
}

variable "files" {
  description = "Files of the package besides the module's own, by their path in the package."
  type        = map(string)
  nullable    = false
}

variable "function" {
  description = "Options of the function, each with its default; null is all defaults."
  type = object({
    architecture                   = optional(string, "arm64")
    kms_key_arn                    = optional(string)
    layers                         = optional(list(string), [])
    log_level                      = optional(string, "INFO")
    log_retention_in_days          = optional(number, 365)
    log_skip_destroy               = optional(bool, false)
    memory_size                    = optional(number, 256)
    name                           = optional(string)
    permissions_boundary           = optional(string)
    reserved_concurrent_executions = optional(number)
    role_arn                       = optional(string)
    role_path                      = optional(string, "/")
    runtime                        = optional(string, "python3.13")
    timeout                        = optional(number, 120)
    tracing_mode                   = optional(string, "PassThrough")
    vpc = optional(object({
      security_group_ids = list(string)
      subnet_ids         = list(string)
    }))
  })
  default  = {}
  nullable = false
}

variable "former_kms_key_arns" {
  description = "ARNs of customer keys that encrypted the secret before."
  type        = list(string)
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer key that encrypts the secret; null for an AWS managed key."
  type        = string
}

variable "previous" {
  description = "The rule that has the function look at the previous credential each day, and the secret; null makes none."
  type = object({
    rule_name  = string
    secret_arn = string
  })
}

variable "revocable" {
  description = "Whether the function answers the report of a leak in a tag of the secret."
  type        = bool
  nullable    = false
}

variable "role_name" {
  description = "Name of a new role of the function."
  type        = string
  nullable    = false
}

variable "searches_versions" {
  description = "Whether the function reads all versions of the secret."
  type        = bool
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

variable "services" {
  description = "Files of the package below rotation/services, as patterns."
  type        = list(string)
  nullable    = false
}

variable "settings" {
  description = "The function's settings, as JSON."
  type        = string
  nullable    = false
}

variable "statements" {
  description = "IAM statements of the function's role, besides the grants on the secret."
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = string
    Condition = optional(map(map(list(string))))
  }))
  nullable = false
}

variable "strategy" {
  description = "Name of the strategy, which is also the name of its Python module."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags of the function, its role, its log group and its alarm."
  type        = map(string)
  nullable    = false
}

variable "written_tags" {
  description = "Keys of the secret's tags in which the function records what it knows, besides the report of a leak."
  type        = list(string)
  nullable    = false
}
