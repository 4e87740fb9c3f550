# The server and its administrator, the function's place in your network, and an option that the tests shorten.

variable "administrator_secret_arn" {
  description = "ARN of a secret with the username and password of an administrator."
  type        = string
}

variable "ca_certificates" {
  description = "PEM of the authorities of the server. Null for those of Lambda's runtime."
  type        = string
  default     = null
}

variable "endpoint" {
  description = "Where the function connects. Null for the host of the database."
  type        = string
  default     = null
}

variable "host" {
  description = "Host of the database, as the secret has it."
  type        = string
  default     = "stock.internal"
}

variable "port" {
  description = "Port of the database."
  type        = number
  default     = 3306
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}

variable "vpc" {
  description = "Subnets and security groups with a way to the database and to Secrets Manager. Null for a server that is reached from the internet."
  type = object({
    security_group_ids = list(string)
    subnet_ids         = list(string)
  })
  default = null
}
