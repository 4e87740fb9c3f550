# What the page of the App says, where the layer is, and what the tests shorten.

variable "client_id" {
  description = "Client ID of the App, from the page of its settings."
  type        = string
}

variable "installation_id" {
  description = "The number at the end of the address of the App's installation."
  type        = number
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that the App's private key was imported into."
  type        = string
}

variable "api_url" {
  description = "Address of GitHub's API; of a GitHub Enterprise Server https://HOST/api/v3."
  type        = string
  default     = "https://api.github.com"
}

variable "layer" {
  description = "The file with the library cryptography for the function."
  type        = string
  default     = "cryptography.zip"
}

variable "minimum_overlap_minutes" {
  description = "How long a removed key lives at least beside its successor."
  type        = number
  default     = 60
}

variable "recovery_window_in_days" {
  description = "How long the destroyed secret can be restored."
  type        = number
  default     = 30
}
