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
  description = "ARNs that are notified by the alarms of the metrics; null makes no alarm."
  type        = list(string)
}

variable "dashboard" {
  description = "Whether there is a dashboard of the metrics."
  type        = bool
  nullable    = false
}

variable "function" {
  description = "Options of the rotation function that the watcher's function, role and log group share; null is all defaults."
  type = object({
    architecture          = optional(string, "arm64")
    kms_key_arn           = optional(string)
    log_retention_in_days = optional(number, 365)
    log_skip_destroy      = optional(bool, false)
    permissions_boundary  = optional(string)
    role_path             = optional(string, "/")
    runtime               = optional(string, "python3.13")
    timeout               = optional(number, 120)
  })
  default  = {}
  nullable = false
}

variable "function_name" {
  description = "Name of the rotation function; null if this module made none."
  type        = string
}

variable "give_up" {
  description = "After how many hours a rotation is given up, and the ARN of the function that does it; null gives none up."
  type = object({
    after_hours  = number
    function_arn = string
  })
}

variable "include_successes" {
  description = "Whether the topic is also notified of each rotation that succeeds."
  type        = bool
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer key that encrypts the topic; null for AWS's own key."
  type        = string
}

variable "log_group_name" {
  description = "Name of the rotation function's log group; null if this module made no function."
  type        = string
}

variable "maximum_age_days" {
  description = "How many days a credential may stay valid; null is any number."
  type        = number
}

variable "metrics" {
  description = "Whether each look makes a metric of the age of the current value."
  type        = bool
  nullable    = false
}

variable "name" {
  description = "Name of the function, its role and its rule, and of the topic."
  type        = string
  nullable    = false
}

variable "publishers" {
  description = "ARNs of roles that may publish besides the watcher's."
  type        = list(string)
  nullable    = false
}

variable "reactivate_with" {
  description = "Command that reactivates a previous credential, without its last argument, the credential; null if none is deactivated."
  type        = string
}

variable "rotates" {
  description = "Whether the secret must rotate; false if the caller has switched off the rotation of an AWS service."
  type        = bool
  nullable    = false
}

variable "rotates_immediately" {
  description = "Whether the first rotation starts when the rotation is set up."
  type        = bool
  nullable    = false
}

variable "schedule" {
  description = "The longest time between two rotations, and the length of the rotation window."
  type = object({
    longest_interval_in_minutes = number
    window_in_minutes           = number
  })
  nullable = false
}

variable "schedule_name" {
  description = "Name of the EventBridge schedule; null if Secrets Manager keeps the schedule."
  type        = string
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

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
}

variable "topic_arn" {
  description = "ARN of the caller's topic; null makes one."
  type        = string
}

variable "valid_labels" {
  description = "Staging labels of the versions whose credentials are valid."
  type        = list(string)
  nullable    = false
}
