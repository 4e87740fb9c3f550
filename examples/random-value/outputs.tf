# What the tests look at.

output "function_role_name" {
  description = "Name of the role of the function."
  value       = module.rotating_secret.function_role_name
}

output "log_group_name" {
  description = "Name of the log group that tells of each step."
  value       = module.rotating_secret.log_group_name
}

output "secret_arn" {
  description = "ARN of the secret."
  value       = module.rotating_secret.secret_arn
}
