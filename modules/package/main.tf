# The package of a function, in Terraform's data directory.

locals {
  # Terraform's data directory: .terraform, or TF_DATA_DIR, which may be the only writable one. It has the list of modules,
  # and this module unless its source is a local path. With such a source and TF_DATA_DIR, its name is unknown here.
  # https://developer.hashicorp.com/terraform/cli/config/environment-variables#tf_data_dir
  _parents = split("/modules/", path.module)
  _data = concat(
    [for directory in concat(
      [for length in range(1, length(local._parents)) : join("/modules/", slice(local._parents, 0, length))],
      ["${path.root}/.terraform"],
    ) : directory if fileexists("${directory}/modules/modules.json")],
    [try(pathexpand("~/.terraform.d"), "${path.root}/.terraform")],
  )[0]
  _package = "${local._data}/rotating-secret/${sha256(jsonencode([var.account.id, var.account.region, var.name, var.files]))}.zip"
}

# `source` blocks, because their entries have no mode and no time: the same content gives the same bytes on every machine.
# With source_dir the bytes depend on the umask of the checkout, and Lambda can't read a file with mode 0600;
# output_file_mode needs archive 2.x. `sensitive` keeps the Python code out of plans; the hash and the path stay readable.
#
# The hash in the path keeps instances with different content from deploying each other's package, and instances with
# the same content from reading it while another one writes it. A pipeline that plans on one machine and applies on
# another takes .terraform along.
# tflint-ignore: terraform_unused_declarations # The functions depend on the whole module.
data "archive_file" "this" {
  type        = "zip"
  output_path = local._package

  dynamic "source" {
    for_each = var.files

    content {
      content  = sensitive(source.value)
      filename = source.key
    }
  }
}
