# Input variables about monitoring, in alphabetical order.

variable "audit" {
  description = "Compares the secret with its service on a schedule, with a function that reads and changes nothing; null makes no resource. An option that is null or absent has the default in its comment."
  type = object({
    rotates             = optional(bool)   # false; true rotates the secret if its service rejects the current credential
    schedule_expression = optional(string) # "rate(7 days)"
  })
  default = null

  validation {
    condition     = var.audit == null || local.makes_function
    error_message = "${local._secret}: audit must be null if this module makes no function. Remove audit, or set rotation to another strategy. Found: ${local._strategy_found}."
  }
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
  validation {
    condition     = alltrue([for expression in var.audit[*].schedule_expression : can(regex("^(rate[(](1 (hour|day)|([2-9]|[1-9][0-9]{1,3}) (hours|days))[)]|cron[(][^()]+[)])$", expression)) if expression != null])
    error_message = "${local._secret}: audit.schedule_expression must be a rate in hours or days, or a cron expression in UTC. Write e.g. \"rate(7 days)\" or \"cron(0 6 ? * MON *)\". Found: ${jsonencode(one(var.audit[*].schedule_expression))}."
  }
}

variable "give_up_after_hours" {
  description = "After how many hours the function gives up a rotation that has not ended, if the service accepts the current credential. The next rotation then begins with a new version. Null gives none up."
  type        = number
  default     = null

  validation {
    condition     = alltrue([for hours in var.give_up_after_hours[*] : hours <= 23976 && floor(hours) == hours])
    error_message = "${local._secret}: give_up_after_hours must be a whole number to 23976, which is 999 days. Write e.g. 48. Found: ${jsonencode(var.give_up_after_hours)}."
  }
  validation {
    condition     = var.give_up_after_hours == null || local.makes_function
    error_message = "${local._secret}: give_up_after_hours must be null if this module makes no function, which alone knows whether the current credential works. Remove it, or set rotation to another strategy. Found: ${local._strategy_found}."
  }
  validation {
    condition     = var.give_up_after_hours == null || var.notifications != null
    error_message = "${local._secret}: give_up_after_hours must be null if notifications is null, because the watcher of the notifications finds the rotation. Remove it, or set notifications = {}. Found: no notifications."
  }
  # Secrets Manager repeats a rotation while its window is open, and its four steps take at most an hour.
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
  validation {
    condition     = alltrue([for hours in var.give_up_after_hours[*] : hours * 60 > local.schedule.window_in_minutes + 60 if var.rotation != null])
    error_message = "${local._secret}: give_up_after_hours must be longer than the rotation window and an hour, in which Secrets Manager repeats a rotation. Write at least ${floor(local.schedule.window_in_minutes / 60) + 2}, or set a shorter schedule_duration. Found: ${jsonencode(var.give_up_after_hours)}."
  }
}

variable "metrics" {
  description = "Whether the functions make CloudWatch metrics of the age of the current value, of failed steps, and of the milliseconds of each step. With alarm_actions, two alarms watch the age and the watcher. Each metric and alarm costs money, see docs/operations.md."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.metrics || var.notifications != null
    error_message = "${local._secret}: metrics must be false if notifications is null, because the watcher of the notifications measures the age. Remove metrics, or set notifications = {}. Found: no notifications."
  }
  validation {
    condition     = var.metrics || try(var.notifications.dashboard, null) != true
    error_message = "${local._secret}: metrics must be true if notifications.dashboard is true, because the dashboard shows them. Set metrics = true, or remove dashboard. Found: false."
  }
}

variable "notifications" {
  description = "Options of the notifications about rotations that go wrong and about changes of the secret; null makes no resource. An option that is null or absent has the default in its comment. Write format(\"%s\", …) around topic_arn if Terraform reports an invalid count argument."
  type = object({
    dashboard         = optional(bool)   # false; true makes a CloudWatch dashboard of the metrics
    include_successes = optional(bool)   # false
    kms_key_arn       = optional(string) # null: AWS's own key encrypts the topic; of a topic of yours, its customer key
    topic_arn         = optional(string) # null: a topic is made, to which only the watcher may publish
  })
  default = null

  validation {
    condition     = var.notifications == null || var.rotation != null
    error_message = "${local._secret}: notifications must be null if rotation is null. Remove it, or set rotation. Found: no rotation."
  }
  validation {
    condition     = alltrue([for arn in var.notifications[*].kms_key_arn : can(regex(local._key_arn_pattern, arn)) if arn != null])
    error_message = "${local._secret}: notifications.kms_key_arn must be the ARN of a key, because a policy accepts neither an alias nor a key ID. Write e.g. \"${local._key_arn_example}\". Found: ${jsonencode(one(var.notifications[*].kms_key_arn))}."
  }
  # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
  validation {
    condition     = alltrue([for arn in var.notifications[*].topic_arn : can(regex("^arn:aws[a-z-]*:sns:[0-9a-z-]+:[0-9]{12}:[0-9A-Za-z_-]{1,256}$", arn)) if arn != null])
    error_message = "${local._secret}: notifications.topic_arn must be the ARN of a standard SNS topic. Write e.g. \"arn:aws:sns:eu-west-1:123456789012:alerts\". Found: ${jsonencode(one(var.notifications[*].topic_arn))}."
  }
}
