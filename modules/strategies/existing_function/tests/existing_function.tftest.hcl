# Options of rotation.function that are accepted and refused.

variables {
  secret = "Secret reports/uploader"
}

run "accepts_a_function" {
  command = plan

  variables {
    options = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" }
  }

  assert {
    condition     = output.strategy.existing_function.add_permission
    error_message = "By default the module allows Secrets Manager to invoke the function."
  }
}

run "accepts_a_qualifier_without_a_permission" {
  command = plan

  variables {
    options = { add_permission = false, arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live" }
  }

  assert {
    condition = output.strategy.existing_function == {
      add_permission = false
      arn            = "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live"
    }
    error_message = "The root module gets both options."
  }
}

run "refuses_latest_because_lambda_adds_no_permission_to_it" {
  command = plan

  variables {
    options = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate:$LATEST" }
  }

  expect_failures = [var.options]
}
