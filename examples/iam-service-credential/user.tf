# Whose key it is: a user for Bedrock alone, and the least that the application may do there.

resource "aws_iam_user" "assistant" {
  #checkov:skip=CKV_AWS_273:A key that renews itself is what this example is about; people sign in otherwise
  name          = "assistant"
  force_destroy = true # Terraform did not make the keys, and would not delete the user over them.
}

resource "aws_iam_user_policy" "assistant" {
  #checkov:skip=CKV_AWS_40:A group for one user would only hide what it may do
  name = "ask-models"
  user = aws_iam_user.assistant.name

  # bedrock:CallWithBearerToken and bedrock:ListFoundationModels know no resource, and prove each new key.
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
