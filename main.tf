# The secret, its policy and replicas, and the schedule of its rotation.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# If the module call has a depends_on, and what it names has a change, Terraform reads these data sources only in the
# apply. Names derived from them would be unknown, and each named resource would be replaced. So the state keeps what
# they returned first.
# https://developer.hashicorp.com/terraform/language/data-sources#dependencies
resource "terraform_data" "account" {
  input = {
    dns_suffix = data.aws_partition.current.dns_suffix
    id         = data.aws_caller_identity.current.account_id
    partition  = data.aws_partition.current.partition
    region     = data.aws_region.current.id
  }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input.id == data.aws_caller_identity.current.account_id && self.input.region == data.aws_region.current.id
      error_message = "${local._secret}: The provider must stay in the account and region of this module's resources, ${self.input.id} and ${self.input.region}. Write a new module call for another region, or create everything there with terraform apply -replace='ADDRESS.terraform_data.account' with the address of this module call. Found: ${data.aws_caller_identity.current.account_id} and ${data.aws_region.current.id}."
    }
  }
}

locals {
  _account = terraform_data.account.input
  # AWS's pages don't say which of its two host names KMS compares in China: both are allowed.
  # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
  account = merge(local._account, { secrets_manager_hosts = [
    for suffix in distinct(["amazonaws.com", local._account.dns_suffix]) : "secretsmanager.${local._account.region}.${suffix}"
  ] })
}

# The provider adds its default_tags to every resource.
data "aws_default_tags" "this" {}

locals {
  # A tag of the caller replaces a default tag with the same key.
  _all_tags = merge(data.aws_default_tags.this.tags, var.tags)
}

locals {
  # Secrets Manager adds a hyphen and six characters to the name. A question mark matches exactly one character, so the
  # pattern matches no other secret, and a plan shows every policy in full before the secret exists.
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html
  secret_arn_patterns = {
    for region in toset(concat([local.account.region], keys(var.replica_regions))) : region => local.makes_secret ? join(":", [
      "arn", local.account.partition, "secretsmanager", region,
      local.account.id, "secret", "${var.name}-??????",
    ]) : local._managed_arn
  }
  secret_arn_pattern = local.secret_arn_patterns[local.account.region]

  _hosts = { for region in keys(local.secret_arn_patterns) : region => [
    for host in local.account.secrets_manager_hosts : replace(host, local.account.region, region)
  ] }
  # AWS returns a list of one as its only element. Written like that, it leaves the next plan empty.
  secrets_manager_hosts = { for region, hosts in local._hosts : region => jsondecode(length(hosts) == 1 ? jsonencode(hosts[0]) : jsonencode(hosts)) }

  # A managed secret is identified by its ARN. Its name is the part before the hyphen and six random characters.
  _managed_arn = one(local.strategy[*].existing_secret_arn)
  secret_arn   = local.makes_secret ? one(aws_secretsmanager_secret.this[*].arn) : local._managed_arn
  secret_name  = local.makes_secret ? var.name : replace(local._managed_arn, "/^([^:]+:){6}|-[^-]+$/", "")
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV_AWS_149:A customer key is the caller's choice (kms_key_arn); without one AWS encrypts with its own
  #checkov:skip=CKV2_AWS_57:Rotation is the caller's choice (rotation), and its resource is below
  count = local.makes_secret ? 1 : 0

  name                           = var.name
  description                    = var.description
  force_overwrite_replica_secret = var.replica_overwrite
  kms_key_id                     = var.kms_key_arn
  recovery_window_in_days        = var.recovery_window_in_days

  dynamic "replica" {
    for_each = var.replica_regions

    content {
      kms_key_id = replica.value
      region     = replica.key
    }
  }

  tags = var.tags

  lifecycle {
    # The function records an attempt in the first tag before it asks for a credential, and what it knows about the previous
    # one in the second. Responders report a leak in the third.
    ignore_changes = [
      tags["rotation-attempt"], tags_all["rotation-attempt"], tags["rotation-previous"], tags_all["rotation-previous"],
      tags["rotation-revocation"], tags_all["rotation-revocation"],
    ]

    precondition {
      condition     = !contains(keys(var.replica_regions), local.account.region)
      error_message = "${local._secret}: replica_regions must not include the region of the secret. Remove that region from replica_regions. Found: ${local.account.region}."
    }
    # The rules of tags again, for the default tags.
    precondition {
      condition     = !local.writes_tags || alltrue([for value in values(local._all_tags) : value != ""])
      error_message = "${local._secret}: default_tags of the AWS provider must not have an empty value. Beside one, the provider deletes the tag ${local._written_tag}. Write a value, e.g. \"none\", or set the same key in tags. Found: ${jsonencode(local._all_tags)}."
    }
    precondition {
      condition     = !local.makes_role || alltrue([for text in concat(keys(local._all_tags), values(local._all_tags)) : can(regex(local._tag_pattern, text))])
      error_message = "${local._secret}: default_tags of the AWS provider must have only letters, digits, spaces and _.:/=+-@ characters, because IAM accepts no others for a role. Give this module a provider with other default_tags. Found: ${jsonencode(local._all_tags)}."
    }
    precondition {
      condition     = length(local._all_tags) <= local.most_tags
      error_message = "${local._secret}: tags and the default_tags of the AWS provider must have at most ${local.most_tags} keys together: AWS allows 50, and the function needs the rest. Remove tags. Found: ${length(local._all_tags)} keys."
    }
    precondition {
      condition     = local._environment_bytes <= 4096
      error_message = "${local._secret}: The environment of the function must have at most 4096 bytes as JSON, Lambda's limit. Shorten the options of rotation: fewer or shorter texts. Found: ${local._environment_bytes} bytes with ${local._strategy_found}."
    }
  }
}

