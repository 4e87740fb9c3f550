# Input variables, in alphabetical order; those about the function and the schedule have files of their own.

variable "administrators" {
  description = "Principals that may read the secret besides readers if readers_exclusive is set: IAM ARNs, in which * and ? are wildcards, or account numbers. With the strategy function, include the role of that function."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for administrator in var.administrators : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[^$]+))$", administrator))])
    error_message = "${local._secret}: Each of administrators must be a role, a user or an account, without a policy variable. Write e.g. \"arn:aws:iam::123456789012:role/admin\" or \"123456789012\". Found: ${jsonencode(var.administrators)}."
  }
}

variable "alarm_actions" {
  description = "ARNs, e.g. of an SNS topic, that are notified when the function fails, a managed secret fails to rotate, or EventBridge Scheduler cannot start a rotation. Unless null, there are alarms, even if the list is empty. Write compact(…) around a list if Terraform reports an invalid count argument."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for action in coalesce(var.alarm_actions, []) : can(regex("^arn:", action))])
    error_message = "${local._secret}: Each of alarm_actions must be an ARN. Write e.g. \"arn:aws:sns:eu-west-1:123456789012:alerts\". Found: ${jsonencode([for action in coalesce(var.alarm_actions, []) : can(regex("^arn:", action)) ? action : "a text that may be a credential and is not shown"])}."
  }
  validation {
    condition     = length(coalesce(var.alarm_actions, [])) == 0 || local.makes_function || local.schedule_is_fast || !local.makes_secret || var.metrics
    error_message = "${local._secret}: alarm_actions must be empty if this module makes neither a function nor an EventBridge schedule, and the secret is not managed. Remove alarm_actions, set metrics, or set rotation to another strategy. Found: ${local._strategy_found}."
  }
}

variable "description" {
  description = "Description of the secret."
  type        = string
  default     = null

  validation {
    condition     = length(coalesce(var.description, "-")) <= 2048
    error_message = "${local._secret}: description must have at most 2048 characters. Shorten it. Found: ${length(coalesce(var.description, "-"))} characters."
  }
  validation {
    condition     = var.description == null || local.makes_secret
    error_message = "${local._secret}: description must be null for a managed secret, which keeps the description of its service. Remove description, or set rotation to another strategy. Found: ${jsonencode(var.description)}."
  }
}

variable "former_kms_key_arns" {
  description = "ARNs of customer keys that encrypted the secret before; the function and readers may still decrypt with them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.former_kms_key_arns : can(regex(local._key_arn_pattern, arn))])
    error_message = "${local._secret}: Each of former_kms_key_arns must be the ARN of a key. Write e.g. [\"${local._key_arn_example}\"]. Found: ${jsonencode(var.former_kms_key_arns)}."
  }
}

locals {
  _key_arn_example = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  _key_arn_pattern = "^arn:aws[a-z-]*:kms:[0-9a-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$"

  # A wildcard or a policy variable in a path would match other roles, too.
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html
  _path_pattern = "^/([!-#%-)+->@-~]+/)?$"
}

variable "initial_value" {
  description = "First value of the secret, which Terraform sends to AWS and does not store; null if initial_value_version is null."
  type        = string
  default     = null
  ephemeral   = true

  validation {
    condition     = (var.initial_value == null) == (var.initial_value_version == null)
    error_message = "${local._secret}: initial_value and initial_value_version must be set together. Set both, or neither. Found: only ${var.initial_value_version == null ? "initial_value" : "initial_value_version"}."
  }
  validation {
    condition     = var.initial_value == null ? true : length(var.initial_value) > 0 && floor(length(replace(base64encode(var.initial_value), "=", "")) * 3 / 4) <= 65536
    error_message = "${local._secret}: initial_value must have 1 to 65536 bytes. Write a value of that size."
  }
  validation {
    condition = alltrue([for form in local.strategy[*].value_form :
      var.initial_value == null ? true :
      form.json_key == null ? !can(keys(jsondecode(var.initial_value))) :
      try(startswith(jsonencode(jsondecode(var.initial_value)[form.json_key]), "\""), false) if form != null
    ])
    error_message = "${local._secret}: initial_value must have the form of the values that replace it. Write ${try("a JSON object with a string under ${local.strategy.value_form.json_key}", "a string that isn't a JSON object")}."
  }
}

