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
  description = "ARNs that are notified when a rotation fails."
  type        = list(string)
  nullable    = false
}

variable "name" {
  description = "Name of the rule, the queue and the alarm."
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

variable "tags" {
  description = "Tags of the rule, the queue and the alarm."
  type        = map(string)
  nullable    = false
}
