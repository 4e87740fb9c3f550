# Which strategy was chosen. Each has a module without resources: its options, their rules, settings and IAM statements.

# The options decide the count, even if one of them is sensitive: only whether there are any is not a secret.
module "custom" {
  source = "./modules/strategies/custom"
  count  = nonsensitive(one(var.rotation[*].custom) != null) ? 1 : 0

  options = var.rotation.custom
  secret  = local._secret
}

module "existing_function" {
  source = "./modules/strategies/existing_function"
  count  = nonsensitive(one(var.rotation[*].function) != null) ? 1 : 0

  options = var.rotation.function
  secret  = local._secret
}

module "github_app_token" {
  source = "./modules/strategies/github_app_token"
  count  = nonsensitive(one(var.rotation[*].github_app_token) != null) ? 1 : 0

  account = local.account
  options = var.rotation.github_app_token
  secret  = local._secret
}

module "github_deploy_key" {
  source = "./modules/strategies/github_deploy_key"
  count  = nonsensitive(one(var.rotation[*].github_deploy_key) != null) ? 1 : 0

  account = local.account
  options = var.rotation.github_deploy_key
  secret  = local._secret
}

module "iam_access_key" {
  source = "./modules/strategies/iam_access_key"
  count  = nonsensitive(one(var.rotation[*].iam_access_key) != null) ? 1 : 0

  account = local.account
  options = var.rotation.iam_access_key
  secret  = local._secret
}

module "iam_service_credential" {
  source = "./modules/strategies/iam_service_credential"
  count  = nonsensitive(one(var.rotation[*].iam_service_credential) != null) ? 1 : 0

  account = local.account
  options = var.rotation.iam_service_credential
  secret  = local._secret
}

module "managed" {
  source = "./modules/strategies/managed"
  count  = nonsensitive(one(var.rotation[*].managed) != null) ? 1 : 0

  account = local.account
  options = var.rotation.managed
  secret  = local._secret
}

module "mysql" {
  source = "./modules/strategies/mysql"
  count  = nonsensitive(one(var.rotation[*].mysql) != null) ? 1 : 0

  account = local.account
  options = var.rotation.mysql
  secret  = local._secret
}

module "postgres" {
  source = "./modules/strategies/postgres"
  count  = nonsensitive(one(var.rotation[*].postgres) != null) ? 1 : 0

  account = local.account
  options = var.rotation.postgres
  secret  = local._secret
}

module "random_value" {
  source = "./modules/strategies/random_value"
  count  = nonsensitive(one(var.rotation[*].random_value) != null) ? 1 : 0

  options = var.rotation.random_value
  secret  = local._secret
}

locals {
  # The traits of a strategy, each with the value where a strategy doesn't set it.
  _traits = {
    # IAM statements with which an audit reads the service.
    audit_statements = []
    # Files of the function's package in lambda/rotation, besides those that all strategies need.
    core = []
    # Environment variables of the function, besides ROTATION_SETTINGS.
    environment = {}
    # The function that the caller has made: { arn, add_permission }.
    existing_function = null
    # ARN of the secret that an AWS service has made; unknown at plan if the same apply makes it.
    existing_secret_arn = null
    # The IAM user whose exposed keys AWS Health reports: { arn, name }.
    exposed_user = null
    # Each credential expires after this time, even if nothing rotates any more.
    expires_after_days    = null
    expires_after_minutes = null
    # Files of the function's package, besides the module's own.
    files = {}
    # Names that the owner had before it was renamed, as in owner.
    former_owners = []
    # The service makes the credential: no first value can be given, and the previous credential must be retired.
    issuer = false
    # A Python library that the function imports and Lambda's runtime doesn't include.
    library = null
    # Whether the module makes the secret.
    makes_secret = true
    # The next rotation ends the previous credential, as an issuer's does: the schedule must leave minimum_overlap_minutes.
    overlaps = false
    # The owner of the credentials, as the function names it; null if only the function knows it.
    owner = null
    # The service limits the number of credentials: the function records each attempt in a tag of the secret.
    records_attempts = false
    # The service can list the credentials: the function compares the list with all versions of the secret.
    searches_versions = false
    # The input that has former names of the owner; null if the owner can't be renamed.
    renamed_with = null
    # How var.previous_credential works: { reactivate_with, statements, verifying_statements }; null refuses it. reactivate_with
    # is the command that undoes a deactivation, without its last argument, the credential.
    retirement = null
    # If a credential has leaked, the function can end it and all older ones.
    revocable = false
    # Whether the secret rotates; false switches off the rotation of an AWS service.
    rotation_enabled = true
    # Options that rotate the secret when they change: a mistake in them shows in this apply, not at the next rotation.
    rotates_on_change = []
    # Files of the function's package below lambda/rotation/services, as patterns.
    services = []
    # The function's settings: { constants, options }; null if the module makes no function.
    settings = null
    # How long a new credential must be accepted before it becomes current.
    settling_seconds = 0
    # IAM statements of the function's role, besides the grants on the secret.
    statements = []
    # The form of each value: text under json_key of a JSON object, or plain text if json_key is null; null allows any form.
    value_form = null
  }

  # None or one. A null check of the strategy itself would be sensitive if one of its options is.
  chosen_strategies = [for strategy in concat(
    module.custom[*].strategy,
    module.existing_function[*].strategy,
    module.github_app_token[*].strategy,
    module.github_deploy_key[*].strategy,
    module.iam_access_key[*].strategy,
    module.iam_service_credential[*].strategy,
    module.managed[*].strategy,
    module.mysql[*].strategy,
    module.postgres[*].strategy,
    module.random_value[*].strategy,
  ) : merge(local._traits, strategy)]
  strategy = one(local.chosen_strategies)

  # Answers for the rest of the module.
  expires          = anytrue([for strategy in local.chosen_strategies : strategy.expires_after_minutes != null])
  issues           = anytrue(local.chosen_strategies[*].issuer)
  makes_function   = anytrue([for strategy in local.chosen_strategies : strategy.settings != null])
  makes_role       = local.makes_function || local.schedule_is_fast
  makes_secret     = alltrue(local.chosen_strategies[*].makes_secret)
  overlaps         = anytrue([for strategy in local.chosen_strategies : strategy.issuer || strategy.overlaps])
  records_attempts = anytrue(local.chosen_strategies[*].records_attempts)
  exposed_user     = one(local.chosen_strategies[*].exposed_user)
  retirement       = one(local.chosen_strategies[*].retirement)
  revocable        = anytrue(local.chosen_strategies[*].revocable)
  rotates          = anytrue(local.chosen_strategies[*].rotation_enabled)
  _strategy_found  = length(local.chosen_strategies) == 0 ? "no rotation" : "the strategy ${local.chosen_strategies[0].name}"
}
