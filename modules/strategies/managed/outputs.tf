# The traits of the strategy, which the root module reads.

output "strategy" {
  description = "Traits of the strategy; strategies.tf describes each trait."
  value = {
    name                = "managed"
    existing_secret_arn = var.options.secret_arn
    issuer              = true
    makes_secret        = false
    rotation_enabled    = var.options.rotation_enabled
  }
}
