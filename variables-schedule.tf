# Input variables about the schedule, in alphabetical order.

locals {
  schedule_expression = var.schedule_expression != null ? var.schedule_expression : local.expires ? "rate(30 minutes)" : "rate(30 days)"
}

module "schedule_expression" {
  source = "./modules/schedule_expression"

  duration              = var.schedule_duration
  expires_after_minutes = one(local.strategy[*].expires_after_minutes)
  expression            = local.schedule_expression
  secret                = local._secret
  timezone              = var.schedule_timezone
}

locals {
  schedule         = module.schedule_expression
  schedule_is_fast = var.rotation != null && local.schedule.is_fast
}

locals {
  # A previous credential stays valid until the next rotation ends it. A function of the caller may do the same; a service
  # changes its one password.
  _valid_intervals = local.makes_secret && (local.overlaps || !local.makes_function) ? 2 : 1
  # From the beginning of one window to the end of a later one.
  _rotated_age_in_days = (local._valid_intervals * local.schedule.longest_interval_in_minutes + local.schedule.window_in_minutes) / 1440
  _expiry_in_days      = [for strategy in local.chosen_strategies : try(strategy.expires_after_minutes / 1440, strategy.expires_after_days, null)]
  _oldest_age_in_days  = min(concat([local._rotated_age_in_days], [for days in local._expiry_in_days : days if days != null])...)
}

variable "maximum_age_days" {
  description = "How many days a credential may stay valid, e.g. 90; null is any number. The plan refuses a schedule that keeps one longer if each rotation succeeds in its window. With notifications, the topic is notified of one that is older."
  type        = number
  default     = null

  validation {
    condition     = alltrue([for days in var.maximum_age_days[*] : days >= 1 && floor(days) == days])
    error_message = "${local._secret}: maximum_age_days must be a whole number of at least 1. Write e.g. 90. Found: ${jsonencode(var.maximum_age_days)}."
  }
  validation {
    condition     = var.maximum_age_days == null || local.rotates
    error_message = "${local._secret}: maximum_age_days must be null if rotation is null or switched off. Remove it, or switch rotation on. Found: ${var.rotation == null ? "no rotation" : "rotation_enabled = false"}."
  }
  validation {
    condition     = alltrue([for days in var.maximum_age_days[*] : local._oldest_age_in_days <= days if var.rotation != null])
    error_message = "${local._secret}: schedule_expression must end each credential within maximum_age_days. It stays valid for ${local._valid_intervals == 2 ? "two intervals" : "one interval"} and a rotation window. Rotate more often. Found: ${ceil(local._oldest_age_in_days)} days with ${local.schedule_expression}, and a maximum_age_days of ${coalesce(var.maximum_age_days, 0)}."
  }
}

variable "schedule_duration" {
  description = "Length of the rotation window of Secrets Manager in hours, e.g. 2h; null is one hour for a schedule in hours, else until the end of the day."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_duration == null || var.rotation != null
    error_message = "${local._secret}: schedule_duration must be null if rotation is null. Remove it, or set rotation. Found: no rotation."
  }
}

variable "schedule_expression" {
  description = "When the secret rotates: rate(…) or cron(…), at most every 15 minutes. EventBridge Scheduler keeps a schedule that Secrets Manager does not support. Null is rate(30 days), or rate(30 minutes) if each credential expires after an hour."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_expression == null || var.rotation != null
    error_message = "${local._secret}: schedule_expression must be null if rotation is null. Remove it, or set rotation. Found: no rotation."
  }
}

variable "schedule_timezone" {
  description = "Time zone of a cron expression that EventBridge Scheduler keeps, e.g. Europe/Berlin; null is UTC, which Secrets Manager always uses."
  type        = string
  default     = null
}

variable "scheduler" {
  description = "Options of the EventBridge schedule, its role and its queue; an option that is null or absent has the default in its comment."
  type = object({
    name                 = optional(string) # null: derived from the names of the secret and the region; its queue has the same name, its role also a hash
    permissions_boundary = optional(string) # null: none
    role_path            = optional(string) # "/"
  })
  default = null

  validation {
    condition     = var.scheduler == null || local.schedule_is_fast
    error_message = "${local._secret}: scheduler must be null if Secrets Manager keeps the schedule. Remove scheduler, or write e.g. \"rate(30 minutes)\" as schedule_expression. Found: ${var.rotation == null ? "no rotation" : local.schedule_expression}."
  }
  validation {
    condition     = alltrue([for name in var.scheduler[*].name : can(regex("^[0-9A-Za-z_-]{1,64}$", name)) if name != null])
    error_message = "${local._secret}: scheduler.name must have 1 to 64 letters, digits, hyphens and underscores. Write e.g. \"rotate-reports-uploader\". Found: ${jsonencode(one(var.scheduler[*].name))}."
  }
  validation {
    condition     = alltrue([for arn in var.scheduler[*].permissions_boundary : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", arn)) if arn != null])
    error_message = "${local._secret}: scheduler.permissions_boundary must be the ARN of a policy. Write e.g. \"arn:aws:iam::123456789012:policy/boundary\". Found: ${jsonencode(one(var.scheduler[*].permissions_boundary))}."
  }
  validation {
    condition     = alltrue([for path in var.scheduler[*].role_path : can(regex(local._path_pattern, path)) if path != null])
    error_message = "${local._secret}: scheduler.role_path must begin and end with a slash, and must not contain a wildcard. Write e.g. \"/rotation/\". Found: ${jsonencode(one(var.scheduler[*].role_path))}."
  }
}
