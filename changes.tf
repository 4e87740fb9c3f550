# Changes of a live secret: those that the plan refuses, and those that rotate it in the same apply.
#
# The function refuses a value of another owner or form, but only at the next rotation, perhaps in a month. So Terraform records
# what the first apply had: a plan refuses what no rotation could accept. The records hold no credential.

resource "terraform_data" "owner" {
  count = length(local.chosen_strategies)

  input = {
    kms_key_arn = local.makes_secret ? var.kms_key_arn : null
    owner       = local.strategy.owner
    strategy    = local.strategy.name
  }

  # A new secret may have another owner.
  triggers_replace = local.secret_arn

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.strategy == local.strategy.name
      error_message = "${local._secret}: The strategy must stay ${self.output.strategy}, because ${local.strategy.name} cannot continue with the values that are in the secret. Change it back, or write a new name. If you have stored a value of the new form, apply with ${local._forget}.owner[0]'. Found: ${local.strategy.name}."
    }
    postcondition {
      condition     = self.output.strategy != local.strategy.name || contains(concat([coalesce(local.strategy.owner, "-")], local.strategy.former_owners), coalesce(self.output.owner, "-"))
      error_message = "${local._secret}: The owner of the credentials must stay ${coalesce(self.output.owner, "-")}. Change rotation back, or write a new name for a secret of the new owner.${local.strategy.renamed_with == null ? "" : " If the owner was renamed, add its former name to ${local.strategy.renamed_with}."} If you have stored a credential of the new owner, apply with ${local._forget}.owner[0]'. Found: ${coalesce(local.strategy.owner, "-")}."
    }
    # The provider does not go back to AWS's own key, and an old version stays under its key.
    # https://github.com/hashicorp/terraform-provider-aws/issues/21623
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
    postcondition {
      condition     = self.output.kms_key_arn == null || contains(concat([coalesce(var.kms_key_arn, "-")], var.former_kms_key_arns), coalesce(self.output.kms_key_arn, "-"))
      error_message = "${local._secret}: former_kms_key_arns must have ${coalesce(self.output.kms_key_arn, "-")} if kms_key_arn is another key or null, because older versions stay encrypted with it. See \"Change the key\" in docs/operations.md. Change kms_key_arn back, or add that key. Found: ${jsonencode(var.former_kms_key_arns)}."
    }
  }
}

# If the owner can have only a few credentials, those of the old secret leave no room for the first of a new one. To the new
# secret they look like an operator's.
resource "terraform_data" "name" {
  count = anytrue(local.chosen_strategies[*].records_attempts) ? 1 : 0

  input            = var.name
  triggers_replace = local.strategy.owner

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == var.name
      error_message = "${local._secret}: name must stay \"${self.output}\" while rotation has the same owner, whose credentials would leave no room for those of a new secret. Change name back, or see \"Rename a secret\" in docs/operations.md. Found: \"${var.name}\"."
    }
  }
}

resource "terraform_data" "options" {
  count = length(local.chosen_strategies)

  input            = { json_key = one(local.strategy.value_form[*].json_key) }
  triggers_replace = [local.secret_arn, local.strategy.rotates_on_change, var.rotation_triggers]

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.json_key == null || local.strategy.value_form == null || self.output.json_key == one(local.strategy.value_form[*].json_key)
      error_message = "${local._secret}: json_key must stay \"${coalesce(self.output.json_key, "-")}\", because the values in the secret have it. Change it back, or write a new name. If you have stored a value with the new key, apply with ${local._forget}.options[0]'. Found: \"${coalesce(one(local.strategy.value_form[*].json_key), "-")}\"."
    }
  }
}

locals {
  _forget = "-replace='module.….terraform_data"
}
