# tflint-ignore-file: terraform_unused_declarations # Only their own rules read the variables.
# Rules of AWS about inputs that already have the right form: where an ARN may be, how many items a list may have, and what
# IAM knows. Each has the name of its input.

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

locals {
  _partition_arn = "^arn:${var.account.partition}:"
  _regional_arn  = "^arn:${var.account.partition}:[^:]+:${var.account.region}:"
  _role_pattern  = "^arn:${var.account.partition}:iam::${var.account.id}:role/"
  _policies      = "^arn:${var.account.partition}:iam::(${var.account.id}|aws):policy/"

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
  _operators = join("", [
    "^Null$|^(?:ForAllValues:|ForAnyValue:)?(?:String(?:Not)?Equals(?:IgnoreCase)?|String(?:Not)?Like|Arn(?:Not)?(?:Equals|Like)|",
    "(?:Numeric|Date)(?:(?:Not)?Equals|LessThan(?:Equals)?|GreaterThan(?:Equals)?)|Bool|BinaryEquals|(?:Not)?IpAddress)(?:IfExists)?$",
  ])

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
  _principals = {
    AWS = join("", [
      "^(?:[*]|[0-9]{12}|arn:${var.account.partition}:(?:iam::[0-9]{12}:(?:root|(?:role|user)/[^*?]+)|",
      "sts::[0-9]{12}:(?:assumed-role/[^*?/]+/|federated-user/)[^*?/]+))$",
    ])
    Federated = join("", [
      "^(?:arn:${var.account.partition}:iam::[0-9]{12}:(?:oidc|saml)-provider/[^*?]+|",
      "cognito-identity[.]amazonaws[.]com|accounts[.]google[.]com|graph[.]facebook[.]com|www[.]amazon[.]com)$",
    ])
    Service = "^[a-z0-9-]+(?:[.][a-z0-9-]+)*[.](?:amazonaws[.]com|${replace(var.account.dns_suffix, ".", "[.]")})$"
  }
}

variable "administrators" {
  description = "Principals that may read the secret besides readers."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^[0-9]{12}$|${local._partition_arn}", arn))])
    error_message = "${var.secret}: Each of administrators must be in the partition of this module, because an ARN of another one matches no one. Write ARNs that begin with arn:${var.account.partition}:. Found: ${jsonencode(var.administrators)}."
  }
}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
variable "alarm_actions" {
  description = "ARNs that are notified of failures."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.alarm_actions) <= 5
    error_message = "${var.secret}: alarm_actions must have at most five ARNs, because an alarm has no more. Notify one SNS topic with many subscriptions. Found: ${length(var.alarm_actions)}."
  }
  # A response plan of Incident Manager has no region.
  validation {
    condition = alltrue([for arn in var.alarm_actions :
      can(regex("${local._regional_arn}|${local._partition_arn}ssm-incidents::", arn)) && try(length(arn) <= 1024, false)
    ])
    error_message = "${var.secret}: Each of alarm_actions must be in the region of this module, because an alarm notifies only its own region. Write ARNs of at most 1024 characters in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(var.alarm_actions)}."
  }
}