locals {
  # The tags of the secret that only the function writes.
  _function_tags = [for key, is_written in {
    rotation-attempt  = local.records_attempts
    rotation-previous = local.retires_previous
  } : key if is_written]

  _retiring_statements = flatten([for retirement in local.retirement[*] : [
    retirement.statements, [for statement in retirement.verifying_statements : statement if var.previous_credential.verify_unused],
  ] if local.retires_previous])
}

locals {
  # AWS returns an account number in a policy as the ARN of the account. Written as an ARN, it leaves the next plan empty.
  _account_pattern = "/^([0-9]{12})$/"
  _account_arn     = "arn:${local.account.partition}:iam::$1:root"
  _administrators  = [for administrator in var.administrators : replace(administrator, local._account_pattern, local._account_arn)]
  _responders      = flatten(var.revocation[*].responders)
  _readers         = [for reader in coalesce(var.readers, []) : replace(reader, local._account_pattern, local._account_arn)]

  # RDS and other owners stop rotating a secret that they can't read. They use a service-linked role or call as an AWS service,
  # so exempt both.
  # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_MasterUserSecret.html
  _owning_services = local.makes_secret ? [] : ["arn:${local.account.partition}:iam::${local.account.id}:role/aws-service-role/*"]

  # In a secret's resource policy, * means this secret, and in the copy of a replica, the replica.
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html
  _policy_statements = concat(
    [for readers in [local._readers] : {
      Sid       = "ReadersRead"
      Effect    = "Allow"
      Principal = { AWS = readers }
      Action    = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource  = "*"
    } if length(readers) > 0],

    # The aws:PrincipalArn of a session is the ARN of its role; an account means all of its principals.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    [for everyone in ["*"] : {
      Sid       = "OnlyReadersRead"
      Effect    = "Deny"
      Principal = everyone
      # BatchGetSecretValue requires this permission, too, and has no effect in the policy of a secret.
      # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = "*"
      Condition = merge(concat(
        [{
          ArnNotLike = {
            "aws:PrincipalArn" = [
              for arn in concat(local._readers, local._administrators, module.function[*].role_arn, local._audit_role_arns, local._owning_services) :
              replace(arn, "/:root$/", ":*")
            ]
          }
        }],
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalisawsservice
        [for service in local._owning_services : { BoolIfExists = { "aws:PrincipalIsAWSService" = "false" } }],
      )...)
    } if var.readers_exclusive],

    # A false record, or a false time in the other tag, makes the function delete a credential that it didn't create. Terraform's own tags have other keys.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-tagkeys
    [for role_arn in module.function[*].role_arn : {
      Sid       = "OnlyTheFunctionRecordsAttempts"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["secretsmanager:TagResource", "secretsmanager:UntagResource"]
      Resource  = "*"
      Condition = {
        ArnNotEquals               = { "aws:PrincipalArn" = role_arn }
        "ForAnyValue:StringEquals" = { "aws:TagKeys" = local._function_tags }
      }
    } if local.records_attempts],

    # A false request ends credentials that applications may still use, though never the last one.
    [for arns in [concat(module.function[*].role_arn, module.responder[*].role_arn, local._responders)] : {
      Sid       = "OnlyRespondersReportLeaks"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["secretsmanager:TagResource", "secretsmanager:UntagResource"]
      Resource  = "*"
      Condition = {
        ArnNotEquals               = { "aws:PrincipalArn" = arns }
        "ForAnyValue:StringEquals" = { "aws:TagKeys" = ["rotation-revocation"] }
      }
    } if var.revocation != null],

    [for sid, statement in var.policy_statements : merge(
      {
        Sid       = sid
        Effect    = statement.effect
        Principal = statement.principals
        Action    = statement.actions
        Resource  = "*"
      },
      length(statement.conditions) > 0 ? { Condition = statement.conditions } : {},
    )],
  )
}

