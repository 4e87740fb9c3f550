# Outputs about the secret and its function; never a value.

output "audit_function_name" {
  description = "Name of the audit's function, by which an audit can be run at any time; null without audit."
  value       = one(module.audit[*].function_name)
}

output "audit_log_group_name" {
  description = "Name of the audit's log group; null without audit."
  value       = one(module.audit[*].log_group_name)
}

output "dead_letter_queue_arn" {
  description = "ARN of the dead-letter queue of an EventBridge schedule, known at plan; null if Secrets Manager keeps the schedule."
  value       = one(module.schedule[*].queue_arn)
}

output "function_arn" {
  description = "ARN of the function that rotates the secret; null if the secret does not rotate, or an AWS service rotates it."
  value       = local.function_arn
}

output "function_name" {
  description = "Name of the function that this module made; null if it made none."
  value       = one(module.function[*].name)
}

output "function_role_arn" {
  description = "ARN of the role of that function, known at plan; null if this module made no function."
  value       = one(module.function[*].role_arn)
}

output "function_role_name" {
  description = "Name of the role of that function; null if this module made no function."
  value       = one(module.function[*].role_name)
}

output "log_group_name" {
  description = "Name of the log group of that function; null if this module made no function."
  value       = one(module.function[*].log_group_name)
}

output "notification_topic_arn" {
  description = "ARN of the topic of notifications; null without notifications."
  value       = one(module.notifications[*].topic_arn)
}

locals {
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
  _reader_statements = concat(
    [{
      Sid      = "ReadThisSecret"
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource = values(local.secret_arn_patterns)
    }],
    [for region, key in merge(var.replica_regions, { (local.account.region) = var.kms_key_arn }) : {
      Sid      = "DecryptIn${replace(title(region), "-", "")}"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = key
      Condition = {
        StringEquals = { "kms:ViaService" = local.secrets_manager_hosts[region] }
        StringLike   = { "kms:EncryptionContext:SecretARN" = values(local.secret_arn_patterns) }
      }
    } if key != null],
    [for keys in [var.former_kms_key_arns] : {
      Sid      = "DecryptUnderFormerKeys"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = keys
      Condition = {
        StringEquals = { "kms:ViaService" = local.secrets_manager_hosts[local.account.region] }
        StringLike   = { "kms:EncryptionContext:SecretARN" = values(local.secret_arn_patterns) }
      }
    } if length(keys) > 0],
  )
}

output "reader_policy_json" {
  description = "IAM policy that allows an application to read this secret and its replicas, with their customer keys, and nothing else."
  value       = jsonencode({ Version = "2012-10-17", Statement = local._reader_statements })
}

locals {
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
  _responder_statements = [
    {
      Sid      = "ReportALeak"
      Effect   = "Allow"
      Action   = ["secretsmanager:TagResource"]
      Resource = local.secret_arn_pattern
      Condition = {
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["rotation-revocation"] }
        Null                        = { "aws:TagKeys" = "false" }
      }
    },
    {
      Sid      = "RotateThisSecret"
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:RotateSecret"]
      Resource = local.secret_arn_pattern
    },
    # RotateSecret requires this permission of its caller.
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    {
      Sid      = "HaveTheFunctionInvoked"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = one(module.function[*].planned_arn)
    },
  ]
}

output "responder_policy_json" {
  description = "IAM policy that allows one of revocation.responders to report a leaked credential, to rotate this secret, and to read how that goes, and nothing else; null if revocation is null."
  value = var.revocation == null ? null : jsonencode({ Version = "2012-10-17", Statement = concat(local._responder_statements, [
    {
      Sid      = "FindTheVersion"
      Effect   = "Allow"
      Action   = ["secretsmanager:ListSecretVersionIds"]
      Resource = local.secret_arn_pattern
    },
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    {
      Sid      = "ReadTheSettings"
      Effect   = "Allow"
      Action   = ["lambda:GetFunctionConfiguration"]
      Resource = one(module.function[*].planned_arn)
    },
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    {
      Sid      = "ReadTheLog"
      Effect   = "Allow"
      Action   = ["logs:FilterLogEvents"]
      Resource = "arn:${local.account.partition}:logs:${local.account.region}:${local.account.id}:log-group:${one(module.function[*].log_group_name)}:*"
    },
  ]) })
}

output "rotation_enabled" {
  description = "Whether the secret rotates."
  value       = local.rotates
}

output "schedule_arn" {
  description = "ARN of the EventBridge schedule; null if Secrets Manager keeps the schedule."
  value       = one(module.schedule[*].schedule_arn)
}

output "schedule_role_arn" {
  description = "ARN of the role of that schedule, known at plan; null if Secrets Manager keeps the schedule."
  value       = one(module.schedule[*].role_arn)
}

output "secret_arn" {
  description = "ARN of the secret, available after its policy and rotation are set up; the first rotation may still be running."
  value       = local.secret_arn
  depends_on = [
    aws_secretsmanager_secret_policy.this,
    aws_secretsmanager_secret_rotation.this,
    aws_secretsmanager_secret_version.this,
    module.schedule,
  ]
}

output "secret_name" {
  description = "Name of the secret."
  value       = local.secret_name
}

output "secret_replica_arns" {
  description = "ARN of each replica of the secret, by its region."
  value       = { for region in keys(var.replica_regions) : region => replace(local.secret_arn, ":${local.account.region}:", ":${region}:") }
}

output "watcher_log_group_name" {
  description = "Name of the log group of the watcher, which sends the notifications; null without notifications."
  value       = one(module.notifications[*].log_group_name)
}
