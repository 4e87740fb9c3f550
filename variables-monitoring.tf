# The input variable about monitoring.

variable "notifications" {
  description = "Options of the notifications about rotations that go wrong and about changes of the secret; null makes no resource. An option that is null or absent has the default in its comment. Write format(\"%s\", …) around topic_arn if Terraform reports an invalid count argument."
  type = object({
    include_successes = optional(bool)   # false
    kms_key_arn       = optional(string) # null: AWS's own key encrypts the topic; of a topic of yours, its customer key
    topic_arn         = optional(string) # null: a topic is made, to which only the watcher may publish
  })
  default = null

  validation {
    condition     = var.notifications == null || var.rotation != null
    error_message = "${local._secret}: notifications must be null if rotation is null. Remove it, or set rotation. Found: no rotation."
  }
  validation {
    condition     = alltrue([for arn in var.notifications[*].kms_key_arn : can(regex(local._key_arn_pattern, arn)) if arn != null])
    error_message = "${local._secret}: notifications.kms_key_arn must be the ARN of a key, because a policy accepts neither an alias nor a key ID. Write e.g. \"${local._key_arn_example}\". Found: ${jsonencode(one(var.notifications[*].kms_key_arn))}."
  }
  # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
  validation {
    condition     = alltrue([for arn in var.notifications[*].topic_arn : can(regex("^arn:aws[a-z-]*:sns:[0-9a-z-]+:[0-9]{12}:[0-9A-Za-z_-]{1,256}$", arn)) if arn != null])
    error_message = "${local._secret}: notifications.topic_arn must be the ARN of a standard SNS topic. Write e.g. \"arn:aws:sns:eu-west-1:123456789012:alerts\". Found: ${jsonencode(one(var.notifications[*].topic_arn))}."
  }
}
