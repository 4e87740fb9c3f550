# Outputs for the tests.

output "secret_arn" {
  description = "ARN of the secret."
  value       = module.rotating_secret.secret_arn
}
