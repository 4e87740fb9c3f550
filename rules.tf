# Calls the rules of AWS for inputs whose other rules are in variables.tf: region, partition and account, long lists.

module "aws_rules" {
  source = "./modules/aws_rules"

  account           = local.account
  administrators    = var.administrators
  alarm_actions     = var.alarm_actions
  function          = var.function
  kms_key_arn       = var.kms_key_arn
  notifications     = var.notifications
  policy_statements = var.policy_statements
  readers           = var.readers
  replica_regions   = var.replica_regions
  scheduler         = var.scheduler
  secret            = local._secret

  strategy = one([for strategy in local.chosen_strategies : {
    name         = strategy.name
    function_arn = try(strategy.existing_function.arn, null)
    statements = { for statement in strategy.statements : statement.Sid => {
      conditions = try(statement.Condition, {})
      resource   = statement.Resource
    } }
  }])
}
