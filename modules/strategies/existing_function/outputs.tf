# The traits of the strategy, which the root module reads.

output "strategy" {
  description = "Traits of the strategy; strategies.tf describes each trait."
  value = {
    name              = "function"
    existing_function = var.options
    rotates_on_change = [tostring(var.options.add_permission)]
  }
}