variable "function" {
  description = "Options of the function."
  type = object({
    kms_key_arn          = optional(string)
    layers               = optional(list(string))
    permissions_boundary = optional(string)
    role_arn             = optional(string)
    role_path            = optional(string)
    vpc = optional(object({
      security_group_ids = list(string)
      subnet_ids         = list(string)
    }))
  })

  validation {
    condition     = alltrue([for arn in var.function[*].kms_key_arn : can(regex(local._regional_arn, arn)) if arn != null])
    error_message = "${var.secret}: function.kms_key_arn must be in the region of this module, because Lambda and CloudWatch Logs are regional. Write the ARN of a key in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(one(var.function[*].kms_key_arn))}."
  }
  validation {
    condition     = alltrue([for layers in var.function[*].layers : alltrue([for arn in layers : can(regex(local._regional_arn, arn))]) if layers != null])
    error_message = "${var.secret}: Each of function.layers must be in the region of this module. Publish the layer in ${var.account.region}, and write its ARN with arn:${var.account.partition}. Found: ${jsonencode(one(var.function[*].layers))}."
  }
  validation {
    condition     = alltrue([for arn in var.function[*].permissions_boundary : can(regex(local._policies, arn)) if arn != null])
    error_message = "${var.secret}: function.permissions_boundary must be a policy of AWS or of this account. Write e.g. \"arn:${var.account.partition}:iam::${var.account.id}:policy/boundary\". Found: ${jsonencode(one(var.function[*].permissions_boundary))}."
  }
  validation {
    condition     = alltrue([for arn in var.function[*].role_arn : can(regex(local._role_pattern, arn)) if arn != null])
    error_message = "${var.secret}: function.role_arn must be a role of this account, because Lambda accepts no other. Write e.g. \"arn:${var.account.partition}:iam::${var.account.id}:role/rotation\". Found: ${jsonencode(one(var.function[*].role_arn))}."
  }
  validation {
    condition     = alltrue([for path in var.function[*].role_path : length(path) <= 512 if path != null])
    error_message = "${var.secret}: function.role_path must have at most 512 characters. Shorten it. Found: ${try(length(var.function.role_path), 0)}."
  }
  # https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
  validation {
    condition = alltrue([for vpc in var.function[*].vpc : length(vpc.security_group_ids) <= 5 && alltrue([
      for id in vpc.security_group_ids : can(regex("^sg-([0-9a-f]{8}|[0-9a-f]{17})$", id))
    ]) if vpc != null])
    error_message = "${var.secret}: function.vpc.security_group_ids must have at most five IDs of security groups. Write e.g. [\"sg-0123456789abcdef0\"]. Found: ${jsonencode(one(var.function[*].vpc[*].security_group_ids))}."
  }
  validation {
    condition = alltrue([for vpc in var.function[*].vpc : length(vpc.subnet_ids) <= 16 && alltrue([
      for id in vpc.subnet_ids : can(regex("^subnet-([0-9a-f]{8}|[0-9a-f]{17})$", id))
    ]) if vpc != null])
    error_message = "${var.secret}: function.vpc.subnet_ids must have at most 16 IDs of subnets. Write e.g. [\"subnet-0123456789abcdef0\"]. Found: ${jsonencode(one(var.function[*].vpc[*].subnet_ids))}."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer key that encrypts the secret."
  type        = string

  validation {
    condition     = alltrue([for arn in var.kms_key_arn[*] : can(regex(local._regional_arn, arn))])
    error_message = "${var.secret}: kms_key_arn must be in the region of this module, because Secrets Manager uses keys of its own region. Write the ARN of a key in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(var.kms_key_arn)}."
  }
}

variable "notifications" {
  description = "Options of the notifications."
  type = object({
    kms_key_arn = optional(string)
    topic_arn   = optional(string)
  })

  validation {
    condition     = alltrue([for arn in var.notifications[*].kms_key_arn : can(regex(local._regional_arn, arn)) if arn != null])
    error_message = "${var.secret}: notifications.kms_key_arn must be in the region of this module, because SNS is regional. Write the ARN of a key in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(one(var.notifications[*].kms_key_arn))}."
  }
  validation {
    condition     = alltrue([for arn in var.notifications[*].topic_arn : can(regex(local._regional_arn, arn)) if arn != null])
    error_message = "${var.secret}: notifications.topic_arn must be in the region of this module, in which the watcher publishes. Write the ARN of a topic in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(one(var.notifications[*].topic_arn))}."
  }
}

variable "policy_statements" {
  description = "More statements for the secret's resource policy."
  type = map(object({
    principals = map(list(string))
    conditions = map(map(list(string)))
  }))
  nullable = false

  validation {
    condition = alltrue(flatten([for statement in var.policy_statements : [
      for kind, names in statement.principals : [for name in names : can(regex(local._principals[kind], name))]
    ]]))
    error_message = "${var.secret}: Each principal in policy_statements must be one that IAM knows, in this partition. Write a role, user, account, session or \"*\" under AWS, e.g. \"arn:${var.account.partition}:iam::123456789012:role/auditor\", a host like \"backup.amazonaws.com\" under Service, and a provider under Federated. Found: ${jsonencode({ for sid, statement in var.policy_statements : sid => statement.principals })}."
  }
  validation {
    condition     = alltrue(flatten([for statement in var.policy_statements : [for operator in keys(statement.conditions) : can(regex(local._operators, operator))]]))
    error_message = "${var.secret}: Each condition in policy_statements must have an operator that IAM knows. Write e.g. StringEquals, ArnLike, StringEqualsIfExists or ForAnyValue:StringLike. Found: ${jsonencode({ for sid, statement in var.policy_statements : sid => keys(statement.conditions) })}."
  }
}

variable "readers" {
  description = "Principals that the secret's resource policy allows to read it."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.readers : can(regex("^[0-9]{12}$|${local._partition_arn}", arn))])
    error_message = "${var.secret}: Each of readers must be in the partition of this module, because a policy accepts no other. Write ARNs that begin with arn:${var.account.partition}:. Found: ${jsonencode(var.readers)}."
  }
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
  validation {
    condition = alltrue([
      for reader in var.readers : var.kms_key_arn != null && alltrue([for arn in values(var.replica_regions) : arn != null])
      if try(regex("[0-9]{12}", reader), var.account.id) != var.account.id
    ])
    error_message = "${var.secret}: Readers of another account must have a customer key, because an AWS managed key decrypts for its own account only. Set kms_key_arn, and a key for each of replica_regions. Its policy must allow them kms:Decrypt and kms:DescribeKey: see \"Readers in another account\" in docs/security.md. Found: ${jsonencode(var.readers)}."
  }
}