variable "initial_value_version" {
  description = "Version of initial_value; to write initial_value again, increase this number, which replaces the current value."
  type        = number
  default     = null

  validation {
    condition     = alltrue([for number in var.initial_value_version[*] : number >= 1 && floor(number) == number])
    error_message = "${local._secret}: initial_value_version must be a whole number of at least 1. Set it to 1 for the first value. Found: ${jsonencode(var.initial_value_version)}."
  }
  validation {
    condition     = var.initial_value_version == null || !local.issues
    error_message = "${local._secret}: initial_value_version must be null if a service makes the credential: the service or the first rotation sets the first value. Remove initial_value and initial_value_version. Found: ${local._strategy_found}."
  }
}

variable "kms_key_arn" {
  description = "ARN of the customer key that encrypts the secret. For a managed secret, the key that its service uses. Null if an AWS managed key encrypts it."
  type        = string
  default     = null

  validation {
    condition     = alltrue([for arn in var.kms_key_arn[*] : can(regex(local._key_arn_pattern, arn))])
    error_message = "${local._secret}: kms_key_arn must be the ARN of a key, because a policy accepts neither an alias nor a key ID. Write e.g. \"${local._key_arn_example}\". Found: ${jsonencode(var.kms_key_arn)}."
  }
}

variable "minimum_overlap_minutes" {
  description = "How many minutes the previous credential stays valid at least after a rotation; null is 60, the longest documented cache of a reader."
  type        = number
  default     = null

  validation {
    condition     = alltrue([for minutes in var.minimum_overlap_minutes[*] : minutes >= 0 && floor(minutes) == minutes])
    error_message = "${local._secret}: minimum_overlap_minutes must be a whole number of at least 0. Write e.g. 60. Found: ${jsonencode(var.minimum_overlap_minutes)}."
  }
  validation {
    condition     = var.minimum_overlap_minutes == null || !local.expires
    error_message = "${local._secret}: minimum_overlap_minutes must not be set for ${local._strategy_found}: each of its credentials stays valid until it expires. Remove minimum_overlap_minutes. Found: ${jsonencode(var.minimum_overlap_minutes)}."
  }
  validation {
    condition     = var.minimum_overlap_minutes == null || local.makes_function
    error_message = "${local._secret}: minimum_overlap_minutes must be null if this module makes no function. Remove it, or set rotation to another strategy. Found: ${local._strategy_found}."
  }
  # Secrets Manager may rotate at the end of one window and at the beginning of the next.
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
  validation {
    condition = (
      !local.makes_function || !local.overlaps || local.expires ||
      coalesce(var.minimum_overlap_minutes, 60) < local.schedule.shortest_interval_in_minutes - local.schedule.window_in_minutes
    )
    error_message = "${local._secret}: The shortest time between two rotations must be longer than minimum_overlap_minutes. ${local.schedule.window_in_minutes > 0 ? "Set a shorter schedule_duration, e.g. \"1h\", a longer interval" : "Set a longer interval"}, or a shorter overlap. Found: ${local.schedule_expression} with ${local.schedule.shortest_interval_in_minutes} minutes, less ${local.schedule.window_in_minutes} for its window, and an overlap of ${coalesce(var.minimum_overlap_minutes, 60)} minutes."
  }
  # The last day is for the rotation window and for retries.
  validation {
    condition = alltrue([for days in local.strategy[*].expires_after_days :
      days >= ceil((local.schedule.longest_interval_in_minutes + coalesce(var.minimum_overlap_minutes, 60)) / 1440) + 1 if days != null
    ])
    error_message = "${local._secret}: A credential of ${local._strategy_found} must be valid for at least ${ceil((local.schedule.longest_interval_in_minutes + coalesce(var.minimum_overlap_minutes, 60)) / 1440) + 1} days with this schedule: its longest interval, minimum_overlap_minutes, and one day for retries. Set a longer age, or rotate more often than ${local.schedule_expression}. Found: ${jsonencode(one(local.strategy[*].expires_after_days))} days."
  }
}

locals {
  # How each message names the secret, since Terraform names no instance of a module, and no line of an input that isn't set.
  # The rules of name and rotation can't use it: it depends on them.
  _secret = "Secret ${coalesce(var.name, "without a name")}"
}

variable "name" {
  description = "Name of the secret, to which the IAM grants are limited; null for a managed secret."
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.name[*] : can(regex("^[0-9A-Za-z/_+=.@-]{1,512}$", name))])
    error_message = "Secret ${coalesce(var.name, "without a name")}: name must have 1 to 512 letters, digits and /_+=.@- characters. Write e.g. \"reports/uploader\". Found: ${jsonencode(var.name)}."
  }
}

