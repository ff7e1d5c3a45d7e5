# What every stage has. Run with -var-file=dev.tfvars.

mock_provider "azurerm" {
  source          = "./tests/azure"
  override_during = plan
}

run "queues" {
  command = plan

  assert {
    condition     = alltrue([for queue in azurerm_servicebus_queue.this : queue.requires_duplicate_detection && queue.duplicate_detection_history_time_window == "PT1H"])
    error_message = "The relay may send twice: queues find duplicates of an hour."
  }

  assert {
    condition     = alltrue([for queue in azurerm_servicebus_queue.this : queue.max_delivery_count == 10 && queue.lock_duration == "PT1M" && queue.default_message_ttl == "P14D" && queue.dead_lettering_on_message_expiration])
    error_message = "Ten deliveries, a minute's lock, and what expires is kept as a dead letter."
  }
}

run "delivery_reports" {
  command = plan

  assert {
    condition     = azurerm_eventgrid_system_topic.messages.topic_type == "Microsoft.Communication.CommunicationServices" && azurerm_eventgrid_system_topic.messages.location == "global"
    error_message = "Reports are Communication Services' events, whose topic is global."
  }

  assert {
    condition     = azurerm_eventgrid_system_topic_event_subscription.deliveries.delivery_identity[0].type == "SystemAssigned"
    error_message = "Reports reach the queue by the topic's identity."
  }
}

run "numbers_fit" {
  command = plan

  assert {
    condition     = azurerm_function_app_flex_consumption.this.http_concurrency == var.database_pool_size + 6 && local.app_settings["AzureFunctionsJobHost__extensions__http__maxConcurrentRequests"] == tostring(var.database_pool_size + 6)
    error_message = "An instance takes as many calls as it has connections and six, in Azure's number and in the host's."
  }

  assert {
    condition     = azurerm_mysql_flexible_server_configuration.this["max_connections"].value == tostring(var.database_max_connections)
    error_message = "The number that the arithmetic uses is the server's."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.runtime_version == "3.11" && contains([512, 2048, 4096], azurerm_function_app_flex_consumption.this.instance_memory_in_mb)
    error_message = "Python and memory are such as Flex Consumption has."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.site_config[0].health_check_path == "/api/v1/health"
    error_message = "The health answer is asked for where it is."
  }
}

run "places_of_the_web_test" {
  command = plan

  assert {
    condition     = alltrue([for place in azurerm_application_insights_standard_web_test.health.geo_locations : can(regex("-(azr|edge)$", place))])
    error_message = "Places have Azure's ids."
  }
}

run "roles_exist" {
  command = plan

  assert {
    condition = length(setsubtract([for assignment in azurerm_role_assignment.this : assignment.role_definition_name], [
      "Azure Service Bus Data Receiver", "Azure Service Bus Data Sender", "Cognitive Services Language Reader",
      "Communication and Email Service Owner", "Container Apps Jobs Operator", "Key Vault Secrets User",
      "Monitoring Metrics Publisher", "Monitoring Reader", "Reader", "Storage Account Backup Contributor",
      "Storage Blob Data Contributor", "Storage Blob Data Owner", "Storage Blob Data Reader",
      "Storage Queue Data Contributor", "Storage Table Data Contributor", "Website Contributor",
    ])) == 0
    error_message = "A role's name is not one that bootstrap/ lets the workflow give."
  }
}
