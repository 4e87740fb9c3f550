# What the application is told, and what the tests look at.

output "endpoint" {
  description = "Host of Bedrock's API; null for AWS's own of the region."
  value       = var.endpoint
}

output "function_role_name" {
  description = "Name of the role of the function."
  value       = module.rotating_secret.function_role_name
}

output "log_group_name" {
  description = "Name of the log group that tells of each step."
  value       = module.rotating_secret.log_group_name
}

output "reader_policy_json" {
  description = "Policy for the role that the application runs with, so that it may read the secret."
  value       = module.rotating_secret.reader_policy_json
}

output "secret_arn" {
  description = "ARN of the secret that the application reads."
  value       = module.rotating_secret.secret_arn
}