locals {
  # How many readers there are may be unknown at plan and can't decide a count. So an empty list makes a policy, too, with a
  # Deny placeholder: no principal has this type.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principaltype
  _policy = jsonencode({ Version = "2012-10-17", Statement = concat(
    local._policy_statements,
    [for everyone in ["*"] : {
      Sid       = "NoReaders"
      Effect    = "Deny"
      Principal = everyone
      Action    = ["secretsmanager:GetSecretValue"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:PrincipalType" = "None" } }
    } if length(local._policy_statements) == 0],
  ) })
}

resource "aws_secretsmanager_secret_policy" "this" {
  # Terraform knows that compact(…) of unknown values is a list and not null.
  count = anytrue([
    var.readers != null, # Invalid count argument? Write compact(…) around readers.
    var.readers_exclusive,
    local.makes_function && local.records_attempts,
    var.revocation != null,
    length(var.policy_statements) > 0,
  ]) ? 1 : 0

  block_public_policy = true
  policy              = local._policy
  secret_arn          = local.secret_arn

  # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
  lifecycle {
    precondition {
      condition     = length(local._policy) <= 20480
      error_message = "${local._secret}: The secret's resource policy must have at most 20480 characters. Shorten readers, administrators or policy_statements, e.g. name an account instead of its roles. Found: ${length(local._policy)} characters."
    }
  }
}

# If AWS deleted the version in Terraform's state, the next apply would overwrite the current value with the first one.
# AWS never deletes a version with a staging label, so the version keeps the label INITIAL when AWSCURRENT moves on.
resource "aws_secretsmanager_secret_version" "this" {
  count = var.initial_value_version == null ? 0 : 1

  secret_id                = local.secret_arn
  secret_string_wo         = var.initial_value
  secret_string_wo_version = var.initial_value_version
  version_stages           = ["AWSCURRENT", "INITIAL"]

  lifecycle {
    ignore_changes = [version_stages]
  }
}

locals {
  settings = local.makes_function ? merge(local.strategy.settings, var.revocation == null ? {} : { revocable = true }, {
    minimum_overlap_minutes = coalesce(var.minimum_overlap_minutes, 60)
    secret_arn_pattern      = local.secret_arn_pattern
    strategy                = local.strategy.name
  }, var.metrics ? { metrics = true } : {}, { for name, options in { previous_credential = var.previous_credential } : name => options if options != null }, { for hours in var.give_up_after_hours[*] : "give_up_after_hours" => hours }) : null

  # Lambda measures the JSON of all variables, in which each quote of the settings counts two. Three bytes are four
  # characters in Base64.
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
  _environment_bytes = local.makes_function ? floor(length(replace(base64encode(jsonencode(
    merge(local.strategy.environment, { ROTATION_SETTINGS = jsonencode(local.settings) })
  )), "=", "")) * 3 / 4) : 0
}

locals {
  # The hash distinguishes secret names that differ only in characters that these names can't have, or after the first 55.
  # It includes the region, because a role has the same name and IAM has no regions.
  _default_names = { for prefix in ["audit", "previous", "respond", "rotate", "rotation-failures", "schedule", "watch"] : prefix => join("-", [
    substr("${prefix}-${replace(local.secret_name, "/[^0-9A-Za-z_]+/", "-")}", 0, 55),
    substr(sha256("${local.account.region}/${local.secret_name}"), 0, 8),
  ]) }

  _schedule_name = coalesce(one(var.scheduler[*].name), local._default_names["schedule"])

  # The caller may set the same name in each region, and for the schedule, too.
  _role_names = { for prefix, name in { rotate = one(var.function[*].name), schedule = one(var.scheduler[*].name) } : prefix => (
    name == null ? local._default_names[prefix] : "${substr(name, 0, 55)}-${substr(sha256("${local.account.region}/${prefix}/${name}"), 0, 8)}"
  ) }
}

module "function" {
  source = "./modules/function"
  count  = local.makes_function ? 1 : 0

  account       = local.account
  alarm_actions = var.alarm_actions
  core = concat(
    local.strategy.core,
    [for name in ["giving_up.py"] : name if var.give_up_after_hours != null],
    [for name in ["previous.py"] : name if local.retires_previous],
    var.revocation == null ? [] : ["revocation.py"],
  )
  default_name        = local._default_names["rotate"]
  environment         = local.strategy.environment
  files               = local.strategy.files
  function            = var.function
  former_kms_key_arns = var.former_kms_key_arns
  kms_key_arn         = var.kms_key_arn
  previous            = local.retires_previous ? { rule_name = local._default_names["previous"], secret_arn = local.secret_arn } : null
  revocable           = var.revocation != null
  role_name           = local._role_names["rotate"]
  searches_versions   = local.strategy.searches_versions || (var.revocation != null && local.issues) || var.give_up_after_hours != null
  secret_arn_pattern  = local.secret_arn_pattern
  secret_name         = local.secret_name
  secrets_manager     = jsonencode(local.secrets_manager_hosts[local.account.region])
  services            = local.strategy.services
  settings            = jsonencode(local.settings)
  statements          = concat(local.strategy.statements, local._retiring_statements)
  strategy            = local.strategy.name
  tags                = var.tags
  written_tags        = local._function_tags
}

locals {
  _existing    = [for strategy in local.chosen_strategies : strategy.existing_function if strategy.existing_function != null]
  function_arn = one(concat(local._existing[*].arn, module.function[*].arn))
}

# The function may rotate other secrets, too: source_account allows those of this account, source_arn would allow only one.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
resource "aws_lambda_permission" "existing" {
  #checkov:skip=CKV_AWS_364:source_account is set; a source_arn would exclude the other secrets of a shared function
  for_each = { for options in local._existing : "this" => options.arn if options.add_permission }

  action         = "lambda:InvokeFunction"
  function_name  = replace(each.value, "/(:function:[^:]+):.*$/", "$1")
  principal      = "secretsmanager.amazonaws.com"
  qualifier      = one(flatten(regexall(":function:[^:]+:(.+)$", each.value)))
  source_account = local.account.id
}

resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304:The schedule is the caller's choice (schedule_expression); without one the secret rotates every 30 days
  count = local.rotates ? 1 : 0

  rotate_immediately  = var.rotate_immediately
  rotation_lambda_arn = local.function_arn
  secret_id           = local.secret_arn

  # If EventBridge Scheduler keeps the schedule, this one is the backstop.
  rotation_rules {
    duration            = var.schedule_duration
    schedule_expression = local.schedule.secrets_manager_expression
  }

  # The provider rotates a secret only if its schedule or function changes, or if it sets up the rotation.
  lifecycle {
    replace_triggered_by = [terraform_data.options, terraform_data.owner]
  }

  depends_on = [
    aws_lambda_permission.existing,
    aws_secretsmanager_secret_policy.this,
    aws_secretsmanager_secret_version.this,
    module.function,
    module.notifications,
  ]
}

