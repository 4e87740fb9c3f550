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
    error_message = "rotation.random_value.character_classes must name at least one class, and only these: ${join(", ", keys(local._character_classes))}. Found: ${jsonencode(var.options.character_classes)}."
  }
  validation {
    condition = alltrue([
      for name in var.options.character_classes :
      length(setsubtract(split("", lookup(local._character_classes, name, "-")), split("", var.options.exclude_characters))) > 0
    ])
    error_message = "rotation.random_value.exclude_characters must leave at least one character of each class in character_classes. Exclude fewer characters, or remove that class. Found: ${var.options.exclude_characters}"
  }
  validation {
    condition     = var.options.length >= 8 && var.options.length <= 4096 && floor(var.options.length) == var.options.length
    error_message = "rotation.random_value.length must be a whole number from 8 to 4096. Found: ${var.options.length}."
  }
  validation {
    condition     = var.options.json_key != ""
    error_message = "rotation.random_value.json_key must not be empty. Write e.g. \"password\", or null for a value without JSON. Found: an empty key."
  }
  validation {
    condition     = length(var.options.constants) == 0 || (var.options.json_key != null && !contains(keys(var.options.constants), coalesce(var.options.json_key, "-")))
    error_message = "rotation.random_value.constants must be set together with json_key, and must not include that key. Set json_key, e.g. to \"password\", or rename the constant. Found: ${jsonencode({ constants = keys(var.options.constants), json_key = var.options.json_key })}."
  }
  validation {
    condition     = length(jsonencode(var.options.constants)) <= 2048
    error_message = "rotation.random_value.constants must have at most 2048 characters as JSON, because Lambda limits a function's environment to 4 KB. Found: ${length(jsonencode(var.options.constants))}."
  }
}
