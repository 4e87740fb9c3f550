# The options of rotation.iam_access_key, and their rules.

variable "account" {
  description = "The account and region of the module."
  type = object({
    id        = string
    partition = string
    region    = string
  })
  nullable = false
}

locals {
  # A wildcard or a policy variable in a path would widen the grant that is made of it.
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html
  _path_pattern = "^/([!-#%-)+->@-~]+/)?$"

  # https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
  _value_keys = ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken", "SmtpPassword", "SmtpUserName", "UserName", "Version"]
}

# Terraform prints each value that a condition reads by its full name. With [*], it prints no pasted credential.
variable "options" {
  description = "Options of rotation.iam_access_key."
  type = object({
    adopted_access_key_id = optional(string)
    constants             = optional(map(string), {})
    former_user_names     = optional(set(string), [])
    ses_smtp              = optional(bool, false)
    settling_seconds      = optional(number, 10)
    user_name             = string
    user_path             = optional(string, "/")
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_+=,.@-]{1,64}$", var.options.user_name))
    error_message = "${var.secret}: rotation.iam_access_key.user_name must have 1 to 64 letters, digits and _+=,.@- characters, without the path. Write e.g. \"uploader\". Found: ${jsonencode(var.options.user_name)}."
  }
  validation {
    condition     = alltrue([for name in var.options.former_user_names : name != var.options.user_name && can(regex("^[0-9A-Za-z_+=,.@-]{1,64}$", name))])
    error_message = "${var.secret}: rotation.iam_access_key.former_user_names must have names of the user before it was renamed, without the path, and not its present one. Write e.g. [\"reporter\"]. Found: ${jsonencode(var.options.former_user_names)}."
  }
  validation {
    condition     = can(regex(local._path_pattern, var.options.user_path)) && try(length(var.options.user_path) <= 512, false)
    error_message = "${var.secret}: rotation.iam_access_key.user_path must begin and end with a slash, must have at most 512 characters, and must not contain a wildcard. Write e.g. \"/apps/\". Found: ${jsonencode(var.options.user_path)}."
  }
  validation {
    condition     = alltrue([for id in var.options[*].adopted_access_key_id : can(regex("^AKIA[0-9A-Z]{12,124}$", id)) if id != null])
    error_message = "${var.secret}: rotation.iam_access_key.adopted_access_key_id must be the ID of an access key of this user. Write e.g. \"AKIAIOSFODNN7EXAMPLE\". Found: ${var.options.adopted_access_key_id == null ? "null" : "a text of ${length(var.options.adopted_access_key_id)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = var.options.settling_seconds >= 0 && var.options.settling_seconds <= 60 && floor(var.options.settling_seconds) == var.options.settling_seconds
    error_message = "${var.secret}: rotation.iam_access_key.settling_seconds must be a whole number from 0 to 60: how long AWS must accept a new key without a refusal before it becomes current. Found: ${var.options.settling_seconds}."
  }
  validation {
    condition     = length(setintersection(keys(var.options.constants), local._value_keys)) == 0
    error_message = "${var.secret}: rotation.iam_access_key.constants must not have a key that the credential itself has: ${join(", ", local._value_keys)}. Choose other keys. Found: ${jsonencode(keys(var.options.constants))}."
  }
  validation {
    condition     = alltrue([for value in values(var.options.constants) : value != null])
    error_message = "${var.secret}: rotation.iam_access_key.constants must not have a null. Write a text, or remove the key. Found: ${jsonencode([for key, value in var.options.constants : key if value == null])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
