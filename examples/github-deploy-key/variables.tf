# The App's data, the layer's file, and options that the tests shorten.

variable "client_id" {
  description = "Client ID of the App, from its settings page."
  type        = string
}

variable "installation_id" {
  description = "Installation ID: the number at the end of the URL of the App's installation."
  type        = number
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that holds the App's private key."
  type        = string
}

variable "api_url" {
  description = "URL of GitHub's API. For a GitHub Enterprise Server: https://HOST/api/v3."
  type        = string
  default     = "https://api.github.com"
}

variable "layer" {
  description = "Path of the ZIP file with the library cryptography."
  type        = string
  default     = "cryptography.zip"
}

variable "minimum_overlap_minutes" {
  description = "Minimum number of minutes for which the previous key stays valid."
  type        = number
  default     = 60
}

variable "recovery_window_in_days" {
  description = "Number of days in which a destroyed secret can be restored."
  type        = number
  default     = 30
}
