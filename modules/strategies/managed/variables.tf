# The options of rotation.managed, and their rules.

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
  _arn_pattern = "^arn:aws[a-z-]*:secretsmanager:[0-9a-z-]+:[0-9]{12}:secret:[0-9a-z-]+![0-9A-Za-z/_+=.@!-]+-[0-9A-Za-z]{6}$"
}

variable "options" {
  description = "Options of rotation.managed."
  type = object({
    rotation_enabled = optional(bool, true)
    secret_arn       = string
  })
  nullable = false

  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
  validation {
    condition     = can(regex(local._arn_pattern, var.options.secret_arn))
    error_message = "${var.secret}: rotation.managed.secret_arn must be the ARN of a secret that an AWS service made and rotates; its name begins with the service and a !. Write e.g. aws_db_instance.this.master_user_secret[0].secret_arn. Found: ${jsonencode(var.options.secret_arn)}."
  }
  validation {
    condition     = !can(regex(local._arn_pattern, var.options.secret_arn)) || startswith(coalesce(var.options.secret_arn, "-"), "arn:${var.account.partition}:secretsmanager:${var.account.region}:${var.account.id}:")
    error_message = "${var.secret}: rotation.managed.secret_arn must be in the region and account of this module, ${var.account.region}:${var.account.id}. Write the ARN of a secret there, or give the module the provider of the secret's region and account. Found: ${jsonencode(var.options.secret_arn)}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
