# Outputs about the schedule and its queue.

output "queue_arn" {
  description = "ARN of the dead-letter queue, known at plan."
  value       = local.queue_arn
  depends_on  = [aws_sqs_queue.dead_letter]
}

output "role_arn" {
  description = "ARN of the schedule's role, known at plan."
  value       = local.role_arn
  depends_on  = [aws_iam_role.this]
}

output "schedule_arn" {
  description = "ARN of the schedule, available after it is set up."
  value       = aws_scheduler_schedule.this.arn
}
