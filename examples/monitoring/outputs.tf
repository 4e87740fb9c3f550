# Outputs for the tests.

output "function_role_name" {
  description = "Name of the role of the function."
  value       = module.rotating_secret.function_role_name
}

output "log_group_name" {
  description = "Name of the log group with one record per rotation step."
  value       = module.rotating_secret.log_group_name
}

output "secret_arn" {
  description = "ARN of the secret."
  value       = module.rotating_secret.secret_arn
}
