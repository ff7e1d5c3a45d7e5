resource "azurerm_container_app_environment" "jobs" {
  name                           = "${local.name}-jobs"
  resource_group_name            = local.group
  location                       = local.location
  infrastructure_subnet_id       = azurerm_subnet.this["jobs"].id
  internal_load_balancer_enabled = true
  public_network_access          = "Disabled"
  logs_destination               = "log-analytics"
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.this.id
  tags                           = local.tags

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }
}

# Runs what is deployed: the release's own package, inside the network, before the app gets it. The workflow starts it with
# RELEASE and RELEASE_SHA256 and waits for its end.
resource "azurerm_container_app_job" "migrate" {
  name                         = "${local.name}-migrate"
  resource_group_name          = local.group
  location                     = local.location
  container_app_environment_id = azurerm_container_app_environment.jobs.id
  workload_profile_name        = "Consumption"
  replica_timeout_in_seconds   = 1800
  replica_retry_limit          = 0
  tags                         = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this["migrate"].id]
  }

  manual_trigger_config {
    parallelism              = 1
    replica_completion_count = 1
  }

  template {
    container {
      name    = "migrate"
      image   = "mcr.microsoft.com/azure-functions/python:4-python3.11"
      cpu     = 1
      memory  = "2Gi"
      command = ["/bin/sh", "-c"]
      args    = [file("${path.module}/files/migrate.sh")]

      dynamic "env" {
        for_each = {
          FETCH_RELEASE   = file("${path.module}/files/fetch_release.py")
          RELEASES        = "${azurerm_storage_account.releases.primary_blob_endpoint}${azurerm_storage_container.releases.name}"
          RELEASE         = "none"
          RELEASE_SHA256  = "none"
          AZURE_CLIENT_ID = azurerm_user_assigned_identity.this["migrate"].client_id
          DATABASE_URL    = "mysql+pymysql://${azurerm_user_assigned_identity.this["migrate"].name}@${azurerm_mysql_flexible_server.this.fqdn}:3306/${azurerm_mysql_flexible_database.evcharging.name}?charset=utf8mb4"
          DATABASE_AUTH   = "entra"
          BLOB_ENDPOINT   = azurerm_storage_account.data.primary_blob_endpoint
          BLOB_CONTAINER  = azurerm_storage_container.evcharging.name
          DATA_DIR        = "/tmp/evcharging"
        }

        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
}
