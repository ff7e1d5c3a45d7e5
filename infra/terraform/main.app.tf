resource "azurerm_service_plan" "this" {
  #checkov:skip=CKV_AZURE_212:Flex Consumption has no fixed instances; always_ready names those kept warm
  #checkov:skip=CKV_AZURE_225:Flex Consumption has no argument for zones
  #checkov:skip=CKV_AZURE_211:FC1 is Flex Consumption, for production too
  name                = local.name
  resource_group_name = local.group
  location            = local.location
  os_type             = "Linux"
  sku_name            = "FC1"
  tags                = local.tags
}

locals {
  http_concurrency = var.database_pool_size + 6

  app_settings = merge(
    {
      ENVIRONMENT                                                    = var.environment
      AZURE_CLIENT_ID                                                = azurerm_user_assigned_identity.this["app"].client_id
      AzureWebJobsStorage__accountName                               = azurerm_storage_account.host.name
      AzureWebJobsStorage__credential                                = "managedidentity"
      AzureWebJobsStorage__clientId                                  = azurerm_user_assigned_identity.this["app"].client_id
      SERVICEBUS__fullyQualifiedNamespace                            = "${azurerm_servicebus_namespace.this.name}.servicebus.windows.net"
      SERVICEBUS__credential                                         = "managedidentity"
      SERVICEBUS__clientId                                           = azurerm_user_assigned_identity.this["app"].client_id
      DATABASE_URL                                                   = "mysql+pymysql://${azurerm_user_assigned_identity.this["app"].name}@${azurerm_mysql_flexible_server.this.fqdn}:3306/${azurerm_mysql_flexible_database.evcharging.name}?charset=utf8mb4"
      DATABASE_AUTH                                                  = "entra"
      DATABASE_POOL_SIZE                                             = tostring(var.database_pool_size)
      BLOB_ENDPOINT                                                  = azurerm_storage_account.data.primary_blob_endpoint
      BLOB_CONTAINER                                                 = azurerm_storage_container.evcharging.name
      COMMUNICATION_ENDPOINT                                         = "https://${azurerm_communication_service.this.hostname}"
      EMAIL_SENDER                                                   = "${azurerm_email_communication_service_domain_sender_username.this.name}@${azurerm_email_communication_service_domain.this.from_sender_domain}"
      SMS_SENDER                                                     = var.sms_sender
      PUBLIC_URL                                                     = local.public_url
      TRUSTED_PROXIES                                                = var.edge ? "1" : ""
      WEB_ORIGINS                                                    = var.edge ? "" : "https://${azurerm_static_web_app.this.default_host_name}"
      LOG_LEVEL                                                      = "INFO"
      TRACE_SAMPLING_RATIO                                           = tostring(var.trace_sampling_ratio)
      OTEL_SERVICE_NAME                                              = local.name
      APPLICATIONINSIGHTS_CONNECTION_STRING                          = azurerm_application_insights.this.connection_string
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING                      = "ClientId=${azurerm_user_assigned_identity.this["app"].client_id};Authorization=AAD"
      PYTHON_THREADPOOL_THREAD_COUNT                                 = "16"
      AzureFunctionsJobHost__extensions__http__maxConcurrentRequests = tostring(local.http_concurrency)
    },
    local.secret_references,
  )
}

resource "azurerm_function_app_flex_consumption" "this" {
  #checkov:skip=CKV_AZURE_221:Front Door's Standard reaches its origin by the public address; without its header all is refused
  name                                           = "${local.name}-${var.suffix}"
  resource_group_name                            = local.group
  location                                       = local.location
  service_plan_id                                = azurerm_service_plan.this.id
  runtime_name                                   = "python"
  runtime_version                                = var.python_version
  storage_container_type                         = "blobContainer"
  storage_container_endpoint                     = "${azurerm_storage_account.host.primary_blob_endpoint}${azurerm_storage_container.deployments.name}"
  storage_authentication_type                    = "UserAssignedIdentity"
  storage_user_assigned_identity_id              = azurerm_user_assigned_identity.this["app"].id
  instance_memory_in_mb                          = var.instance_memory_mb
  maximum_instance_count                         = var.maximum_instance_count
  http_concurrency                               = local.http_concurrency
  https_only                                     = true
  webdeploy_publish_basic_authentication_enabled = false
  virtual_network_subnet_id                      = azurerm_subnet.this["functions"].id
  app_settings                                   = local.app_settings
  tags                                           = local.tags

  # References to the vault are resolved by the system's own identity; everything else is the user-assigned one.
  identity {
    type         = "SystemAssigned, UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this["app"].id]
  }

  dynamic "always_ready" {
    for_each = var.always_ready

    content {
      name           = always_ready.key
      instance_count = always_ready.value
    }
  }

  site_config {
    health_check_path                 = "/api/v1/health"
    health_check_eviction_time_in_min = 5
    minimum_tls_version               = "1.2"
    scm_minimum_tls_version           = "1.2"
    http2_enabled                     = true
    ip_restriction_default_action     = var.edge ? "Deny" : "Allow"

    dynamic "ip_restriction" {
      for_each = azurerm_cdn_frontdoor_profile.this

      content {
        name        = "front-door"
        priority    = 100
        action      = "Allow"
        service_tag = "AzureFrontDoor.Backend"
        headers = [{
          x_azure_fdid      = [ip_restriction.value.resource_guid]
          x_fd_health_probe = []
          x_forwarded_for   = []
          x_forwarded_host  = []
        }]
      }
    }
  }

  lifecycle {
    precondition {
      condition     = (local.scaling_groups * var.maximum_instance_count + local.timers) * var.database_pool_size <= var.database_max_connections - 20
      error_message = "(${local.scaling_groups} scaling groups x ${var.maximum_instance_count} instances + ${local.timers} timers) x ${var.database_pool_size} connections are more than database_max_connections (${var.database_max_connections}) less 20 for people and jobs."
    }
  }

  depends_on = [azurerm_mysql_flexible_server_configuration.this]
}
