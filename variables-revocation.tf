# The input variable about leaked credentials.

variable "revocation" {
  description = "Who may report a leaked credential, so that a rotation ends it and all older ones at once, see docs/revocation.md. The secret's tag rotation-revocation has the report. Null: no one may, and the tag is ignored."
  type = object({
    responders = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.revocation == null || local.revocation != null
    error_message = "${local._secret}: revocation must be null for ${local._strategy_found}, whose credentials the function can't end. Remove revocation, or set rotation to another strategy. Found: ${jsonencode(var.revocation)}."
  }
  validation {
    condition     = var.revocation == null ? true : length(var.revocation.responders) > 0
    error_message = "${local._secret}: revocation must name someone who may report a leak. Write e.g. { responders = [\"arn:aws:iam::123456789012:role/responder\"] }, or null for no one. Found: ${jsonencode(var.revocation)}."
  }
  # A session has its role's ARN as aws:PrincipalArn.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
  validation {
    condition     = var.revocation == null ? true : alltrue([for arn in var.revocation.responders : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*?$]+$", arn))])
    error_message = "${local._secret}: Each of revocation.responders must be the ARN of a role or a user, without a wildcard. Write e.g. \"arn:aws:iam::123456789012:role/responder\". Found: ${jsonencode(one(var.revocation[*].responders))}."
  }
}
