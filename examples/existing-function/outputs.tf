# Outputs for the tests.

output "function_role_name" {
  description = "Name of the role of the function."
  value       = aws_iam_role.rotate.name
}

output "log_group_name" {
  description = "Name of the log group of the function."
  value       = aws_cloudwatch_log_group.rotate.name
}

output "secret_arn" {
  description = "ARN of the secret."
  value       = module.rotating_secret.secret_arn
}
