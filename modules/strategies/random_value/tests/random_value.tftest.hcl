# Options of rotation.random_value that are accepted and refused.

variables {
  secret  = "Secret reports/uploader"
  options = {}
}

run "accepts_no_options" {
  command = plan

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options = {
        character_classes  = ["lowercase", "numbers", "punctuation", "uppercase"]
        exclude_characters = ""
        json_key           = null
        length             = 32
      }
    })
    error_message = "These are the defaults."
  }
}

run "accepts_every_option" {
  command = plan

  variables {
    options = {
      character_classes  = ["lowercase", "numbers"]
      constants          = { host = "db.internal" }
      exclude_characters = "l1"
      json_key           = "password"
      length             = 4096
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { host = "db.internal" }
      options = {
        character_classes  = ["lowercase", "numbers"]
        exclude_characters = "l1"
        json_key           = "password"
        length             = 4096
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition     = output.strategy.value_form.json_key == "password"
    error_message = "A first value must have the same form."
  }
}

run "refuses_no_character_class" {
  command = plan

  variables {
    options = { character_classes = [] }
  }

  expect_failures = [var.options]
}

run "refuses_a_fraction_of_a_character" {
  command = plan

  variables {
    options = { length = 8.5 }
  }

  expect_failures = [var.options]
}

run "refuses_a_constant_under_json_key" {
  command = plan

  variables {
    options = {
      constants = { password = "x" }
      json_key  = "password"
    }
  }

  expect_failures = [var.options]
}