# Terraform switches off a rotation by deleting the resource above. A service switches its rotation on when it makes the secret,
# and then there is no resource to delete. In the apply that deletes it, Terraform reads this after that.
# https://developer.hashicorp.com/terraform/language/data-sources#dependencies
# tflint-ignore: terraform_unused_declarations # Only its postcondition is used.
data "aws_secretsmanager_secret_rotation" "switched_off" {
  count = length(local.chosen_strategies) > 0 && !local.rotates ? 1 : 0

  secret_id = local.secret_arn

  lifecycle {
    postcondition {
      condition     = !self.rotation_enabled
      error_message = "${local._secret}: rotation_enabled must be true in one apply before it is false, because Terraform can switch off only a rotation that it has set up. The service, or someone else, has switched on the rotation of ${local.secret_name}. Set it to true, with rotate_immediately = false, and apply. Then set it to false. Found: false."
    }
  }

  depends_on = [aws_secretsmanager_secret_rotation.this]
}

module "responder" {
  source = "./modules/responder"
  count  = local.hears_leaks ? 1 : 0

  account       = local.account
  alarm_actions = var.alarm_actions
  function      = var.function
  name          = local._default_names["respond"]
  secret_arn    = local.secret_arn
  secret_name   = local.secret_name
  sources       = local.leak_sources
  statements    = jsonencode(local._responder_statements)
  tags          = var.tags
  user          = local.hears_aws_health ? local.exposed_user : null
}

