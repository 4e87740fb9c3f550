# The traits of the strategy, which the root module reads.

module "database" {
  source = "../../database_password"

  account  = var.account
  database = { dbname = "postgres", port = 5432, strategy = "postgres", title = "PostgreSQL" }
  options  = var.options
  secret   = var.secret
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value       = merge(module.database.strategy, { services = concat(module.database.strategy.services, ["postgresql/*.py"]) })
}
