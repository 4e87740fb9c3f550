# Outputs about the responder.

output "role_arn" {
  description = "ARN of the function's role, known at plan."
  value       = local.role_arn
  depends_on  = [aws_iam_role.this]
}
