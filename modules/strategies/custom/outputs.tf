# The traits of the strategy, which the root module reads.

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name              = "custom"
    environment       = var.options.environment
    files             = { "custom_strategy.py" = file(var.options.source_file) }
    issuer            = var.options.issuer
    records_attempts  = var.options.slots != null
    rotates_on_change = [sha256(jsonencode(merge(var.options, { constants = null, source_file = file(var.options.source_file) })))]
    searches_versions = var.options.issuer
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
