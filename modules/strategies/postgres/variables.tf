# The options of rotation.postgres, and the rules that only PostgreSQL has.

variable "account" {
  description = "The partition and region of the module, and the hosts of Secrets Manager there."
  type = object({
    partition             = string
    region                = string
    secrets_manager_hosts = list(string)
  })
  nullable = false
}

# Terraform prints each value that a condition reads by its full name. With [*], it prints no pasted credential.
variable "options" {
  description = "Options of rotation.postgres."
  type = object({
    admin_kms_key_arn  = optional(string)
    admin_secret_arn   = optional(string)
    ca_certificates    = optional(string)
    constants          = optional(map(string), {})
    dbname             = optional(string)
    endpoint           = optional(string)
    exclude_characters = optional(string, ":/@\"'\\ ")
    hash_password      = optional(bool, true)
    host               = string
    mode               = string
    password_length    = optional(number, 32)
    port               = optional(number, 5432)
    username           = string
  })
  nullable = false

  # PostgreSQL cuts off a longer name without an error. It counts bytes; three bytes are four characters in Base64.
  # https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
  validation {
    condition = alltrue([for name in var.options[*].dbname :
      name != "" && !strcontains(name, "\u0000") && length(replace(base64encode(name), "=", "")) * 3 / 4 < 64 if name != null
    ])
    error_message = "${var.secret}: rotation.postgres.dbname must be the name of a database in 1 to 63 bytes of UTF-8, without the character NUL, or null. Write e.g. \"reports\". Found: ${try(floor(length(replace(base64encode(var.options.dbname), "=", "")) * 3 / 4), 0)} bytes."
  }
  validation {
    condition = alltrue([for options in var.options[*] : try(
      options.username != "" && !strcontains(options.username, "\u0000") &&
      length(replace(base64encode(options.username), "=", "")) * 3 / 4 < (options.mode == "alternating_users" ? 58 : 64),
      false,
    )])
    error_message = "${var.secret}: rotation.postgres.username must have 1 to 63 bytes of UTF-8, without the character NUL. With alternating_users it must have at most 57, because the second user is USERNAME_clone. Write e.g. \"reports\". Found: ${try(floor(length(replace(base64encode(var.options.username), "=", "")) * 3 / 4), 0)} bytes."
  }
  # https://www.postgresql.org/docs/current/sql-createrole.html
  validation {
    condition     = !contains(["none", "public"], coalesce(var.options.username, "-")) && !startswith(coalesce(var.options.username, "-"), "pg_")
    error_message = "${var.secret}: rotation.postgres.username must not be a name that PostgreSQL reserves: none, public, and all that begin with pg_. Write e.g. \"reports\". Found: ${jsonencode(var.options.username)}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
