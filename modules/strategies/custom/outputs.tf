# The traits of the strategy, which the root module reads.

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name             = "custom"
    core             = ["api.py", "issuing.py", "setting.py"]
    environment      = var.options.environment
    files            = { "custom_strategy.py" = file(var.options.source_file) }
    issuer           = var.options.issuer
    records_attempts = var.options.slots != null
    rotates_on_change = [sha256(jsonencode({
      for name, value in merge(var.options, { constants = null, source_file = file(var.options.source_file) }) : name => value
      if name != "searches_versions" # Only a grant depends on it.
    }))]
    searches_versions = var.options.issuer || var.options.searches_versions
    settings = {
      constants = var.options.constants
      options = {
        issuer  = var.options.issuer
        options = var.options.options
        slots   = var.options.slots
      }
    }
    statements = [for sid, statement in var.options.statements : merge(
      { Sid = sid, Effect = "Allow", Action = sort(statement.actions), Resource = statement.resource },
      length(statement.conditions) > 0 ? { Condition = statement.conditions } : {},
    )]
  }
}
