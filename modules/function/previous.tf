# The rule that has the function look at the previous credential each day.

resource "aws_cloudwatch_event_rule" "previous" {
  count = var.previous == null ? 0 : 1

  name                = var.previous.rule_name
  description         = substr("Looks at the previous credential of ${var.secret_name}", 0, 512)
  schedule_expression = "rate(1 day)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "previous" {
  count = var.previous == null ? 0 : 1

  arn  = aws_lambda_function.this.arn
  rule = aws_cloudwatch_event_rule.previous[0].name

  # lambda/rotation/event.py has the same step.
  input = jsonencode({ SecretId = var.previous.secret_arn, Step = "lookAtPrevious" })
}

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions
resource "aws_lambda_permission" "previous" {
  count = var.previous == null ? 0 : 1

  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "events.amazonaws.com"
  source_account = var.account.id
  source_arn     = "arn:${var.account.partition}:events:${var.account.region}:${var.account.id}:rule/${var.previous.rule_name}"
}
