# What the tests look at.

output "secret_arn" {
  description = "ARN of the secret."
  value       = module.rotating_secret.secret_arn
}
