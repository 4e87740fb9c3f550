# The options of rotation.random_value, and their rules.

locals {
  # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
  _character_classes = {
    lowercase   = "abcdefghijklmnopqrstuvwxyz"
    numbers     = "0123456789"
    punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
  }
}

variable "options" {
  description = "Options of rotation.random_value."
  type = object({
    character_classes  = optional(set(string), ["lowercase", "numbers", "punctuation", "uppercase"])
    constants          = optional(map(string), {})
    exclude_characters = optional(string, "")
    json_key           = optional(string)
    length             = optional(number, 32)
  })
  nullable = false

  validation {
    condition     = length(var.options.character_classes) > 0 && length(setsubtract(var.options.character_classes, keys(local._character_classes))) == 0
    error_message = "${var.secret}: rotation.random_value.character_classes must name at least one class, and only these: ${join(", ", keys(local._character_classes))}. Found: ${jsonencode(var.options.character_classes)}."
  }
  validation {
    condition = alltrue([
      for name in var.options.character_classes :
      try(anytrue([for character in split("", local._character_classes[name]) : !strcontains(var.options.exclude_characters, character)]), true)
    ])
    error_message = "${var.secret}: rotation.random_value.exclude_characters must leave at least one character of each class in character_classes. Exclude fewer characters, or remove that class. Found: ${var.options.exclude_characters}"
  }
  validation {
    condition     = var.options.length >= 8 && var.options.length <= 65536 && floor(var.options.length) == var.options.length
    error_message = "${var.secret}: rotation.random_value.length must be a whole number from 8 to 65536, the most bytes of a secret. Found: ${var.options.length}."
  }
  validation {
    condition = var.options.length < 8 || try(64 <= var.options.length * log(length([
      for character in flatten([for name in var.options.character_classes : split("", local._character_classes[name])]) :
      character if !strcontains(var.options.exclude_characters, character)
    ]), 2), true)
    error_message = "${var.secret}: rotation.random_value must have at least 64 bits of randomness, or the value could be guessed. Increase length, or allow more characters. Found: ${try(floor(var.options.length * log(length([
      for character in flatten([for name in var.options.character_classes : split("", local._character_classes[name])]) :
      character if !strcontains(var.options.exclude_characters, character)
    ]), 2)), "no")} bits."
  }
  # The function writes JSON with a space after each comma and colon, and letters beyond ASCII as one or two of \u00e9.
  # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
  validation {
    condition = var.options.json_key == null || var.options.length > 65536 || 65536 >= (
      length(replace(jsonencode(merge(var.options.constants, { (coalesce(var.options.json_key, "-")) = "" })), "/[^ -~]/", "\\u00e9\\u00e9")) +
      2 * length(var.options.constants) + 2 + var.options.length * (
        contains(var.options.character_classes, "punctuation") && !(strcontains(var.options.exclude_characters, "\"") && strcontains(var.options.exclude_characters, "\\")) ? 2 : 1
      )
    )
    error_message = "${var.secret}: rotation.random_value.length must leave the JSON object at most 65536 bytes, in which each \" and \\ counts two. Write a smaller number, or exclude_characters = \"\\\"\\\\\". Found: ${var.options.length} characters."
  }
  validation {
    condition     = var.options.json_key != ""
    error_message = "${var.secret}: rotation.random_value.json_key must not be empty. Write e.g. \"password\", or null for a value without JSON. Found: an empty key."
  }
  validation {
    condition     = length(var.options.constants) == 0 || (var.options.json_key != null && !contains(keys(var.options.constants), coalesce(var.options.json_key, "-")))
    error_message = "${var.secret}: rotation.random_value.constants must be set together with json_key, and must not include that key. Set json_key, e.g. to \"password\", or rename the constant. Found: ${jsonencode({ constants = keys(var.options.constants), json_key = var.options.json_key })}."
  }
  validation {
    condition     = alltrue([for value in values(var.options.constants) : value != null])
    error_message = "${var.secret}: rotation.random_value.constants must not have a null. Write a text, or remove the key. Found: ${jsonencode([for key, value in var.options.constants : key if value == null])}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}
