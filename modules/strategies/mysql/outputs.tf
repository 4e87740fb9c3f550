# The traits of the strategy, which the root module reads.

module "database" {
  source = "../../database_password"

  account  = var.account
  database = { port = 3306, strategy = "mysql", title = var.options.engine == "mariadb" ? "MariaDB" : "MySQL" }
  options  = var.options
  secret   = var.secret
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = merge(module.database.strategy, {
    # A user of MySQL has two passwords at a time, so the next rotation ends the previous one.
    overlaps          = module.database.strategy.overlaps || var.options.engine == "mysql"
    rotates_on_change = concat(module.database.strategy.rotates_on_change, [jsonencode([var.options.user_host])])
    services          = concat(module.database.strategy.services, ["mysql/*.py"])
    settings = merge(module.database.strategy.settings, {
      options = merge(concat(
        [module.database.strategy.settings.options, { engine = var.options.engine }],
        [for host in [var.options.user_host] : { user_host = host } if host != null],
      )...)
    })
  })
}
