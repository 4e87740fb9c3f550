# The topic, unless the caller has one.

locals {
  topic_arn = var.topic_arn != null ? var.topic_arn : local._arns.sns

  # AWS returns a list of one as its only element.
  _publishers = jsondecode(length(var.publishers) == 0 ? jsonencode(local.role_arn) : jsonencode(concat([local.role_arn], var.publishers)))
}

# With AWS's own key, a principal of this account may publish, and no AWS service. The watcher is such a principal.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
resource "aws_sns_topic" "this" {
  count = var.topic_arn == null ? 1 : 0 # Invalid count argument? Write format("%s", …) around topic_arn.

  name              = var.name
  kms_master_key_id = var.kms_key_arn != null ? var.kms_key_arn : "alias/aws/sns"
  tags              = var.tags

  # A message says which commands to run, so no one else may write one. A request without the key is denied, too.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTheWatcherPublishes"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sns:Publish"
      Resource  = local._arns.sns
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = local._publishers } }
    }]
  })
}