variable "policy_statements" {
  description = "More statements for the secret's resource policy, by their Sid; the Sids must be known at plan."
  type = map(object({
    actions    = list(string)
    principals = map(list(string))
    conditions = optional(map(map(list(string))), {})
    effect     = optional(string, "Allow")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for sid in keys(var.policy_statements) : can(regex("^[0-9A-Za-z]+$", sid)) && !contains(["OnlyReadersRead", "OnlyRespondersReportLeaks", "OnlyTheFunctionRecordsAttempts", "ReadersRead"], sid)])
    error_message = "${local._secret}: The keys of policy_statements must be Sids of letters and digits, and must not be ReadersRead, OnlyReadersRead, OnlyRespondersReportLeaks or OnlyTheFunctionRecordsAttempts, which this module uses. Write e.g. { AuditorsDescribe = { … } }. Found: ${jsonencode(keys(var.policy_statements))}."
  }
  validation {
    condition     = alltrue([for statement in var.policy_statements : try(contains(["Allow", "Deny"], statement.effect), false)])
    error_message = "${local._secret}: The effect of each of policy_statements must be \"Allow\" or \"Deny\". Found: ${jsonencode({ for sid, statement in var.policy_statements : sid => one(statement[*].effect) })}."
  }
  validation {
    condition = alltrue([for statement in var.policy_statements : try(length(statement.actions) > 0 && alltrue([
      for action in statement.actions : can(regex(statement.effect == "Deny" ? "^secretsmanager:[*A-Za-z]+$" : "^secretsmanager:[A-Za-z]+$", action))
    ]), false)])
    error_message = "${local._secret}: The actions of each of policy_statements must be Secrets Manager's, without a wildcard if the effect is Allow. Write e.g. [\"secretsmanager:DescribeSecret\"]. Found: ${jsonencode({ for sid, statement in var.policy_statements : sid => one(statement[*].actions) })}."
  }
  validation {
    condition = alltrue([for statement in var.policy_statements : try(length(statement.principals) > 0 && alltrue([
      for kind, names in statement.principals :
      contains(["AWS", "Federated", "Service"], kind) && length(names) > 0 && alltrue([for name in names : name != null])
    ]), false)])
    error_message = "${local._secret}: The principals of each of policy_statements must be lists of names under AWS, Federated or Service. Write e.g. { AWS = [\"arn:aws:iam::123456789012:role/auditor\"] }. Found: ${jsonencode({ for sid, statement in var.policy_statements : sid => one(statement[*].principals) })}."
  }
  validation {
    condition = alltrue(flatten([for statement in var.policy_statements : [for operator in values(statement.conditions) : try(
      length(operator) > 0 && alltrue([for names in values(operator) : length(names) > 0 && alltrue([for name in names : name != null])]),
      false,
    )] if statement != null]))
    error_message = "${local._secret}: The conditions of each of policy_statements must have at least one key under each operator, and at least one value under each key. Write e.g. { StringEquals = { \"aws:PrincipalOrgID\" = [\"o-a1b2c3d4e5\"] } }. Found: ${jsonencode({ for sid, statement in var.policy_statements : sid => one(statement[*].conditions) })}."
  }
  # If the request doesn't have the key, these operators are true.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
  validation {
    condition = alltrue([
      for statement in var.policy_statements : anytrue([
        for operator in keys(statement.conditions) : !can(regex("^ForAllValues:|IfExists$|Not|^Null$", operator))
      ]) if try(statement.effect == "Allow" && contains(flatten(values(statement.principals)), "*"), false)
    ])
    error_message = "${local._secret}: A statement of policy_statements that allows everyone must have a condition, or the secret would be public. A request without the condition's key must not meet it. Name its principals, or set a condition, e.g. with StringEquals. Found: ${jsonencode([for sid, statement in var.policy_statements : sid if try(contains(flatten(values(statement.principals)), "*"), false)])}."
  }
}

