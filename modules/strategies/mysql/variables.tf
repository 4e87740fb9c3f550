# The options of rotation.mysql, and the rules that only MySQL and MariaDB have.

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
  description = "Options of rotation.mysql."
  type = object({
    admin_kms_key_arn  = optional(string)
    admin_secret_arn   = optional(string)
    ca_certificates    = optional(string)
    constants          = optional(map(string), {})
    dbname             = optional(string)
    endpoint           = optional(string)
    engine             = string
    exclude_characters = optional(string, ":/@\"'\\ ")
    hash_password      = optional(bool, true)
    host               = string
    mode               = string
    password_length    = optional(number, 32)
    port               = optional(number, 3306)
    user_host          = optional(string)
    username           = string
  })
  nullable = false

  validation {
    condition     = try(contains(["mariadb", "mysql"], var.options.engine), false)
    error_message = "${var.secret}: rotation.mysql.engine must be \"mysql\", also for Aurora MySQL, or \"mariadb\". Found: ${jsonencode(var.options.engine)}."
  }
  validation {
    condition     = var.options.engine == "mariadb" || var.options.hash_password
    error_message = "${var.secret}: rotation.mysql.hash_password must be true with MySQL, which leaves passwords out of its logs and always receives the password itself. Remove it. Found: false."
  }
  # https://dev.mysql.com/doc/refman/8.0/en/identifier-length.html
  validation {
    condition = alltrue([for name in var.options[*].dbname :
      name != "" && !strcontains(name, "\u0000") && length(regexall("(?s).", name)) < 65 if name != null
    ])
    error_message = "${var.secret}: rotation.mysql.dbname must be the name of a database in 1 to 64 characters, or null. Write e.g. \"reports\". Found: ${length(regexall("(?s).", coalesce(var.options.dbname, " ")))} characters."
  }
  # https://dev.mysql.com/doc/refman/8.0/en/user-names.html
  validation {
    condition = alltrue([for options in var.options[*] : try(
      options.username != "" && length(regexall("(?s).", options.username)) < (options.mode == "alternating_users" ? 27 : 33),
      false,
    )])
    error_message = "${var.secret}: rotation.mysql.username must have 1 to 32 characters. With alternating_users it must have at most 26, because the second user is USERNAME_clone. Write e.g. \"reports\". Found: ${try(length(regexall("(?s).", var.options.username)), 0)} characters."
  }
  # A server stores such names, and then refuses the log-in or finds no account.
  validation {
    condition     = can(regex("^[^ '\\x{0}\\x{10000}-\\x{10FFFF}](?:[^'\\x{0}\\x{10000}-\\x{10FFFF}]*[^ '\\x{0}\\x{10000}-\\x{10FFFF}])?$", coalesce(var.options.username, "-")))
    error_message = "${var.secret}: rotation.mysql.username must not begin or end with a blank. It must have no single quote, no NUL and no character above U+FFFF, such as an emoji. No server accepts the log-in. Write e.g. \"reports\". Found: ${jsonencode(var.options.username)}."
  }
  # https://dev.mysql.com/doc/refman/8.0/en/account-names.html
  validation {
    condition     = alltrue([for host in var.options[*].user_host : can(regex("^[0-9A-Za-z._%:/-]{1,255}$", host)) if host != null])
    error_message = "${var.secret}: rotation.mysql.user_host must be the host of the user's account as mysql.user has it, or null for the only account of that user. Write e.g. \"%\" or \"10.0.0.0/255.255.255.0\". Found: ${jsonencode(var.options.user_host)}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
