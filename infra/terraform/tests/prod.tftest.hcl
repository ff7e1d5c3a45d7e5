# What production is. Run with -var-file=prod.tfvars.

mock_provider "azurerm" {
  source          = "./tests/azure"
  override_during = plan
}

run "nothing_is_public_that_need_not_be" {
  command = plan

  assert {
    condition     = !azurerm_storage_account.data.public_network_access_enabled && !azurerm_storage_account.host.public_network_access_enabled
    error_message = "The accounts of data and of the host answer inside the network alone."
  }

  assert {
    condition = alltrue([for account in [azurerm_storage_account.data, azurerm_storage_account.host, azurerm_storage_account.releases] :
    !account.allow_nested_items_to_be_public && !account.shared_access_key_enabled && account.default_to_oauth_authentication])
    error_message = "No storage account has keys or public blobs."
  }

  assert {
    condition     = azurerm_mysql_flexible_server.this.public_network_access == "Disabled"
    error_message = "The database answers inside the network alone."
  }

  assert {
    condition     = !azurerm_key_vault.this.public_network_access_enabled && azurerm_key_vault.this.network_acls[0].default_action == "Deny"
    error_message = "The vault answers inside the network alone, unless operator_addresses names people."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.site_config[0].ip_restriction_default_action == "Deny"
    error_message = "The app answers Front Door alone."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.site_config[0].ip_restriction[0].service_tag == "AzureFrontDoor.Backend" && one(azurerm_function_app_flex_consumption.this.site_config[0].ip_restriction[0].headers[0].x_azure_fdid) == "33333333-3333-3333-3333-333333333333"
    error_message = "The app answers our own Front Door, not anybody's."
  }

  assert {
    condition     = alltrue([for subnet in azurerm_subnet.this : !subnet.default_outbound_access_enabled])
    error_message = "Subnets go out by our own address."
  }
}

run "nobody_has_a_key" {
  command = plan

  assert {
    condition     = !azurerm_servicebus_namespace.this.local_auth_enabled && !azurerm_log_analytics_workspace.this.local_authentication_enabled && !azurerm_application_insights.this.local_authentication_enabled
    error_message = "Service Bus, the workspace and Application Insights take identities, no keys."
  }

  assert {
    condition     = !azurerm_function_app_flex_consumption.this.webdeploy_publish_basic_authentication_enabled && azurerm_function_app_flex_consumption.this.storage_authentication_type == "UserAssignedIdentity"
    error_message = "The app is deployed to and reads its package by identities."
  }

  assert {
    condition     = azurerm_key_vault.this.rbac_authorization_enabled && azurerm_key_vault.this.purge_protection_enabled
    error_message = "The vault goes by roles and cannot be purged."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.identity[0].type == "SystemAssigned, UserAssigned"
    error_message = "References to the vault need the system's identity, everything else the user-assigned one."
  }

  assert {
    condition     = alltrue([for setting in keys(local.secrets) : startswith(local.app_settings[setting], "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/")])
    error_message = "Secrets are references without a version."
  }

  assert {
    condition     = alltrue([for value in values(local.app_settings) : !can(regex("(?i)(password|accountkey|sharedaccesskey)=|://[^/@:]*:[^/@]+@", value))])
    error_message = "No setting holds a key or a password."
  }
}

run "everything_speaks_tls" {
  command = plan

  assert {
    condition     = azurerm_mysql_flexible_server_configuration.this["require_secure_transport"].value == "ON" && !strcontains(azurerm_mysql_flexible_server_configuration.this["tls_version"].value, "TLSv1.1")
    error_message = "MySQL takes TLS 1.2 and newer alone."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.https_only && azurerm_function_app_flex_consumption.this.site_config[0].minimum_tls_version == "1.2" && azurerm_servicebus_namespace.this.minimum_tls_version == "1.2"
    error_message = "App and bus take TLS 1.2 and newer alone."
  }

  assert {
    condition     = alltrue([for account in [azurerm_storage_account.data, azurerm_storage_account.host, azurerm_storage_account.releases] : account.min_tls_version == "TLS1_2" && account.https_traffic_only_enabled])
    error_message = "Storage takes TLS 1.2 and newer alone."
  }

  assert {
    condition     = alltrue([for route in azurerm_cdn_frontdoor_route.this : route.https_redirect_enabled && route.forwarding_protocol == "HttpsOnly"])
    error_message = "The edge speaks https to people and to us."
  }
}