variable "previous_credential" {
  description = "Retires the previous credential if nothing has used it for retire_after_days: it is deactivated, and deleted after the same time again. One that is used is kept, and notifications say where it is used. Null: it stays valid until the next rotation, and no resource is made. See docs/previous.md."
  type = object({
    retire_after_days = number
    verify_unused     = optional(bool, true) # false retires it after that time without a look at its last use
  })
  default = null

  validation {
    condition     = var.previous_credential == null || local.retirement != null
    error_message = "${local._secret}: previous_credential must be null for ${local._strategy_found}, because its service doesn't say when a credential was last used, or can't deactivate one. Remove previous_credential. Found: ${jsonencode(var.previous_credential)}."
  }
  validation {
    condition     = alltrue([for days in var.previous_credential[*].retire_after_days : try(days >= 2 && days <= 999 && floor(days) == days, false)])
    error_message = "${local._secret}: previous_credential.retire_after_days must be a whole number from 2 to 999, because a service shows a use up to a day late. Write e.g. 7. Found: ${jsonencode(one(var.previous_credential[*].retire_after_days))}."
  }
  validation {
    condition     = alltrue([for days in var.previous_credential[*].retire_after_days : days * 1440 >= coalesce(var.minimum_overlap_minutes, 60) if days != null])
    error_message = "${local._secret}: previous_credential.retire_after_days must be at least minimum_overlap_minutes. Write at least ${ceil(coalesce(var.minimum_overlap_minutes, 60) / 1440)}, or a shorter overlap. Found: ${jsonencode(one(var.previous_credential[*].retire_after_days))} days."
  }
  # Until the first look, for uses that show late, and until the look that acts: a day each.
  validation {
    condition     = alltrue([for days in var.previous_credential[*].retire_after_days : days + 3 <= local.schedule.longest_interval_in_days if days != null])
    error_message = "${local._secret}: previous_credential.retire_after_days must be at least three days shorter than the rotation interval, or the next rotation ends each previous credential first. Write at most ${max(floor(local.schedule.longest_interval_in_days) - 3, 0)}, or rotate less often. Found: ${jsonencode(one(var.previous_credential[*].retire_after_days))} days with ${local.schedule_expression}."
  }
}

variable "readers" {
  description = "Principals that the secret's resource policy allows to read it: ARNs of roles, users, sessions, federated users or accounts, or account numbers. Unless null, the secret has a resource policy, even if the list is empty. Write compact(…) around a list if Terraform reports an invalid count argument."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for reader in coalesce(var.readers, []) : can(regex("^([0-9]{12}|arn:aws[a-z-]*:(iam::[0-9]{12}:(root|(role|user)/[^*?$]+)|sts::[0-9]{12}:(assumed-role/[^*?$]+/|federated-user/)[^*?$]+))$", reader))])
    error_message = "${local._secret}: Each of readers must be a role, a user, a session or an account, without a wildcard or a policy variable. Write e.g. \"arn:aws:iam::123456789012:role/reporter\" or \"123456789012\". Found: ${jsonencode(var.readers)}."
  }
}

variable "readers_exclusive" {
  description = "Whether the secret's resource policy denies reading to everyone except readers, administrators, the function's role, and the service of a managed secret."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.readers_exclusive || length(coalesce(var.readers, [])) > 0
    error_message = "${local._secret}: readers must not be empty if readers_exclusive is set. Set readers, e.g. [\"arn:aws:iam::123456789012:role/reporter\"], or remove readers_exclusive. Found: no readers."
  }
  # A session has its role's ARN as aws:PrincipalArn, and its own ARN doesn't have the path of the role.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
  validation {
    condition     = !var.readers_exclusive || alltrue([for reader in coalesce(var.readers, []) : !can(regex(":assumed-role/", reader))])
    error_message = "${local._secret}: readers must name the role of each session if readers_exclusive is set, because the policy then compares roles. Write e.g. \"arn:aws:iam::123456789012:role/reporter\". Found: ${jsonencode(var.readers)}."
  }
  validation {
    condition     = var.readers_exclusive || length(var.administrators) == 0
    error_message = "${local._secret}: administrators must be empty if readers_exclusive is false, because they are exceptions to it. Set readers_exclusive = true, or remove administrators. Found: readers_exclusive = false."
  }
  validation {
    condition     = !var.readers_exclusive || var.initial_value_version == null || length(var.administrators) > 0
    error_message = "${local._secret}: administrators must include the role that runs Terraform if initial_value and readers_exclusive are set, because Terraform reads the initial version at each plan. Set administrators. Found: no administrators."
  }
}

variable "recovery_window_in_days" {
  description = "How many days a deleted secret can be restored; 0 deletes it immediately."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains(concat([0], range(7, 31)), var.recovery_window_in_days)
    error_message = "${local._secret}: recovery_window_in_days must be 0 (delete immediately) or a whole number from 7 to 30. Found: ${var.recovery_window_in_days}."
  }
  validation {
    condition     = var.recovery_window_in_days == 30 || local.makes_secret
    error_message = "${local._secret}: recovery_window_in_days must not be set for a managed secret, because its service deletes it. Remove recovery_window_in_days, or set rotation to another strategy. Found: ${var.recovery_window_in_days}."
  }
}