module "schedule" {
  source = "./modules/schedule"
  count  = local.schedule_is_fast && local.rotates ? 1 : 0

  account                      = local.account
  alarm_actions                = var.alarm_actions
  expression                   = local.schedule.scheduler_expression
  function_arn                 = one(concat(local._existing[*].arn, module.function[*].planned_arn))
  name                         = local._schedule_name
  options                      = var.scheduler
  role_name                    = local._role_names["schedule"]
  secret_arn                   = one(aws_secretsmanager_secret_rotation.this[*].secret_id)
  secret_arn_pattern           = local.secret_arn_pattern
  secret_name                  = local.secret_name
  shortest_interval_in_minutes = local.schedule.shortest_interval_in_minutes
  tags                         = var.tags
  timezone                     = var.schedule_timezone
}

module "alarm" {
  source = "./modules/alarm"
  count  = local.makes_secret || var.alarm_actions == null ? 0 : 1 # Invalid count argument? Write compact(…) around alarm_actions.

  account       = local.account
  alarm_actions = var.alarm_actions
  name          = local._default_names["rotation-failures"]
  secret_arn    = local.secret_arn
  secret_name   = local.secret_name
  tags          = var.tags
}

locals {
  # Not an output of the module, which needs the topic whose policy has this ARN.
  _audit_role_arns = [for options in var.audit[*] : join("", [
    "arn:${local.account.partition}:iam::${local.account.id}:role",
    coalesce(one(var.function[*].role_path), "/"), local._default_names["audit"],
  ])]
}

module "audit" {
  source = "./modules/audit"
  count  = var.audit == null ? 0 : 1

  account               = local.account
  alarm_actions         = var.alarm_actions
  environment           = local.strategy.environment
  files                 = module.function[0].files
  former_kms_key_arns   = var.former_kms_key_arns
  function              = var.function
  kms_key_arn           = var.kms_key_arn
  name                  = local._default_names["audit"]
  network_policy        = module.function[0].network_policy
  role_arn              = local._audit_role_arns[0]
  rotates               = var.audit.rotates == true
  rotation_function_arn = module.function[0].planned_arn
  schedule_expression   = coalesce(var.audit.schedule_expression, "rate(7 days)")
  secret_arn            = local.secret_arn
  secret_arn_pattern    = local.secret_arn_pattern
  secret_name           = local.secret_name
  secrets_manager       = jsonencode(local.secrets_manager_hosts[local.account.region])
  settings              = jsonencode(local.settings)
  statements            = local.strategy.audit_statements
  tags                  = var.tags
  topic_arn             = one(module.notifications[*].topic_arn)
  topic_kms_key_arn     = one(var.notifications[*].kms_key_arn)
}

# Made before the rotation is set up, so that it receives the events of the first one.
module "notifications" {
  source = "./modules/notifications"
  count  = var.notifications == null ? 0 : 1

  account             = local.account
  alarm_actions       = var.alarm_actions
  dashboard           = var.notifications.dashboard == true
  function            = var.function
  function_name       = one(module.function[*].name)
  give_up             = one([for hours in var.give_up_after_hours[*] : { after_hours = hours, function_arn = one(module.function[*].planned_arn) }])
  include_successes   = var.notifications.include_successes == true
  kms_key_arn         = var.notifications.kms_key_arn
  log_group_name      = one(module.function[*].log_group_name)
  maximum_age_days    = var.maximum_age_days
  metrics             = var.metrics
  name                = local._default_names["watch"]
  publishers          = local._audit_role_arns
  reactivate_with     = local.retires_previous ? local.retirement.reactivate_with : null
  rotates             = local.rotates
  rotates_immediately = var.rotate_immediately
  schedule_name       = local.schedule_is_fast && local.rotates ? local._schedule_name : null
  secret_arn          = local.secret_arn
  secret_arn_pattern  = local.secret_arn_pattern
  secret_name         = local.secret_name
  tags                = var.tags
  topic_arn           = var.notifications.topic_arn
  valid_labels        = slice(["AWSCURRENT", "AWSPREVIOUS"], 0, local._valid_intervals)

  schedule = {
    longest_interval_in_minutes = local.schedule.longest_interval_in_minutes
    window_in_minutes           = local.schedule.window_in_minutes
  }
}
