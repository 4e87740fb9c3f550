# The input variable about leaked credentials.

variable "revocation" {
  description = "Who may report a leaked credential, so that a rotation ends it and all older ones at once, see docs/revocation.md. The secret's tag rotation-revocation has the report. Null: no one may, and the tag is ignored."
  type = object({
    events = optional(object({           # null: no function listens to EventBridge
      aws_health = optional(bool, false) # AWS_RISK_CREDENTIALS_EXPOSED of AWS Health about a key of the user
      sources    = optional(set(string)) # of events "Credential leaked" whose detail.secret is the name of this secret
    }))
    responders = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.revocation == null || local.revocable
    error_message = "${local._secret}: revocation must be null for ${local._strategy_found}, whose credentials the function can't end. Remove revocation, or set rotation to another strategy. Found: ${jsonencode(var.revocation)}."
  }
  validation {
    condition = var.revocation == null ? true : (
      var.revocation.events == null ? length(var.revocation.responders) > 0 :
      try(var.revocation.events.aws_health, false) || length(coalesce(var.revocation.events.sources, [])) > 0
    )
    error_message = "${local._secret}: revocation must name someone who may report a leak, or a source of events. Write e.g. { responders = [\"arn:aws:iam::123456789012:role/responder\"] }, or null for no one. Found: ${jsonencode(var.revocation)}."
  }
  # A session has its role's ARN as aws:PrincipalArn.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
  validation {
    condition     = var.revocation == null ? true : alltrue([for arn in var.revocation.responders : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*?$]+$", arn))])
    error_message = "${local._secret}: Each of revocation.responders must be the ARN of a role or a user, without a wildcard. Write e.g. \"arn:aws:iam::123456789012:role/responder\". Found: ${jsonencode(one(var.revocation[*].responders))}."
  }
  validation {
    condition     = !try(var.revocation.events.aws_health, false) || local.exposed_user != null
    error_message = "${local._secret}: revocation.events.aws_health must be false for ${local._strategy_found}, because AWS Health reports only access keys of IAM users. Remove aws_health, or name sources of your own events. Found: true."
  }
  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
  validation {
    condition     = alltrue([for source in try(coalesce(var.revocation.events.sources, []), []) : can(regex("^[0-9A-Za-z._/-]{1,256}$", source)) && !can(regex("^aws[.]", source))])
    error_message = "${local._secret}: Each of revocation.events.sources must have 1 to 256 letters, digits and ._/- characters, and must not begin with aws., which only AWS may send. Write e.g. [\"example.secret-scanner\"]. Found: ${jsonencode(try(var.revocation.events.sources, null))}."
  }
}

locals {
  _leak_events     = one(var.revocation[*].events)
  hears_aws_health = local._leak_events == null ? false : local._leak_events.aws_health
  hears_leaks      = local._leak_events != null
  leak_sources     = local._leak_events == null ? null : local._leak_events.sources
}