variable "replica_overwrite" {
  description = "Whether a replica overwrites a secret with the same name in its region."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.replica_overwrite || length(var.replica_regions) > 0
    error_message = "${local._secret}: replica_regions must not be empty if replica_overwrite is set. Set replica_regions, or remove replica_overwrite. Found: no replica_regions."
  }
}

variable "replica_regions" {
  description = "Regions of the replicas of the secret, each with the ARN of a customer key in that region, or null for an AWS managed key."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for region in keys(var.replica_regions) : can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$", region))])
    error_message = "${local._secret}: The keys of replica_regions must be regions. Write e.g. { \"eu-central-1\" = null }. Found: ${jsonencode(keys(var.replica_regions))}."
  }
  validation {
    condition = alltrue([
      for region, arn in var.replica_regions : can(regex(local._key_arn_pattern, arn)) && strcontains(arn, ":kms:${region}:") if arn != null
    ])
    error_message = "${local._secret}: Each value of replica_regions must be null or the ARN of a key in that region. Write e.g. { \"eu-central-1\" = \"arn:aws:kms:eu-central-1:123456789012:key/…\" }. Found: ${jsonencode(var.replica_regions)}."
  }
  validation {
    condition     = length(var.replica_regions) == 0 || local.makes_secret
    error_message = "${local._secret}: replica_regions must be empty for a managed secret. Remove replica_regions, or set rotation to another strategy. Found: ${jsonencode(keys(var.replica_regions))}."
  }
}

variable "rotate_immediately" {
  description = "Whether the secret rotates immediately when its rotation is set up, or when its schedule, function, rotation_triggers or some of the strategy's options change. If false, a new secret stays empty until its first rotation window."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.rotate_immediately || var.rotation != null
    error_message = "${local._secret}: rotate_immediately must be true if rotation is null, because it has no effect. Remove it, or set rotation. Found: no rotation."
  }
}

variable "rotation" {
  description = "How the secret rotates: exactly one strategy with its options; null for a secret that does not rotate."
  type = object({
    custom = optional(object({
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
    }))
    function = optional(object({
      add_permission = optional(bool, true)
      arn            = string
    }))
    github_app_token = optional(object({
      api_url         = optional(string, "https://api.github.com")
      client_id       = string
      constants       = optional(map(string), {})
      installation_id = number
      kms_key_arn     = string
      permissions     = map(string)
      repositories    = set(string)
      revoke_previous = optional(bool, false)
    }))
    github_deploy_key = optional(object({
      api_url = optional(string, "https://api.github.com")
      app = optional(object({
        client_id       = string
        installation_id = number
        kms_key_arn     = string
      }))
      constants         = optional(map(string), {})
      key_type          = optional(string, "ed25519")
      read_only         = optional(bool, true)
      repository        = string
      token_kms_key_arn = optional(string)
      token_secret_arn  = optional(string)
    }))
    iam_access_key = optional(object({
      adopted_access_key_id = optional(string)
      constants             = optional(map(string), {})
      former_user_names     = optional(set(string), [])
      ses_smtp              = optional(bool, false)
      settling_seconds      = optional(number, 10)
      user_name             = string
      user_path             = optional(string, "/")
    }))
    iam_service_credential = optional(object({
      adopted_credential_id = optional(string)
      constants             = optional(map(string), {})
      credential_age_days   = optional(number)
      endpoint              = optional(string)
      former_user_names     = optional(set(string), [])
      repository            = optional(string)
      service_name          = string
      settling_seconds      = optional(number, 10)
      user_name             = string
      user_path             = optional(string, "/")
    }))
    managed = optional(object({
      rotation_enabled = optional(bool, true)
      secret_arn       = string
    }))
    mysql = optional(object({
      admin_kms_key_arn  = optional(string)
      admin_secret_arn   = optional(string)
      ca_certificates    = optional(string)
      constants          = optional(map(string), {})
      dbname             = optional(string)
      endpoint           = optional(string)
      engine             = string
      exclude_characters = optional(string, ":/@\"'\\ ")
      hash_password      = optional(bool, true)
      host               = string
      mode               = string
      password_length    = optional(number, 32)
      port               = optional(number, 3306)
      user_host          = optional(string)
      username           = string
    }))
    postgres = optional(object({
      admin_kms_key_arn  = optional(string)
      admin_secret_arn   = optional(string)
      ca_certificates    = optional(string)
      constants          = optional(map(string), {})
      dbname             = optional(string)
      endpoint           = optional(string)
      exclude_characters = optional(string, ":/@\"'\\ ")
      hash_password      = optional(bool, true)
      host               = string
      mode               = string
      password_length    = optional(number, 32)
      port               = optional(number, 5432)
      username           = string
    }))
    random_value = optional(object({
      character_classes  = optional(set(string), ["lowercase", "numbers", "punctuation", "uppercase"])
      constants          = optional(map(string), {})
      exclude_characters = optional(string, "")
      json_key           = optional(string)
      length             = optional(number, 32)
    }))
  })
  default = null

  validation {
    condition     = var.rotation == null ? true : length([for name, options in var.rotation : name if options != null]) == 1
    error_message = "Secret ${coalesce(var.name, "without a name")}: rotation must have exactly one strategy. Write e.g. { iam_access_key = { user_name = \"…\" } }, or null for a secret that does not rotate. Found: ${var.rotation == null ? "none" : coalesce(join(", ", [for name, options in var.rotation : name if options != null]), "none")}."
  }
  # Only these rules of the root name a strategy. In its module they would be a cycle, because its messages need name.
  validation {
    condition     = var.name != null || one(var.rotation[*].managed) != null
    error_message = "Secret ${coalesce(var.name, "without a name")}: name must be set if this module makes the secret. Set name, e.g. to \"reports/uploader\". Found: no name."
  }
  validation {
    condition     = var.name == null || one(var.rotation[*].managed) == null
    error_message = "Secret ${coalesce(var.name, "without a name")}: name must be null for a managed secret, which keeps the name of its service. Remove name, or set rotation to another strategy. Found: ${jsonencode(var.name)}."
  }
}

