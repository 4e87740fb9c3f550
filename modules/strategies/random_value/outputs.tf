# The traits of the strategy, which the root module reads.

output "strategy" {
  description = "Traits and settings of the strategy; strategies.tf describes each trait."
  value = {
    name      = "random_value"
    revocable = true
    # The value gets another form.
    rotates_on_change = [var.options.json_key == null ? "text" : "JSON"]
    value_form        = { json_key = var.options.json_key }
    settings = {
      constants = var.options.constants
      options = {
        character_classes  = var.options.character_classes
        exclude_characters = var.options.exclude_characters
        json_key           = var.options.json_key
        length             = var.options.length
      }
    }
  }
}
