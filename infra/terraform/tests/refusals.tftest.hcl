# What is refused. Run with -var-file=dev.tfvars.

mock_provider "azurerm" {
  source          = "./tests/azure"
  override_during = plan
}

run "an_unknown_environment" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [var.environment]
}

run "too_long_a_lock" {
  command = plan

  variables {
    queue_lock = "PT10M"
  }

  expect_failures = [var.queue_lock]
}

run "another_python" {
  command = plan

  variables {
    python_version = "3.14"
  }

  expect_failures = [var.python_version]
}

run "memory_that_flex_has_not" {
  command = plan

  variables {
    instance_memory_mb = 1024
  }

  expect_failures = [var.instance_memory_mb]
}

run "too_many_connections" {
  command = plan

  variables {
    maximum_instance_count = 100
  }

  expect_failures = [azurerm_function_app_flex_consumption.this]
}

run "training_without_a_release" {
  command = plan

  variables {
    training = true
  }

  expect_failures = [azurerm_linux_virtual_machine_scale_set.training]
}

run "a_budget_from_mid_month" {
  command = plan

  variables {
    budget = { amount = 100, start = "2027-01-15T00:00:00Z" }
  }

  expect_failures = [var.budget]
}

run "a_sender_with_a_space" {
  command = plan

  variables {
    sms_sender = "EV charging"
  }

  expect_failures = [var.sms_sender]
}

run "one_place_alone" {
  command = plan

  variables {
    web_test_places = ["emea-nl-ams-azr"]
  }

  expect_failures = [var.web_test_places]
}
