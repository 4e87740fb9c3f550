# What the root module asks of the strategy.

output "strategy" {
  description = "Traits of the strategy; strategies.tf describes each trait."
  value = {
    name              = "function"
    existing_function = var.options
  }
}
