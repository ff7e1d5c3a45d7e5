# Who may do what. Nothing here reaches beyond the resource group, and nobody has a key.

resource "azurerm_user_assigned_identity" "this" {
  for_each = toset(["app", "migrate", "training", "deploy"])

  name                = "${local.name}-${each.key}"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags
}

# GitHub's workflow signs in as this identity without a secret, from the protected environment alone.
resource "azurerm_federated_identity_credential" "deploy" {
  name                      = "github"
  user_assigned_identity_id = azurerm_user_assigned_identity.this["deploy"].id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = "https://token.actions.githubusercontent.com"
  subject                   = "repo:${var.repository}:environment:${local.stage}"
}

locals {
  app      = azurerm_user_assigned_identity.this["app"].principal_id
  migrate  = azurerm_user_assigned_identity.this["migrate"].principal_id
  training = azurerm_user_assigned_identity.this["training"].principal_id
  deploy   = azurerm_user_assigned_identity.this["deploy"].principal_id

  # Key: who and what for. tests/roles.tftest.hcl repeats the table, so that a change of it is seen.
  grants = merge(
    {
      "app/blobs"          = { who = local.app, role = "Storage Blob Data Contributor", on = azurerm_storage_container.evcharging.id }
      "app/host-blobs"     = { who = local.app, role = "Storage Blob Data Owner", on = azurerm_storage_account.host.id }
      "app/host-queues"    = { who = local.app, role = "Storage Queue Data Contributor", on = azurerm_storage_account.host.id }
      "app/host-tables"    = { who = local.app, role = "Storage Table Data Contributor", on = azurerm_storage_account.host.id }
      "app/telemetry"      = { who = local.app, role = "Monitoring Metrics Publisher", on = azurerm_application_insights.this.id }
      "app/messages"       = { who = local.app, role = "Communication and Email Service Owner", on = azurerm_communication_service.this.id }
      "app/secrets"        = { who = azurerm_function_app_flex_consumption.this.identity[0].principal_id, role = "Key Vault Secrets User", on = azurerm_key_vault.this.id }
      "migrate/releases"   = { who = local.migrate, role = "Storage Blob Data Reader", on = azurerm_storage_container.releases.id }
      "migrate/blobs"      = { who = local.migrate, role = "Storage Blob Data Contributor", on = azurerm_storage_container.evcharging.id }
      "deploy/app"         = { who = local.deploy, role = "Website Contributor", on = azurerm_function_app_flex_consumption.this.id }
      "deploy/releases"    = { who = local.deploy, role = "Storage Blob Data Contributor", on = azurerm_storage_container.releases.id }
      "deploy/migrate"     = { who = local.deploy, role = "Container Apps Jobs Operator", on = azurerm_container_app_job.migrate.id }
      "reports/deliveries" = { who = azurerm_eventgrid_system_topic.messages.identity[0].principal_id, role = "Azure Service Bus Data Sender", on = azurerm_servicebus_queue.this["delivery-reports"].id }
      "backup/blobs"       = { who = azurerm_data_protection_backup_vault.this.identity[0].principal_id, role = "Storage Account Backup Contributor", on = azurerm_storage_account.data.id }
    },
    { for queue in local.platform_queues : "app/send/${queue}" => { who = local.app, role = "Azure Service Bus Data Sender", on = azurerm_servicebus_queue.this[queue].id } },
    { for queue in local.queues : "app/receive/${queue}" => { who = local.app, role = "Azure Service Bus Data Receiver", on = azurerm_servicebus_queue.this[queue].id } },
    var.language ? { "app/language" = { who = local.app, role = "Cognitive Services Language Reader", on = azurerm_cognitive_account.language[0].id } } : {},
    var.training ? {
      "training/blobs"    = { who = local.training, role = "Storage Blob Data Contributor", on = azurerm_storage_container.evcharging.id }
      "training/releases" = { who = local.training, role = "Storage Blob Data Reader", on = azurerm_storage_container.releases.id }
    } : {},
    { for group in var.people : "people/read/${group}" => { who = group, role = "Reader", on = data.azurerm_resource_group.this.id } },
    { for group in var.people : "people/watch/${group}" => { who = group, role = "Monitoring Reader", on = data.azurerm_resource_group.this.id } },
  )
}

resource "azurerm_role_assignment" "this" {
  for_each = local.grants

  principal_id         = each.value.who
  role_definition_name = each.value.role
  scope                = each.value.on
}
