# The options of rotation.function, and their rules.

variable "options" {
  description = "Options of rotation.function."
  type = object({
    add_permission = optional(bool, true)
    arn            = string
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[0-9a-z-]+:[0-9]{12}:function:[0-9A-Za-z_-]+(:[0-9A-Za-z_-]+)?$", var.options.arn))
    error_message = "${var.secret}: rotation.function.arn must be the ARN of a Lambda function, with or without a version or an alias. Lambda adds no permission to $LATEST: leave that out. Write e.g. \"arn:aws:lambda:eu-west-1:123456789012:function:rotate\". Found: ${jsonencode(var.options.arn)}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
