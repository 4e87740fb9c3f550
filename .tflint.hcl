# Rules of tflint for the root, the modules and the examples: those for Terraform that it ships with.

plugin "terraform" {
  enabled = true
  preset  = "all"
}

rule "terraform_naming_convention" {
  enabled = true

  # The name of a local that only its own block or file reads begins with an underscore.
  locals {
    custom = "^_?[a-z][a-z0-9]*(_[a-z0-9]+)*$"
  }
}

# A file is named after its content, and locals, data sources and roles are next to what uses them.
rule "terraform_standard_module_structure" {
  enabled = false
}

# The root declares the lowest version of the archive provider, which only a submodule uses. Users look there.
rule "terraform_unused_required_providers" {
  enabled = false
}
