# The options of rotation.iam_service_credential, and their rules.

variable "account" {
  description = "The account and region of the module."
  type = object({
    dns_suffix = string
    id         = string
    partition  = string
    region     = string
  })
  nullable = false
}

locals {
  # A wildcard or a policy variable in a path would widen the grant that is made of it.
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html
  _path_pattern = "^/([!-#%-)+->@-~]+/)?$"

  # The host of each service.
  # https://docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html
  # https://docs.aws.amazon.com/codecommit/latest/userguide/regions.html
  # https://docs.aws.amazon.com/keyspaces/latest/devguide/programmatic.endpoints.html
  _hosts = {
    "bedrock.amazonaws.com"    = "bedrock"
    "cassandra.amazonaws.com"  = "cassandra"
    "codecommit.amazonaws.com" = "git-codecommit"
  }

  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredential.html
  _value_keys = [
    "ExpirationDate", "ServiceCredentialAlias", "ServiceCredentialSecret", "ServiceName", "ServicePassword",
    "ServiceSpecificCredentialId", "ServiceUserName", "UserName",
  ]
}

# Terraform prints each value that a condition reads by its full name. With [*], it prints no pasted credential.
variable "options" {
  description = "Options of rotation.iam_service_credential."
  type = object({
    adopted_credential_id = optional(string)
    constants             = optional(map(string), {})
    credential_age_days   = optional(number)
    endpoint              = optional(string)
    former_user_names     = optional(set(string), [])
    repository            = optional(string)
    service_name          = string
    settling_seconds      = optional(number, 10)
    user_name             = string
    user_path             = optional(string, "/")
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_+=,.@-]{1,64}$", var.options.user_name))
    error_message = "${var.secret}: rotation.iam_service_credential.user_name must have 1 to 64 letters, digits and _+=,.@- characters, without the path. Write e.g. \"assistant\". Found: ${jsonencode(var.options.user_name)}."
  }
  validation {
    condition     = alltrue([for name in var.options.former_user_names : name != var.options.user_name && can(regex("^[0-9A-Za-z_+=,.@-]{1,64}$", name))])
    error_message = "${var.secret}: rotation.iam_service_credential.former_user_names must have names of the user before it was renamed, without the path, and not its present one. Write e.g. [\"reporter\"]. Found: ${jsonencode(var.options.former_user_names)}."
  }
  validation {
    condition     = can(regex(local._path_pattern, var.options.user_path)) && try(length(var.options.user_path) <= 512, false)
    error_message = "${var.secret}: rotation.iam_service_credential.user_path must begin and end with a slash, must have at most 512 characters, and must not contain a wildcard. Write e.g. \"/apps/\". Found: ${jsonencode(var.options.user_path)}."
  }
  validation {
    condition     = try(contains(keys(local._hosts), var.options.service_name), false)
    error_message = "${var.secret}: rotation.iam_service_credential.service_name must be one of ${join(", ", keys(local._hosts))}: the function can verify credentials for these services. Found: ${jsonencode(var.options.service_name)}."
  }
  validation {
    condition = var.options.service_name != "codecommit.amazonaws.com" ? var.options.repository == null : (
      can(regex("^[0-9A-Za-z._-]{1,100}$", var.options.repository)) && !can(regex("^[.]{1,2}$|[.]git$", var.options.repository))
    )
    error_message = "${var.secret}: rotation.iam_service_credential.repository must be the name of a CodeCommit repository, which the function reads to verify a credential. Write e.g. \"reports\" for codecommit.amazonaws.com, and remove it for another service. Found: ${jsonencode(var.options.repository)}."
  }
  validation {
    condition = var.options.credential_age_days == null || try(
      var.options.service_name == "bedrock.amazonaws.com" && var.options.credential_age_days >= 1 && var.options.credential_age_days <= 36600 && floor(var.options.credential_age_days) == var.options.credential_age_days,
      false,
    )
    error_message = "${var.secret}: rotation.iam_service_credential.credential_age_days must be a whole number from 1 to 36600, and only for bedrock.amazonaws.com: the age at which a Bedrock key expires. Remove it for another service. Found: ${jsonencode(var.options.credential_age_days)}."
  }
  validation {
    condition     = alltrue([for host in var.options[*].endpoint : can(regex("^[0-9A-Za-z-]{1,63}([.][0-9A-Za-z-]{1,63})+(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$", host)) if host != null])
    error_message = "${var.secret}: rotation.iam_service_credential.endpoint must be a host without https://, which may have a port from 1 to 65535; the function always connects with TLS. Write e.g. \"vpce-0123456789abcdef0-abcdefgh.bedrock.eu-west-1.vpce.amazonaws.com\", or null for the service's own endpoint in this region. Found: ${jsonencode(replace(coalesce(var.options.endpoint, "-"), "/.*@|[?#].*/", "…"))}."
  }
  validation {
    condition     = alltrue([for id in var.options[*].adopted_credential_id : can(regex("^[0-9A-Za-z_]{20,128}$", id)) if id != null])
    error_message = "${var.secret}: rotation.iam_service_credential.adopted_credential_id must be the ID of a credential of this user for this service. Write e.g. \"ACCA1EXAMPLE1EXAMPLE1\". Found: ${var.options.adopted_credential_id == null ? "null" : "a text of ${length(var.options.adopted_credential_id)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = var.options.settling_seconds >= 0 && var.options.settling_seconds <= 60 && floor(var.options.settling_seconds) == var.options.settling_seconds
    error_message = "${var.secret}: rotation.iam_service_credential.settling_seconds must be a whole number from 0 to 60. The service must accept a new credential for so many seconds before it becomes current. Found: ${var.options.settling_seconds}."
  }
  validation {
    condition     = length(setintersection(keys(var.options.constants), local._value_keys)) == 0
    error_message = "${var.secret}: rotation.iam_service_credential.constants must not have a key that the credential itself has: ${join(", ", local._value_keys)}. Choose other keys. Found: ${jsonencode(keys(var.options.constants))}."
  }
  validation {
    condition     = alltrue([for value in values(var.options.constants) : value != null])
    error_message = "${var.secret}: rotation.iam_service_credential.constants must not have a null. Write a text, or remove the key. Found: ${jsonencode([for key, value in var.options.constants : key if value == null])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
