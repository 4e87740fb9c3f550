# Outputs about the package.
#
# Neither the path nor the hash comes from the data source: Terraform may read a data source only in the apply, as with a
# depends_on of the module call, and every such plan would then show a change of the function.

output "filename" {
  description = "Path of the package; a function must depend on this module, which writes it."
  value       = local._package
}

output "source_code_hash" {
  description = "Hash of the files in the package."
  value       = base64sha256(jsonencode(var.files))
}
