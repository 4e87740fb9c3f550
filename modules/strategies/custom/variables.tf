# The options of rotation.custom, and their rules.

locals {
  _build_pattern     = "(?m)^def build[(]"
  _module_statements = ["DeliverLogs", "FindAbandonedVersions", "RecordAnAttempt", "RotateThisSecret"]

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
  _reserved_variables = concat(["ROTATION_SETTINGS"], [
    for name in ["ACCESS_KEY", "ACCESS_KEY_ID", "DEFAULT_REGION", "EXECUTION_ENV", "REGION", "SECRET_ACCESS_KEY", "SESSION_TOKEN"] : "AWS_${name}"
    ], [
    for name in ["FUNCTION_MEMORY_SIZE", "FUNCTION_NAME", "FUNCTION_VERSION", "INITIALIZATION_TYPE", "LOG_GROUP_NAME", "LOG_STREAM_NAME", "RUNTIME_API"] :
    "AWS_LAMBDA_${name}"
  ], ["LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT"])
}

variable "options" {
  description = "Options of rotation.custom."
  type = object({
    constants         = optional(map(string), {})
    environment       = optional(map(string), {})
    issuer            = optional(bool, false)
    options           = optional(map(string), {})
    searches_versions = optional(bool, false)
    slots             = optional(number)
    source_file       = string
    statements = optional(map(object({
      actions    = list(string)
      conditions = optional(map(map(list(string))), {})
      resource   = string
    })), {})
  })
  nullable = false

  validation {
    condition     = can(regex(local._build_pattern, file(var.options.source_file)))
    error_message = "${var.secret}: rotation.custom.source_file must be a Python file that defines build(options, clients). Write e.g. \"$${path.module}/rotate.py\". Found: ${try(fileexists(var.options.source_file), false) ? "${var.options.source_file}, which has no line def build(options, clients)" : "no file ${jsonencode(var.options.source_file)}"}."
  }
  validation {
    condition     = var.options.slots == null || (var.options.issuer && try(var.options.slots >= 2 && floor(var.options.slots) == var.options.slots, false))
    error_message = "${var.secret}: rotation.custom.slots must be a whole number of at least 2, and only together with issuer = true: the number of credentials that the service allows. With 1, the current credential would have to be deleted first. Found: ${jsonencode({ issuer = var.options.issuer, slots = var.options.slots })}."
  }
  validation {
    condition = alltrue([
      for name in keys(var.options.environment) : can(regex("^[A-Za-z][0-9A-Za-z_]+$", name)) && !contains(local._reserved_variables, name)
    ])
    error_message = "${var.secret}: The names in rotation.custom.environment must have letters, digits and underscores, and must not be one of ${join(", ", local._reserved_variables)}. Choose other names. Found: ${jsonencode(keys(var.options.environment))}."
  }
  validation {
    condition = alltrue([
      for sid in keys(var.options.statements) : can(regex("^[0-9A-Za-z]+$", sid)) && !contains(local._module_statements, sid)
    ])
    error_message = "${var.secret}: The keys of rotation.custom.statements must be Sids of letters and digits, and must not be one of the module's own: ${join(", ", local._module_statements)}. Choose other keys. Found: ${jsonencode(keys(var.options.statements))}."
  }
  validation {
    condition = alltrue([for statement in var.options.statements : try(
      length(statement.actions) > 0 && alltrue([for action in statement.actions : can(regex("^[a-z0-9-]+:[A-Za-z0-9]+$", action))]),
      false,
    )])
    error_message = "${var.secret}: The actions of each statement in rotation.custom.statements must be full names without a wildcard. Write e.g. [\"secretsmanager:GetSecretValue\"]. Found: ${jsonencode({ for sid, statement in var.options.statements : sid => one(statement[*].actions) })}."
  }
  validation {
    condition     = alltrue([for statement in var.options.statements : statement.resource != null if statement != null])
    error_message = "${var.secret}: The resource of each statement in rotation.custom.statements must be an ARN. Write e.g. \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:administrator-a1B2c3\". Found: ${jsonencode([for sid, statement in var.options.statements : sid if try(statement.resource == null, true)])}."
  }
  validation {
    condition = alltrue(flatten([for statement in var.options.statements : [for operator in values(statement.conditions) : try(
      length(operator) > 0 && alltrue([for names in values(operator) : length(names) > 0 && alltrue([for name in names : name != null])]),
      false,
    )] if statement != null]))
    error_message = "${var.secret}: The conditions of each statement in rotation.custom.statements must have at least one key under each operator, and at least one value under each key. Write e.g. { StringEquals = { \"aws:RequestedRegion\" = [\"eu-west-1\"] } }. Found: ${jsonencode({ for sid, statement in var.options.statements : sid => one(statement[*].conditions) })}."
  }
  validation {
    condition     = alltrue([for value in flatten([for texts in [var.options.constants, var.options.environment, var.options.options] : values(texts)]) : value != null])
    error_message = "${var.secret}: constants, environment and options of rotation.custom must not have a null. Write a text, or remove the key. Found: ${jsonencode([for texts in [var.options.constants, var.options.environment, var.options.options] : [for key, value in texts : key if value == null]])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