variable "rotation_triggers" {
  description = "Values whose change rotates the secret in the same apply, by names of your choice, e.g. { user = aws_iam_user.uploader.unique_id } for a user that Terraform may create again."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.rotation_triggers) == 0 || (local.makes_secret && var.rotation != null)
    error_message = "${local._secret}: rotation_triggers must be empty if nothing rotates the secret, or its service does. Remove rotation_triggers, or set rotation to another strategy. Found: ${local._strategy_found}."
  }
}

locals {
  retires_previous = var.previous_credential != null

  # AWS allows 50. The function needs one, another for the previous credential, and another for the report of a leak.
  most_tags    = 49 - (local.retires_previous ? 1 : 0) - (var.revocation == null ? 0 : 1)
  writes_tags  = local.records_attempts || var.revocation != null
  _written_tag = local.records_attempts ? "rotation-attempt, in which the function of ${local._strategy_found} records an attempt" : "rotation-revocation, in which responders report a leak"

  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
  _tag_pattern = "^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$"
}

variable "tags" {
  description = "Tags of all resources that this module makes."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.tags), ["rotation-attempt", "rotation-previous", "rotation-revocation"])) == 0
    error_message = "${local._secret}: tags must not have the keys rotation-attempt, rotation-previous and rotation-revocation, which the function sets on the secret. Choose other keys. Found: ${jsonencode(keys(var.tags))}."
  }
  validation {
    condition = length(var.tags) <= local.most_tags && alltrue([
      for key, value in var.tags : length(key) >= 1 && length(key) <= 128 && try(length(value) <= 256, false) && !startswith(lower(key), "aws:")
    ])
    error_message = "${local._secret}: tags must have at most 49 keys, and one less with each of previous_credential and revocation. Keys must have 1 to 128 characters and not begin with aws:, and values at most 256 characters. Write e.g. { team = \"reports\" }. Found: ${jsonencode(var.tags)}."
  }
  validation {
    condition     = alltrue([for text in concat(keys(var.tags), values(var.tags)) : can(regex(local._tag_pattern, text)) if text != null && local.makes_role])
    error_message = "${local._secret}: The keys and values of tags must have only letters, digits, spaces and _.:/=+-@ characters, because IAM accepts no others for a role. Write e.g. { team = \"reports\" }. Found: ${jsonencode(var.tags)}."
  }
  validation {
    condition     = alltrue([for value in values(var.tags) : value != "" if local.writes_tags])
    error_message = "${local._secret}: tags must not have an empty value. Beside one, the AWS provider deletes the tag ${local._written_tag}. Write a value, e.g. \"none\", or remove the tag. Found: ${jsonencode(var.tags)}."
  }
}
