# The input variable about the function.

locals {
  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
  _log_retentions = [
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
  ]

  # The last one needs AWS provider 6.x.
  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
  _runtimes = ["python3.12", "python3.13", "python3.14"]
}

variable "function" {
  description = "Options of the function that this module makes; an option that is null or absent has the default in its comment."
  type = object({
    architecture                   = optional(string)       # "arm64"
    kms_key_arn                    = optional(string)       # null: an AWS owned key encrypts the environment and the log; the policy of a key must admit CloudWatch Logs, see docs/security.md
    layers                         = optional(list(string)) # []
    log_level                      = optional(string)       # "INFO"
    log_retention_in_days          = optional(number)       # 365
    log_skip_destroy               = optional(bool)         # false: Terraform deletes the log group with the function
    memory_size                    = optional(number)       # 256
    name                           = optional(string)       # null: derived from the names of the secret and the region; its role has this name and a hash of the region
    permissions_boundary           = optional(string)       # null: none
    reserved_concurrent_executions = optional(number)       # null: shares the account's concurrency
    role_arn                       = optional(string)       # null: a role is made; must be known at plan
    role_path                      = optional(string)       # "/"
    runtime                        = optional(string)       # "python3.13"
    timeout                        = optional(number)       # 120
    tracing_mode                   = optional(string)       # "PassThrough"
    vpc = optional(object({                                 # null: outside of any VPC
      security_group_ids = list(string)
      subnet_ids         = list(string)
    }))
  })
  default = null

  validation {
    condition     = var.function == null || local.makes_function
    error_message = "${local._secret}: function must be null if this module makes no function. Remove function, or set rotation to another strategy. Found: ${local._strategy_found}."
  }
  validation {
    condition     = alltrue([for architecture in var.function[*].architecture : contains(["arm64", "x86_64"], architecture) if architecture != null])
    error_message = "${local._secret}: function.architecture must be \"arm64\" or \"x86_64\". Found: ${jsonencode(one(var.function[*].architecture))}."
  }
  validation {
    condition     = alltrue([for arn in var.function[*].kms_key_arn : can(regex(local._key_arn_pattern, arn)) if arn != null])
    error_message = "${local._secret}: function.kms_key_arn must be the ARN of a key, because log groups accept neither an alias nor a key ID. Write e.g. \"${local._key_arn_example}\". Found: ${jsonencode(one(var.function[*].kms_key_arn))}."
  }
  validation {
    condition = alltrue([for layers in var.function[*].layers : length(layers) <= 5 && alltrue([
      for layer in layers : can(regex("^arn:aws[a-z-]*:lambda:[0-9a-z-]+:[0-9]{12}:layer:[0-9A-Za-z_-]+:[0-9]+$", layer))
    ]) if layers != null])
    error_message = "${local._secret}: function.layers must have at most five ARNs of layer versions. Write e.g. [\"arn:aws:lambda:eu-west-1:123456789012:layer:certificates:1\"]. Found: ${jsonencode(one(var.function[*].layers))}."
  }
  validation {
    condition     = one(local.strategy[*].library) == null || length(flatten([for layers in var.function[*].layers : layers if layers != null])) > 0
    error_message = "${local._secret}: function.layers must include a layer with the Python library ${one(local.strategy[*].library) == null ? "-" : local.strategy.library}, which ${local._strategy_found} needs and Lambda's runtime doesn't include. Write e.g. [\"arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1\"]. Found: no function.layers."
  }
  validation {
    condition     = alltrue([for level in var.function[*].log_level : contains(["DEBUG", "ERROR", "INFO", "WARN"], level) if level != null])
    error_message = "${local._secret}: function.log_level must be \"DEBUG\", \"INFO\", \"WARN\" or \"ERROR\". Found: ${jsonencode(one(var.function[*].log_level))}."
  }
  validation {
    condition     = alltrue([for days in var.function[*].log_retention_in_days : contains(local._log_retentions, days) if days != null])
    error_message = "${local._secret}: function.log_retention_in_days must be one of ${join(", ", local._log_retentions)}; 0 keeps the log forever. Found: ${jsonencode(one(var.function[*].log_retention_in_days))}."
  }
  validation {
    condition     = alltrue([for size in var.function[*].memory_size : size >= 128 && size <= 10240 && floor(size) == size if size != null])
    error_message = "${local._secret}: function.memory_size must be a whole number of MB from 128 to 10240. Found: ${jsonencode(one(var.function[*].memory_size))}."
  }
  validation {
    condition     = alltrue([for name in var.function[*].name : can(regex("^[0-9A-Za-z_-]{1,64}$", name)) if name != null])
    error_message = "${local._secret}: function.name must have 1 to 64 letters, digits, hyphens and underscores. Write e.g. \"rotate-reports-uploader\". Found: ${jsonencode(one(var.function[*].name))}."
  }
  validation {
    condition     = alltrue([for arn in var.function[*].permissions_boundary : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", arn)) if arn != null])
    error_message = "${local._secret}: function.permissions_boundary must be the ARN of a policy. Write e.g. \"arn:aws:iam::123456789012:policy/boundary\". Found: ${jsonencode(one(var.function[*].permissions_boundary))}."
  }
  validation {
    condition     = alltrue([for number in var.function[*].reserved_concurrent_executions : number >= 1 && floor(number) == number if number != null])
    error_message = "${local._secret}: function.reserved_concurrent_executions must be a whole number of at least 1, because 0 would stop every rotation. Write null to share the account's concurrency. Found: ${jsonencode(one(var.function[*].reserved_concurrent_executions))}."
  }
  validation {
    condition     = alltrue([for arn in var.function[*].role_arn : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*?$]+$", arn)) if arn != null])
    error_message = "${local._secret}: function.role_arn must be the ARN of an existing role. Write e.g. \"arn:aws:iam::123456789012:role/rotation\". Found: ${jsonencode(one(var.function[*].role_arn))}."
  }
  validation {
    condition = alltrue([
      for function in var.function[*] : function.permissions_boundary == null && function.role_path == null if function.role_arn != null
    ])
    error_message = "${local._secret}: function.permissions_boundary and function.role_path must be null if function.role_arn is set: they are for a role that this module makes. Remove them, or remove function.role_arn. Found: ${jsonencode(one(var.function[*].role_arn))}."
  }
  validation {
    condition     = alltrue([for path in var.function[*].role_path : can(regex(local._path_pattern, path)) if path != null])
    error_message = "${local._secret}: function.role_path must begin and end with a slash, and must not contain a wildcard. Write e.g. \"/rotation/\". Found: ${jsonencode(one(var.function[*].role_path))}."
  }
  validation {
    condition     = alltrue([for runtime in var.function[*].runtime : contains(local._runtimes, runtime) if runtime != null])
    error_message = "${local._secret}: function.runtime must be a Python version that Lambda still creates functions for and the package runs on. Write \"python3.12\" or \"python3.13\"; \"python3.14\" needs AWS provider 6. Found: ${jsonencode(one(var.function[*].runtime))}."
  }
  validation {
    condition     = alltrue([for timeout in var.function[*].timeout : timeout >= 10 && timeout <= 900 && floor(timeout) == timeout if timeout != null])
    error_message = "${local._secret}: function.timeout must be a whole number of seconds from 10 to 900. Found: ${jsonencode(one(var.function[*].timeout))}."
  }
  validation {
    condition     = !local.issues || coalesce(one(var.function[*].timeout), 900) >= 60 + coalesce(one(local.strategy[*].settling_seconds), 0)
    error_message = "${local._secret}: function.timeout must be at least 60 seconds plus settling_seconds, the time to verify and store a new credential. Write at least ${60 + coalesce(one(local.strategy[*].settling_seconds), 0)}. Found: ${jsonencode(one(var.function[*].timeout))}."
  }
  validation {
    condition     = alltrue([for mode in var.function[*].tracing_mode : contains(["Active", "PassThrough"], mode) if mode != null])
    error_message = "${local._secret}: function.tracing_mode must be \"Active\" or \"PassThrough\". Found: ${jsonencode(one(var.function[*].tracing_mode))}."
  }
  validation {
    condition = alltrue([for vpc in var.function[*].vpc :
      try(length(vpc.security_group_ids) > 0 && length(vpc.subnet_ids) > 0, false) &&
      alltrue([for id in flatten([vpc.security_group_ids, vpc.subnet_ids]) : id != null]) if vpc != null
    ])
    error_message = "${local._secret}: function.vpc must have at least one subnet and one security group. Write e.g. { security_group_ids = [\"sg-…\"], subnet_ids = [\"subnet-…\"] }. Found: ${jsonencode(one(var.function[*].vpc))}."
  }
}