variable "replica_regions" {
  description = "Regions of the replicas of the secret, each with the ARN of a customer key."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.replica_regions) : can(regex(local._partition_arn, arn)) if arn != null])
    error_message = "${var.secret}: Each key in replica_regions must be in the partition of this module. Write ARNs that begin with arn:${var.account.partition}:. Found: ${jsonencode(var.replica_regions)}."
  }
}

variable "scheduler" {
  description = "Options of the EventBridge schedule."
  type = object({
    permissions_boundary = optional(string)
    role_path            = optional(string)
  })

  validation {
    condition     = alltrue([for arn in var.scheduler[*].permissions_boundary : can(regex(local._policies, arn)) if arn != null])
    error_message = "${var.secret}: scheduler.permissions_boundary must be a policy of AWS or of this account. Write e.g. \"arn:${var.account.partition}:iam::${var.account.id}:policy/boundary\". Found: ${jsonencode(one(var.scheduler[*].permissions_boundary))}."
  }
  validation {
    condition     = alltrue([for path in var.scheduler[*].role_path : length(path) <= 512 if path != null])
    error_message = "${var.secret}: scheduler.role_path must have at most 512 characters. Shorten it. Found: ${try(length(var.scheduler.role_path), 0)}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}

variable "strategy" {
  description = "Name of the strategy, the ARN of a function that exists, and IAM statements by their Sid; null without rotation."
  type = object({
    name         = string
    function_arn = string
    statements   = map(object({ conditions = map(map(list(string))), resource = string }))
  })

  validation {
    condition     = alltrue([for arn in var.strategy[*].function_arn : can(regex(local._regional_arn, arn)) if arn != null])
    error_message = "${var.secret}: rotation.${try(var.strategy.name, "")}.arn must be in the region of this module, because Secrets Manager invokes functions of its own region. Write the ARN of a function in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(one(var.strategy[*].function_arn))}."
  }
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
  validation {
    condition = alltrue(flatten([for strategy in var.strategy[*] : [
      for statement in strategy.statements : can(regex("^[*]$|${local._partition_arn}[^:]+:[^:]*:[^:]*:.+$", statement.resource))
    ]]))
    error_message = "${var.secret}: The resource of each of rotation.${try(var.strategy.name, "")}.statements must be an ARN of this partition, or \"*\". Write e.g. \"arn:${var.account.partition}:secretsmanager:${var.account.region}:${var.account.id}:secret:administrator-??????\". Found: ${jsonencode({ for sid, statement in try(var.strategy.statements, {}) : sid => statement.resource })}."
  }
  validation {
    condition = alltrue(flatten([for strategy in var.strategy[*] : [
      for statement in strategy.statements : [for operator in keys(statement.conditions) : can(regex(local._operators, operator))]
    ]]))
    error_message = "${var.secret}: Each condition of rotation.${try(var.strategy.name, "")}.statements must have an operator that IAM knows. Write e.g. StringEquals, ArnLike, StringEqualsIfExists or ForAnyValue:StringLike. Found: ${jsonencode({ for sid, statement in try(var.strategy.statements, {}) : sid => keys(statement.conditions) })}."
  }
}
