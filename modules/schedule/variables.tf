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
  description = "ARNs that are notified when a rotation cannot be started; null makes no alarm."
  type        = list(string)
}

variable "expression" {
  description = "When the secret rotates, as EventBridge Scheduler reads it."
  type        = string
  nullable    = false
}

variable "function_arn" {
  description = "ARN of the rotation function; null if an AWS service rotates the secret."
  type        = string
}

variable "name" {
  description = "Name of the schedule and its queue."
  type        = string
  nullable    = false
}

variable "options" {
  description = "Options of the schedule, each with its default; null is all defaults."
  type = object({
    permissions_boundary = optional(string)
    role_path            = optional(string, "/")
  })
  default  = {}
  nullable = false
}

variable "role_name" {
  description = "Name of a new role of the schedule."
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

variable "shortest_interval_in_minutes" {
  description = "The shortest time between two rotations; of a rate, the time between any two."
  type        = number
  nullable    = false
}

variable "tags" {
  description = "Tags of the role, the queue and the alarm; a schedule has no tags."
  type        = map(string)
  nullable    = false
}

variable "timezone" {
  description = "Time zone of a cron expression; null is UTC."
  type        = string
}
