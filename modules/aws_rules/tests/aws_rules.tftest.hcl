# Inputs that AWS accepts from this account and region, and those that it refuses.

variables {
  account = {
    dns_suffix = "amazonaws.com"
    id         = "123456789012"
    partition  = "aws"
    region     = "eu-west-1"
  }
  administrators    = []
  alarm_actions     = []
  function          = null
  kms_key_arn       = null
  notifications     = null
  policy_statements = {}
  readers           = []
  replica_regions   = {}
  scheduler         = null
  secret            = "Secret reports/uploader"
  strategy          = null
}

run "accepts_nothing" {
  command = plan

  assert {
    condition     = length(var.readers) == 0
    error_message = "There are readers."
  }
}

run "accepts_what_is_in_this_region" {
  command = plan

  variables {
    administrators = ["arn:aws:iam::123456789012:role/*"]
    alarm_actions  = ["arn:aws:sns:eu-west-1:210987654321:alerts", "arn:aws:ssm-incidents::123456789012:response-plan/outage"]
    function = {
      kms_key_arn          = "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      layers               = ["arn:aws:lambda:eu-west-1:210987654321:layer:certificates:1"]
      permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
      role_arn             = "arn:aws:iam::123456789012:role/rotation"
      vpc                  = { security_group_ids = ["sg-0123abcd"], subnet_ids = ["subnet-0123456789abcdef0"] }
    }
    kms_key_arn   = "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    notifications = { topic_arn = "arn:aws:sns:eu-west-1:210987654321:alerts" }
    policy_statements = {
      AuditorsDescribe = {
        conditions = { "ForAnyValue:StringLikeIfExists" = { "aws:PrincipalOrgID" = ["o-1"] }, Null = { "aws:TokenIssueTime" = ["true"] } }
        principals = {
          AWS       = ["*", "123456789012", "arn:aws:sts::123456789012:assumed-role/auditor/mona"]
          Federated = ["arn:aws:iam::123456789012:saml-provider/office", "accounts.google.com"]
          Service   = ["backup.amazonaws.com", "logs.eu-west-1.amazonaws.com"]
        }
      }
    }
    readers         = ["123456789012", "arn:aws:sts::210987654321:federated-user/mona"]
    replica_regions = { "eu-central-1" = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
    scheduler       = { permissions_boundary = "arn:aws:iam::123456789012:policy/boundary" }
    strategy = {
      name         = "custom"
      function_arn = "arn:aws:lambda:eu-west-1:210987654321:function:rotate"
      statements = {
        Ask  = { conditions = { StringEquals = { "aws:RequestedRegion" = ["eu-west-1"] } }, resource = "*" }
        Read = { conditions = {}, resource = "arn:aws:s3:::bucket/key" }
      }
    }
  }

  assert {
    condition     = length(var.readers) == 2
    error_message = "There are other readers."
  }
}

run "refuses_a_key_of_another_region" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_an_arn_of_another_partition" {
  command = plan

  variables {
    administrators = ["arn:aws-cn:iam::123456789012:role/admin"]
    readers        = ["arn:aws-cn:iam::123456789012:role/reporter"]
  }

  expect_failures = [var.administrators, var.readers]
}

# Terraform evaluates no rule that reads a refused input, as one of readers does.
run "refuses_a_replica_key_of_another_partition" {
  command = plan

  variables {
    replica_regions = { "cn-north-1" = "arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  expect_failures = [var.replica_regions]
}

run "refuses_a_service_that_iam_does_not_know" {
  command = plan

  variables {
    policy_statements = { AuditorsDescribe = { conditions = {}, principals = { Service = ["backup"] } } }
  }

  expect_failures = [var.policy_statements]
}
