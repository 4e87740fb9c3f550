# The options of rotation.github_deploy_key, and their rules.

variable "account" {
  description = "The partition and region of the module, and the hosts of Secrets Manager there."
  type = object({
    partition             = string
    region                = string
    secrets_manager_hosts = list(string)
  })
  nullable = false
}

locals {
  _key_arn_example = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  _key_arn_pattern = "^arn:aws[a-z-]*:kms:[0-9a-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$"
  _token_pattern   = "^arn:aws[a-z-]*:secretsmanager:[0-9a-z-]+:[0-9]{12}:secret:[0-9A-Za-z/_+=.@-]+-[0-9A-Za-z]{6}$"
  _value_keys      = ["api_url", "key_id", "private_key", "public_key", "read_only", "repository", "ssh_url"]
}

# Terraform prints each value that a condition reads by its full name. With [*], it prints no pasted credential.
variable "options" {
  description = "Options of rotation.github_deploy_key."
  type = object({
    api_url = optional(string, "https://api.github.com")
    app = optional(object({
      client_id       = string
      installation_id = number
      kms_key_arn     = string
    }))
    constants         = optional(map(string), {})
    key_type          = optional(string, "ed25519")
    read_only         = optional(bool, true)
    repository        = string
    token_kms_key_arn = optional(string)
    token_secret_arn  = optional(string)
  })
  nullable = false

  validation {
    condition     = alltrue([for url in var.options[*].api_url : can(regex("^https://[0-9A-Za-z.-]+(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/[0-9A-Za-z._-]+)*$", url))])
    error_message = "${var.secret}: rotation.github_deploy_key.api_url must start with https://, must not end with a slash, and may have a port from 1 to 65535. Write \"https://api.github.com\", or \"https://HOST/api/v3\" for GitHub Enterprise Server. Found: ${jsonencode(replace(var.options.api_url, "/[^/]+@|[?#].*/", "…"))}."
  }
  validation {
    condition     = (var.options.app == null) != (var.options.token_secret_arn == null)
    error_message = "${var.secret}: rotation.github_deploy_key must have exactly one of app and token_secret_arn: a deploy key is added by a GitHub App, or with a token in another secret. Found: ${var.options.app == null ? "neither" : "both"}."
  }
  validation {
    condition     = alltrue([for app in var.options.app[*] : can(regex("^[0-9A-Za-z.-]{1,64}$", app.client_id))])
    error_message = "${var.secret}: rotation.github_deploy_key.app.client_id must be the client ID on the settings page of the GitHub App. Write e.g. \"Iv23liAbCdEfGhIjKlMn\". Found: a text of ${try(length(var.options.app.client_id), 0)} characters, which may be a credential and is not shown."
  }
  validation {
    condition     = alltrue([for app in var.options.app[*] : try(app.installation_id >= 1 && floor(app.installation_id) == app.installation_id, false)])
    error_message = "${var.secret}: rotation.github_deploy_key.app.installation_id must be the number at the end of the URL of the installation. Write e.g. 12345678. Found: ${jsonencode(one(var.options.app[*].installation_id))}."
  }
  validation {
    condition     = alltrue([for app in var.options.app[*] : can(regex(local._key_arn_pattern, app.kms_key_arn))])
    error_message = "${var.secret}: rotation.github_deploy_key.app.kms_key_arn must be the ARN of the KMS key that has the App's private key. Write e.g. \"${local._key_arn_example}\". Found: ${can(regex("^arn:", var.options.app.kms_key_arn)) ? jsonencode(var.options.app.kms_key_arn) : "a text of ${try(length(var.options.app.kms_key_arn), 0)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = !can(regex("^https://(www[.])?github[.]com(/|$)", var.options.api_url))
    error_message = "${var.secret}: rotation.github_deploy_key.api_url must be the address of the API, not of GitHub's pages. Write \"https://api.github.com\", or \"https://HOST/api/v3\" for GitHub Enterprise Server. Found: ${jsonencode(replace(var.options.api_url, "/[^/]+@|[?#].*/", "…"))}."
  }
  validation {
    condition     = alltrue([for arn in concat(var.options.app[*].kms_key_arn, var.options.token_kms_key_arn[*]) : can(regex("^arn:${var.account.partition}:[^:]+:${var.account.region}:", arn)) if can(regex("^arn:", arn))])
    error_message = "${var.secret}: rotation.github_deploy_key.app.kms_key_arn and token_kms_key_arn must be in the region of this module, where the function calls KMS. Write the ARN of a key in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(concat(var.options.app[*].kms_key_arn, var.options.token_kms_key_arn[*]))}."
  }
  validation {
    condition     = alltrue([for arn in var.options[*].token_secret_arn : can(regex(local._token_pattern, arn)) if arn != null])
    error_message = "${var.secret}: rotation.github_deploy_key.token_secret_arn must be the full ARN of the secret that has the token. Write e.g. \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3\". Found: ${can(regex("^arn:", var.options.token_secret_arn)) || var.options.token_secret_arn == null ? jsonencode(var.options.token_secret_arn) : "a text of ${length(var.options.token_secret_arn)} characters, which may be a credential and is not shown"}."
  }
  # The function calls Secrets Manager in its own region.
  validation {
    condition     = !can(regex(local._token_pattern, var.options.token_secret_arn)) || startswith(coalesce(var.options.token_secret_arn, "-"), "arn:${var.account.partition}:secretsmanager:${var.account.region}:")
    error_message = "${var.secret}: rotation.github_deploy_key.token_secret_arn must be in the region of this module, ${var.account.region}. Write the ARN of a secret, or of its replica, in that region. Found: ${jsonencode(var.options.token_secret_arn)}."
  }
  validation {
    condition     = alltrue([for options in var.options[*] : options.app == null && can(regex(local._key_arn_pattern, options.token_kms_key_arn)) if options.token_kms_key_arn != null])
    error_message = "${var.secret}: rotation.github_deploy_key.token_kms_key_arn must be the ARN of the customer key of the secret token_secret_arn, and must not be set together with app. Write e.g. \"${local._key_arn_example}\". Found: ${can(regex("^arn:", var.options.token_kms_key_arn)) || var.options.token_kms_key_arn == null ? jsonencode(var.options.token_kms_key_arn) : "a text of ${length(var.options.token_kms_key_arn)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = contains(["ed25519", "rsa"], var.options.key_type)
    error_message = "${var.secret}: rotation.github_deploy_key.key_type must be \"ed25519\" or \"rsa\". Use \"rsa\" only for clients without Ed25519 support. Found: ${jsonencode(var.options.key_type)}."
  }
  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,100}/[0-9A-Za-z._-]{1,100}$", var.options.repository)) && !can(regex("/[.]{1,2}$|[.]git$", var.options.repository))
    error_message = "${var.secret}: rotation.github_deploy_key.repository must be a repository with its owner, without .git. Write e.g. \"octo-org/reports\". Found: ${jsonencode(var.options.repository)}."
  }
  validation {
    condition     = length(setintersection(keys(var.options.constants), local._value_keys)) == 0
    error_message = "${var.secret}: rotation.github_deploy_key.constants must not have a key that the deploy key's value itself has: ${join(", ", local._value_keys)}. Choose other keys. Found: ${jsonencode(keys(var.options.constants))}."
  }
  validation {
    condition     = alltrue([for value in values(var.options.constants) : value != null])
    error_message = "${var.secret}: rotation.github_deploy_key.constants must not have a null. Write a text, or remove the key. Found: ${jsonencode([for key, value in var.options.constants : key if value == null])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
