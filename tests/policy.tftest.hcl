# The secret's resource policy: who may read the secret.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "reports/uploader"
}

run "policy_statements_accepts_each_kind" {
  command = plan

  variables {
    policy_statements = {
      AuditorsDescribe = {
        actions    = ["secretsmanager:DescribeSecret"]
        principals = { AWS = ["arn:aws:iam::123456789012:role/auditor"] }
      }
      BackupReads = {
        actions    = ["secretsmanager:GetSecretValue"]
        principals = { Service = ["backup.amazonaws.com"] }
      }
      OnlyFromOurNetwork = {
        actions    = ["secretsmanager:*"]
        conditions = { StringNotEquals = { "aws:SourceVpce" = ["vpce-1"] } }
        effect     = "Deny"
        principals = { AWS = ["*"] }
      }
      OrganisationDescribes = {
        actions    = ["secretsmanager:DescribeSecret"]
        conditions = { StringEquals = { "aws:PrincipalOrgID" = ["o-1"] } }
        principals = { AWS = ["*"] }
      }
    }
  }

  assert {
    condition = jsondecode(aws_secretsmanager_secret_policy.this[0].policy).Statement == [
      {
        Action    = ["secretsmanager:DescribeSecret"]
        Effect    = "Allow"
        Principal = { AWS = ["arn:aws:iam::123456789012:role/auditor"] }
        Resource  = "*"
        Sid       = "AuditorsDescribe"
      },
      {
        Action    = ["secretsmanager:GetSecretValue"]
        Effect    = "Allow"
        Principal = { Service = ["backup.amazonaws.com"] }
        Resource  = "*"
        Sid       = "BackupReads"
      },
      {
        Action    = ["secretsmanager:*"]
        Condition = { StringNotEquals = { "aws:SourceVpce" = ["vpce-1"] } }
        Effect    = "Deny"
        Principal = { AWS = ["*"] }
        Resource  = "*"
        Sid       = "OnlyFromOurNetwork"
      },
      {
        Action    = ["secretsmanager:DescribeSecret"]
        Condition = { StringEquals = { "aws:PrincipalOrgID" = ["o-1"] } }
        Effect    = "Allow"
        Principal = { AWS = ["*"] }
        Resource  = "*"
        Sid       = "OrganisationDescribes"
      },
    ]
    error_message = "The policy has other statements: ${aws_secretsmanager_secret_policy.this[0].policy}."
  }
  assert {
    condition     = aws_secretsmanager_secret_policy.this[0].block_public_policy
    error_message = "AWS does not check whether the policy is public."
  }
}

run "readers_accepts_an_account_number" {
  command = plan

  variables {
    readers = ["123456789012"]
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.this[0].policy).Statement[0].Principal == { AWS = ["arn:aws:iam::123456789012:root"] }
    error_message = "AWS would return another policy, and the next plan would show a change: ${aws_secretsmanager_secret_policy.this[0].policy}."
  }
}

run "readers_accepts_an_empty_list" {
  command = plan

  variables {
    readers = []
  }

  # AWS refuses a policy without a statement, and no principal has this type.
  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.this[0].policy).Statement[*].Condition == [{ StringEquals = { "aws:PrincipalType" = "None" } }]
    error_message = "The policy applies to someone: ${aws_secretsmanager_secret_policy.this[0].policy}."
  }
}

run "readers_exclusive_accepts_readers_and_administrators" {
  command = plan

  variables {
    administrators = [
      "123456789012",
      "arn:aws:iam::123456789012:role/aws-reserved/*/Admin_*",
      "arn:aws:iam::123456789012:role/terraform",
    ]
    initial_value         = "first"
    initial_value_version = 1
    readers               = ["arn:aws:iam::123456789012:role/reporter"]
    readers_exclusive     = true
    rotation              = { random_value = {} }
  }

  assert {
    condition = jsondecode(aws_secretsmanager_secret_policy.this[0].policy).Statement[1].Condition.ArnNotLike["aws:PrincipalArn"] == [
      "arn:aws:iam::123456789012:role/reporter",
      "arn:aws:iam::123456789012:*",
      "arn:aws:iam::123456789012:role/aws-reserved/*/Admin_*",
      "arn:aws:iam::123456789012:role/terraform",
      output.function_role_arn,
    ]
    error_message = "Other principals than the readers, the administrators and the function may read: ${aws_secretsmanager_secret_policy.this[0].policy}."
  }
}

run "policy_refuses_more_than_20480_characters" {
  command = plan

  variables {
    readers = [for number in range(480) : "arn:aws:iam::123456789012:role/reporter${number}"]
  }

  expect_failures = [aws_secretsmanager_secret_policy.this]
}

run "reader_policy_allows_both_host_names_of_secrets_manager_in_china" {
  command = plan

  variables {
    former_kms_key_arns = ["arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"]
    kms_key_arn         = "arn:aws-cn:kms:cn-north-1:123456789012:key/4321abcd-12ab-34cd-56ef-1234567890ab"
  }

  override_data {
    target = data.aws_partition.current
    values = { dns_suffix = "amazonaws.com.cn", partition = "aws-cn" }
  }

  override_data {
    target = data.aws_region.current
    values = { id = "cn-north-1" }
  }

  assert {
    condition = [
      for statement in jsondecode(output.reader_policy_json).Statement : statement.Condition.StringEquals["kms:ViaService"]
      if startswith(statement.Sid, "Decrypt")
    ] == [for key in range(2) : ["secretsmanager.cn-north-1.amazonaws.com", "secretsmanager.cn-north-1.amazonaws.com.cn"]]
    error_message = "A reader cannot decrypt in China: ${output.reader_policy_json}."
  }
}
