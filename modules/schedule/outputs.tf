# What the root module hands on of the schedule.

output "queue_arn" {
  description = "ARN of the queue of what could not be delivered, known at plan."
  value       = local.queue_arn
  depends_on  = [aws_sqs_queue.dead_letter]
}

output "role_arn" {
  description = "ARN of the schedule's role, known at plan."
  value       = local.role_arn
  depends_on  = [aws_iam_role.this]
}

output "schedule_arn" {
  description = "ARN of the schedule, once it is set up."
  value       = aws_scheduler_schedule.this.arn
}
