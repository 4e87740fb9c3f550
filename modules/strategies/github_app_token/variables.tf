# The options of rotation.github_app_token, and their rules.

variable "account" {
  description = "The partition and region of the module."
  type = object({
    partition = string
    region    = string
  })
  nullable = false
}

locals {
  _value_keys = ["api_url", "expires_at", "installation_id", "token", "username"]
}

# Terraform prints each value that a condition reads by its full name. With [*], it prints no pasted credential.
variable "options" {
  description = "Options of rotation.github_app_token."
  type = object({
    api_url         = optional(string, "https://api.github.com")
    client_id       = string
    constants       = optional(map(string), {})
    installation_id = number
    kms_key_arn     = string
    permissions     = map(string)
    repositories    = set(string)
    revoke_previous = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = alltrue([for url in var.options[*].api_url : can(regex("^https://[0-9A-Za-z.-]+(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/[0-9A-Za-z._-]+)*$", url))])
    error_message = "${var.secret}: rotation.github_app_token.api_url must start with https://, must not end with a slash, and may have a port from 1 to 65535. Write \"https://api.github.com\", or \"https://HOST/api/v3\" for GitHub Enterprise Server. Found: ${jsonencode(replace(var.options.api_url, "/[^/]+@|[?#].*/", "…"))}."
  }
  validation {
    condition     = alltrue([for id in var.options[*].client_id : can(regex("^[0-9A-Za-z.-]{1,64}$", id))])
    error_message = "${var.secret}: rotation.github_app_token.client_id must be the client ID on the settings page of the GitHub App. Write e.g. \"Iv23liAbCdEfGhIjKlMn\". Found: ${var.options.client_id == null ? "null" : "a text of ${length(var.options.client_id)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = try(var.options.installation_id >= 1 && floor(var.options.installation_id) == var.options.installation_id, false)
    error_message = "${var.secret}: rotation.github_app_token.installation_id must be the number at the end of the URL of the installation. Write e.g. 12345678. Found: ${jsonencode(var.options.installation_id)}."
  }
  validation {
    condition     = alltrue([for arn in var.options[*].kms_key_arn : can(regex("^arn:aws[a-z-]*:kms:[0-9a-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$", arn))])
    error_message = "${var.secret}: rotation.github_app_token.kms_key_arn must be the ARN of the KMS key that has the App's private key. Write e.g. \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\". Found: ${can(regex("^arn:", var.options.kms_key_arn)) || var.options.kms_key_arn == null ? jsonencode(var.options.kms_key_arn) : "a text of ${length(var.options.kms_key_arn)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = !can(regex("^arn:", var.options.kms_key_arn)) || can(regex("^arn:${var.account.partition}:[^:]+:${var.account.region}:", var.options.kms_key_arn))
    error_message = "${var.secret}: rotation.github_app_token.kms_key_arn must be in the region of this module, where the function calls KMS. Write the ARN of a key in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(var.options.kms_key_arn)}."
  }
  validation {
    condition     = !can(regex("^https://(www[.])?github[.]com(/|$)", var.options.api_url))
    error_message = "${var.secret}: rotation.github_app_token.api_url must be the address of the API, not of GitHub's pages. Write \"https://api.github.com\", or \"https://HOST/api/v3\" for GitHub Enterprise Server. Found: ${jsonencode(replace(var.options.api_url, "/[^/]+@|[?#].*/", "…"))}."
  }
  validation {
    condition = try(length(var.options.permissions) > 0 && alltrue([
      for name, level in var.options.permissions : can(regex("^[a-z_]+$", name)) && contains(["read", "write", "admin"], level)
    ]), false)
    error_message = "${var.secret}: rotation.github_app_token.permissions must have at least one permission, each with the level read, write or admin. Write e.g. { contents = \"read\", issues = \"write\" }. Found: ${jsonencode(var.options.permissions)}."
  }
  validation {
    condition = try(length(var.options.repositories) >= 1 && length(var.options.repositories) <= 500, false) && alltrue([
      for name in flatten([var.options.repositories]) : can(regex("^[0-9A-Za-z._-]{1,100}$", name))
    ])
    error_message = "${var.secret}: rotation.github_app_token.repositories must have 1 to 500 names of repositories, without their owner. Write e.g. [\"reports\"]. Found: ${jsonencode(var.options.repositories)}."
  }
  validation {
    condition     = length(setintersection(keys(var.options.constants), local._value_keys)) == 0
    error_message = "${var.secret}: rotation.github_app_token.constants must not have a key that the token's value itself has: ${join(", ", local._value_keys)}. Choose other keys. Found: ${jsonencode(keys(var.options.constants))}."
  }
  validation {
    condition     = alltrue([for value in values(var.options.constants) : value != null])
    error_message = "${var.secret}: rotation.github_app_token.constants must not have a null. Write a text, or remove the key. Found: ${jsonencode([for key, value in var.options.constants : key if value == null])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
