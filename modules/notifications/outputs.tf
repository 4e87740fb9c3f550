# Outputs about the topic and the watcher.

output "log_group_name" {
  description = "Name of the watcher's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "topic_arn" {
  description = "ARN of the topic; of one that this module made, known at plan."
  value       = local.topic_arn
  depends_on  = [aws_sns_topic.this]
}
