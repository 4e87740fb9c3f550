# The options that the strategies for databases have in common, and their rules.

variable "account" {
  description = "The partition and region of the module, and the hosts of Secrets Manager there."
  type = object({
    partition             = string
    region                = string
    secrets_manager_hosts = list(string)
  })
  nullable = false
}

variable "database" {
  description = "The name of the strategy, the title that owners begin with, the port of an example, and the database without dbname."
  type = object({
    dbname   = optional(string)
    port     = number
    strategy = string
    title    = string
  })
  nullable = false
}

locals {
  _admin_pattern   = "^arn:aws[a-z-]*:secretsmanager:[0-9a-z-]+:[0-9]{12}:secret:[0-9A-Za-z/_+=.@!-]+-[0-9A-Za-z]{6}$"
  _host_pattern    = "^[0-9A-Za-z_-]{1,63}([.][0-9A-Za-z_-]{1,63})*$"
  _key_arn_example = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  _key_arn_pattern = "^arn:aws[a-z-]*:kms:[0-9a-z-]+:[0-9]{12}:key/[0-9A-Za-z-]+$"

  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
  _value_keys = ["dbname", "engine", "host", "masterarn", "password", "port", "username"]

  # Every character that a password can have.
  _characters = split("", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")

  # A block of PEM with one certificate. https://www.rfc-editor.org/rfc/rfc7468
  _certificate_pattern = "-----BEGIN CERTIFICATE-----[[:space:]]+[0-9A-Za-z+/=[:space:]]+-----END CERTIFICATE-----"

  # RDS's bundle for all regions has 115 certificates and 174 KB; that of one region has three.
  _most_certificate_bytes = 262144
}

# Terraform prints each value that a condition reads by its full name. With [*], it prints no pasted credential.
variable "options" {
  description = "Options of the strategy, whose type has the defaults."
  type = object({
    admin_kms_key_arn  = string
    admin_secret_arn   = string
    ca_certificates    = string
    constants          = map(string)
    dbname             = string
    endpoint           = string
    exclude_characters = string
    hash_password      = bool
    host               = string
    mode               = string
    password_length    = number
    port               = number
    username           = string
  })
  nullable = false

  validation {
    condition     = try(contains(["alternating_users", "single_user"], var.options.mode), false)
    error_message = "${var.secret}: rotation.${var.database.strategy}.mode must be \"alternating_users\", which needs an administrator, or \"single_user\". Found: ${jsonencode(var.options.mode)}."
  }
  validation {
    condition     = alltrue([for options in var.options[*] : options.admin_secret_arn != null if options.mode == "alternating_users"])
    error_message = "${var.secret}: rotation.${var.database.strategy}.admin_secret_arn must be set with alternating_users: an administrator makes the second user and sets each password. Write the ARN of the administrator's secret, e.g. that of the master user of RDS, or mode = \"single_user\". Found: null."
  }
  validation {
    condition     = alltrue([for host in var.options[*].host : can(regex(local._host_pattern, host)) && try(length(host) <= 253, false)])
    error_message = "${var.secret}: rotation.${var.database.strategy}.host must be the name or the IPv4 address of the server, without a scheme, a user or a port. Write e.g. \"reports.a1b2c3d4e5f6.eu-west-1.rds.amazonaws.com\". Found: ${jsonencode(replace(coalesce(var.options.host, "-"), "/.*@|[?#].*/", "…"))}."
  }
  validation {
    condition     = alltrue([for host in var.options[*].endpoint : can(regex(local._host_pattern, host)) && length(host) <= 253 if host != null])
    error_message = "${var.secret}: rotation.${var.database.strategy}.endpoint must be the name or the IPv4 address to which the function connects, without a scheme, a user or a port. Write e.g. \"reports.a1b2c3d4e5f6.eu-west-1.rds.amazonaws.com\", or null for host. Found: ${jsonencode(replace(coalesce(var.options.endpoint, "-"), "/.*@|[?#].*/", "…"))}."
  }
  validation {
    condition     = var.options.port >= 1 && var.options.port <= 65535 && floor(var.options.port) == var.options.port
    error_message = "${var.secret}: rotation.${var.database.strategy}.port must be a whole number from 1 to 65535. Write e.g. ${var.database.port}. Found: ${var.options.port}."
  }
  validation {
    condition     = !endswith(coalesce(var.options.username, "-"), "_clone")
    error_message = "${var.secret}: rotation.${var.database.strategy}.username must be the original user, not the second one, whose name ends with _clone. Write e.g. \"reports\". Found: ${jsonencode(var.options.username)}."
  }
  validation {
    condition     = alltrue([for arn in var.options[*].admin_secret_arn : can(regex(local._admin_pattern, arn)) if arn != null])
    error_message = "${var.secret}: rotation.${var.database.strategy}.admin_secret_arn must be the full ARN of the administrator's secret. Write e.g. \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3\". Found: ${can(regex("^arn:", var.options.admin_secret_arn)) || var.options.admin_secret_arn == null ? jsonencode(var.options.admin_secret_arn) : "a text of ${length(var.options.admin_secret_arn)} characters, which may be a credential and is not shown"}."
  }
  # The function calls Secrets Manager in its own region.
  validation {
    condition     = !can(regex(local._admin_pattern, var.options.admin_secret_arn)) || startswith(coalesce(var.options.admin_secret_arn, "-"), "arn:${var.account.partition}:secretsmanager:${var.account.region}:")
    error_message = "${var.secret}: rotation.${var.database.strategy}.admin_secret_arn must be in the region of this module, ${var.account.region}. Write the ARN of a secret, or of its replica, in that region. Found: ${jsonencode(var.options.admin_secret_arn)}."
  }
  validation {
    condition     = alltrue([for options in var.options[*] : options.admin_secret_arn != null && can(regex(local._key_arn_pattern, options.admin_kms_key_arn)) if options.admin_kms_key_arn != null])
    error_message = "${var.secret}: rotation.${var.database.strategy}.admin_kms_key_arn must be the ARN of the customer key of the secret admin_secret_arn, and must be set only together with it. Write e.g. \"${local._key_arn_example}\". Found: ${can(regex("^arn:", var.options.admin_kms_key_arn)) || var.options.admin_kms_key_arn == null ? jsonencode(var.options.admin_kms_key_arn) : "a text of ${length(var.options.admin_kms_key_arn)} characters, which may be a credential and is not shown"}."
  }
  validation {
    condition     = alltrue([for arn in var.options[*].admin_kms_key_arn : startswith(arn, "arn:${var.account.partition}:kms:${var.account.region}:") if can(regex(local._key_arn_pattern, arn))])
    error_message = "${var.secret}: rotation.${var.database.strategy}.admin_kms_key_arn must be in the region of this module, where the function reads the secret. Write the ARN of a key in ${var.account.region}, with arn:${var.account.partition}. Found: ${jsonencode(var.options.admin_kms_key_arn)}."
  }
  # The state has the files of the function's package.
  validation {
    condition     = alltrue([for text in var.options[*].ca_certificates : length(text) <= local._most_certificate_bytes if text != null])
    error_message = "${var.secret}: rotation.${var.database.strategy}.ca_certificates must have at most ${local._most_certificate_bytes} characters, because the function's package and Terraform's state have a copy. Write only the authorities of the server, e.g. RDS's bundle of one region. Found: ${length(coalesce(var.options.ca_certificates, "-"))} characters."
  }
  validation {
    condition = alltrue([for text in var.options[*].ca_certificates :
      length(regexall(local._certificate_pattern, text)) > 0 &&
      length(regexall(local._certificate_pattern, text)) == length(regexall("-----BEGIN ", text))
      if text != null
    ])
    error_message = "${var.secret}: rotation.${var.database.strategy}.ca_certificates must be PEM with at least one certificate, and without a key or another block. Write e.g. file(\"eu-west-1-bundle.pem\"). Found: a text of ${length(coalesce(var.options.ca_certificates, "-"))} characters, which may be a credential and is not shown."
  }
  validation {
    condition     = var.options.password_length >= 16 && var.options.password_length <= 255 && floor(var.options.password_length) == var.options.password_length
    error_message = "${var.secret}: rotation.${var.database.strategy}.password_length must be a whole number from 16 to 255. Write e.g. 32. Found: ${var.options.password_length}."
  }
  validation {
    condition     = can(regex("^[ -~]*$", var.options.exclude_characters))
    error_message = "${var.secret}: rotation.${var.database.strategy}.exclude_characters must have only printable ASCII characters: a password has no others. Write e.g. \":/@\". Found: ${jsonencode(var.options.exclude_characters)}."
  }
  validation {
    condition = var.options.password_length < 16 || try(64 <= var.options.password_length * log(length([
      for character in local._characters : character if !strcontains(var.options.exclude_characters, character)
    ]), 2), false)
    error_message = "${var.secret}: rotation.${var.database.strategy} must leave the password at least 64 bits of randomness, or it could be guessed. Increase password_length, or exclude fewer characters. Found: ${var.options.password_length} of ${length([for character in local._characters : character if !strcontains(var.options.exclude_characters, character)])} characters."
  }
  validation {
    condition     = length(setintersection(keys(var.options.constants), local._value_keys)) == 0
    error_message = "${var.secret}: rotation.${var.database.strategy}.constants must not have a key that the value itself has: ${join(", ", local._value_keys)}. Choose other keys. Found: ${jsonencode(keys(var.options.constants))}."
  }
  validation {
    condition     = alltrue([for value in values(var.options.constants) : value != null])
    error_message = "${var.secret}: rotation.${var.database.strategy}.constants must not have a null. Write a text, or remove the key. Found: ${jsonencode([for key, value in var.options.constants : key if value == null])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
