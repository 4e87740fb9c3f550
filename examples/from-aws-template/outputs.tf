# Outputs for the application, the tests and the demo.

output "function_role_name" {
  description = "Name of the role of the function."
  value       = module.rotating_secret.function_role_name
}

output "log_group_name" {
  description = "Name of the log group with one record per rotation step."
  value       = module.rotating_secret.log_group_name
}

output "reader_policy_json" {
  description = "IAM policy for the application's role. It allows reading this secret."
  value       = module.rotating_secret.reader_policy_json
}

output "secret_arn" {
  description = "ARN of the secret that the application reads."
  value       = module.rotating_secret.secret_arn
}