run "what_is_kept_can_be_had_back" {
  command = plan

  assert {
    condition     = azurerm_mysql_flexible_server.this.high_availability[0].mode == "ZoneRedundant"
    error_message = "prod has a standby from its first day: it cannot be added later."
  }

  assert {
    condition     = azurerm_mysql_flexible_server.this.backup_retention_days == 35 && azurerm_mysql_flexible_server.this.geo_redundant_backup_enabled
    error_message = "prod can go back 35 days, and has copies in another region."
  }

  assert {
    condition     = azurerm_mysql_flexible_server.this.storage[0].auto_grow_enabled && azurerm_mysql_flexible_server.this.version == "8.4"
    error_message = "MySQL 8.4 with a disk that grows: a standby asks for it."
  }

  assert {
    condition     = azurerm_storage_account.data.blob_properties[0].versioning_enabled && azurerm_storage_account.data.blob_properties[0].delete_retention_policy[0].days == 14
    error_message = "A blob that was deleted or overwritten can be had back for 14 days."
  }

  assert {
    condition     = alltrue([for rule in azurerm_storage_management_policy.data.rule : rule.name == "versions" || alltrue([for prefix in rule.filters[0].prefix_match : startswith(prefix, "evcharging/exports/")])])
    error_message = "Nothing but exports and old versions is deleted by age: the pointer may name an old model."
  }

  assert {
    condition     = azurerm_management_lock.database.lock_level == "CanNotDelete" && azurerm_management_lock.data.lock_level == "CanNotDelete"
    error_message = "Database and data cannot be deleted by accident."
  }
}

run "who_may_do_what" {
  command = plan

  assert {
    condition = { for key, grant in local.grants : key => grant.role if !startswith(key, "app/send/") && !startswith(key, "app/receive/") } == {
      "app/blobs"          = "Storage Blob Data Contributor"
      "app/host-blobs"     = "Storage Blob Data Owner"
      "app/host-queues"    = "Storage Queue Data Contributor"
      "app/host-tables"    = "Storage Table Data Contributor"
      "app/telemetry"      = "Monitoring Metrics Publisher"
      "app/messages"       = "Communication and Email Service Owner"
      "app/secrets"        = "Key Vault Secrets User"
      "migrate/releases"   = "Storage Blob Data Reader"
      "migrate/blobs"      = "Storage Blob Data Contributor"
      "deploy/app"         = "Website Contributor"
      "deploy/releases"    = "Storage Blob Data Contributor"
      "deploy/migrate"     = "Container Apps Jobs Operator"
      "reports/deliveries" = "Azure Service Bus Data Sender"
      "backup/blobs"       = "Storage Account Backup Contributor"
      "training/blobs"     = "Storage Blob Data Contributor"
      "training/releases"  = "Storage Blob Data Reader"
    }
    error_message = "The table of rights has changed: change this one too, knowingly."
  }

  assert {
    condition     = { for key, grant in local.grants : key => grant.role if startswith(key, "app/send/") } == { for queue in local.platform_queues : "app/send/${queue}" => "Azure Service Bus Data Sender" }
    error_message = "The app sends to its own queues, and to each of them."
  }

  assert {
    condition     = { for key, grant in local.grants : key => grant.role if startswith(key, "app/receive/") } == { for queue in local.queues : "app/receive/${queue}" => "Azure Service Bus Data Receiver" }
    error_message = "The app receives from every queue."
  }

  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.this : !contains(["Owner", "Contributor", "User Access Administrator"], assignment.role_definition_name)])
    error_message = "Nobody gets a role that manages."
  }

  assert {
    condition     = azurerm_federated_identity_credential.deploy.subject == "repo:OWNER/evcharging:environment:prod"
    error_message = "The workflow deploys from the protected environment alone."
  }
}

run "the_training_machine_comes_and_goes" {
  command = plan

  assert {
    condition     = azurerm_linux_virtual_machine_scale_set.training[0].instances == 0 && azurerm_linux_virtual_machine_scale_set.training[0].priority == "Spot" && azurerm_linux_virtual_machine_scale_set.training[0].eviction_policy == "Delete"
    error_message = "At rest there is no machine."
  }

  assert {
    condition     = { for profile in azurerm_monitor_autoscale_setting.training[0].profile : profile.name => profile.capacity[0].maximum } == { on = 1, off = 0 }
    error_message = "One profile begins it and another ends it: with one alone it would never end."
  }

  assert {
    condition     = can(yamldecode(base64decode(azurerm_linux_virtual_machine_scale_set.training[0].custom_data)))
    error_message = "What the machine is told at its start is YAML."
  }

  assert {
    condition     = azurerm_monitor_data_collection_rule.training[0].data_sources[0].syslog[0].streams == tolist(["Microsoft-Syslog"])
    error_message = "Its unit's lines reach the workspace."
  }
}

run "alerts_are_those_of_the_file" {
  command = plan

  assert {
    condition     = toset(keys(azurerm_monitor_scheduled_query_rules_alert_v2.this)) == toset(keys(local.alerts)) && length(local.alerts) >= 15
    error_message = "Each alert of alerts.json is a rule."
  }

  assert {
    condition     = alltrue([for alert in azurerm_monitor_scheduled_query_rules_alert_v2.this : !strcontains(alert.criteria[0].query, "$${")])
    error_message = "Every threshold has its number."
  }
}

run "the_budget_warns_early" {
  command = plan

  assert {
    condition     = { for notification in azurerm_consumption_budget_resource_group.this.notification : notification.threshold_type => notification.threshold } == { Forecasted = 80, Actual = 100 }
    error_message = "80 % of what is forecast, 100 % of what was spent."
  }
}
