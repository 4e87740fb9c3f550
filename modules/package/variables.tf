# Input variables from the modules of functions.

variable "account" {
  description = "The account and region of the module."
  type = object({
    id     = string
    region = string
  })
  nullable = false
}

variable "files" {
  description = "Content of each file, by its path in the package."
  type        = map(string)
  nullable    = false
}

variable "name" {
  description = "Name of the function."
  type        = string
  nullable    = false
}
