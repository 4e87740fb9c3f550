# Input variables about the schedule, in alphabetical order.

locals {
  schedule_expression = var.schedule_expression != null ? var.schedule_expression : local.expires ? "rate(30 minutes)" : "rate(30 days)"
}

module "schedule_expression" {
  source = "./modules/schedule_expression"

  expires_after_minutes = one(local.strategy[*].expires_after_minutes)
  expression            = local.schedule_expression
}

locals {
  schedule         = module.schedule_expression
  schedule_is_fast = var.rotation != null && local.schedule.is_fast
}

variable "schedule_duration" {
  description = "Length of the window in which Secrets Manager rotates, in hours, e.g. 2h; null closes it after an hour where the schedule is in hours, else at the end of the day."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_duration == null || var.rotation != null
    error_message = "schedule_duration is about rotation: remove it, or set rotation. Found: no rotation."
  }
  validation {
    condition     = var.schedule_duration == null || !local.schedule_is_fast
    error_message = "A schedule that Secrets Manager does not take has no window, it rotates on the minute: remove schedule_duration, or write a schedule at the full hour, four hours apart at least. Found: ${local.schedule_expression}."
  }
  validation {
    condition = alltrue([for duration in var.schedule_duration[*] :
      can(regex("^[1-9][0-9]?h$", duration)) && tonumber(try(regex("^[0-9]+", duration), 99)) <= local.schedule.longest_window_in_hours if !local.schedule_is_fast
    ])
    error_message = "A window ends before the next one opens and before the day ends in UTC: write \"1h\" to \"${local.schedule.longest_window_in_hours}h\" beside ${local.schedule_expression}. Found: \"${coalesce(var.schedule_duration, "none")}\"."
  }
}

variable "schedule_expression" {
  description = "When the secret rotates: rate(…) or cron(…), ten minutes apart at least, kept by Secrets Manager where that takes it and else by EventBridge Scheduler; null is rate(30 days) where rotation is set."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_expression == null || var.rotation != null
    error_message = "schedule_expression is about rotation: remove it, or set rotation. Found: no rotation."
  }
}

variable "schedule_timezone" {
  description = "Time zone in which a cron expression of EventBridge Scheduler is read, e.g. Europe/Berlin; null is UTC, in which Secrets Manager's own schedules always are."
  type        = string
  default     = null

  validation {
    condition     = var.schedule_timezone == null || (local.schedule_is_fast && startswith(local.schedule_expression, "cron("))
    error_message = "schedule_timezone is for a cron expression that EventBridge Scheduler reads, as Secrets Manager's own are in UTC and a rate has no time of day: remove it, or write an expression that is not at full hours four hours apart, e.g. \"cron(30 8 * * ? *)\". Found: ${local.schedule_expression}."
  }
  validation {
    condition     = alltrue([for zone in var.schedule_timezone[*] : can(regex("^[A-Za-z][0-9A-Za-z_+-]*(/[0-9A-Za-z_+-]+){0,2}$", zone))])
    error_message = "schedule_timezone is a name of the IANA time zone database: write e.g. \"Europe/Berlin\". Found: \"${coalesce(var.schedule_timezone, "none")}\"."
  }
}

variable "scheduler" {
  description = "Options of what this module makes for a schedule of EventBridge Scheduler; null, as an absent option, takes the default named beside it."
  type = object({
    name                 = optional(string) # null: derived from the name of the secret; its role and its queue bear it too
    permissions_boundary = optional(string) # null: none
    role_path            = optional(string) # "/"
  })
  default = null

  validation {
    condition     = var.scheduler == null || local.schedule_is_fast
    error_message = "The variable scheduler is about a schedule that Secrets Manager does not take: remove it, or write e.g. \"rate(30 minutes)\" as schedule_expression. Found: ${var.rotation == null ? "no rotation" : local.schedule_expression}."
  }
  validation {
    condition     = alltrue([for name in var.scheduler[*].name : can(regex("^[0-9A-Za-z_-]{1,64}$", name)) if name != null])
    error_message = "scheduler.name has 1 to 64 letters, digits, hyphens and underscores: write e.g. \"rotate-reports-uploader\". Found: ${jsonencode(one(var.scheduler[*].name))}."
  }
  validation {
    condition     = alltrue([for arn in var.scheduler[*].permissions_boundary : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", arn)) if arn != null])
    error_message = "scheduler.permissions_boundary is the ARN of a policy: write e.g. \"arn:aws:iam::123456789012:policy/boundary\". Found: ${jsonencode(one(var.scheduler[*].permissions_boundary))}."
  }
  validation {
    condition     = alltrue([for path in var.scheduler[*].role_path : can(regex(local._path_pattern, path)) if path != null])
    error_message = "scheduler.role_path begins and ends with a slash and holds no wildcard: write e.g. \"/rotation/\". Found: ${jsonencode(one(var.scheduler[*].role_path))}."
  }
}
