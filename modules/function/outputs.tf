# Outputs about the function, its role and its log group.

output "arn" {
  description = "ARN of the function without a version, so that a new package does not start a rotation."
  value       = aws_lambda_function.this.arn
}

output "files" {
  description = "Files of the package, by their path in it."
  value       = local._files
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "network_policy" {
  description = "Policy with which Lambda connects a function to a VPC, as JSON."
  value       = local._network_policy
}

output "planned_arn" {
  description = "The same ARN, known at plan."
  value       = local.planned_arn
}

output "role_arn" {
  description = "ARN of the function's role, known at plan."
  value       = local.role_arn
  depends_on  = [aws_iam_role.this]
}

output "role_name" {
  description = "Name of the function's role."
  value       = replace(local.role_arn, "/^.*\\//", "")
}
