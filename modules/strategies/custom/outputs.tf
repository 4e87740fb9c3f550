# The traits of the strategy, which the root module reads.

locals {
  # Actions by which a service is only read. An audit has no other grant.
  _read = "^(?:[a-z0-9-]+:(?:BatchGet|Describe|Get|Head|List)[A-Za-z]*|kms:Decrypt)$"
  _statements = [for sid, statement in var.options.statements : merge(
    { Sid = sid, Effect = "Allow", Action = sort(statement.actions), Resource = statement.resource },
    length(statement.conditions) > 0 ? { Condition = statement.conditions } : {},
  )]
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name             = "custom"
    core             = ["api.py", "issuing.py", "setting.py"]
    environment      = var.options.environment
    files            = { "custom_strategy.py" = file(var.options.source_file) }
    issuer           = var.options.issuer
    records_attempts = var.options.slots != null
    revocable        = true
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
    audit_statements = [for statement in local._statements : statement if alltrue([for action in statement.Action : can(regex(local._read, action))])]
    statements       = local._statements
  }
}
