# The IAM user of the key, and its permissions in Bedrock.

resource "aws_iam_user" "assistant" {
  #checkov:skip=CKV_AWS_273:This example rotates an API key of an IAM user; the user is for an application, not for a person
  name          = "assistant"
  force_destroy = true # Without this, Terraform can't delete a user that has keys.
}

resource "aws_iam_user_policy" "assistant" {
  #checkov:skip=CKV_AWS_40:A group for a single user would hide its permissions
  name = "ask-models"
  user = aws_iam_user.assistant.name

  # The function verifies each new key with these two actions. Neither supports resource-level permissions.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "UseTheKey"
        Effect   = "Allow"
        Action   = ["bedrock:CallWithBearerToken", "bedrock:ListFoundationModels"]
        Resource = "*"
      },
      {
        Sid      = "AskModels"
        Effect   = "Allow"
        Action   = ["bedrock:InvokeModel"]
        Resource = "arn:aws:bedrock:*::foundation-model/amazon.nova-micro-v1:0"
      },
    ]
  })
}
