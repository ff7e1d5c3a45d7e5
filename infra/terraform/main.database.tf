resource "azurerm_user_assigned_identity" "database" {
  name                = "${local.name}-database"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags
}

resource "azurerm_mysql_flexible_server" "this" {
  #checkov:skip=CKV_AZURE_53:public_network_access is Disabled; the check looks for the argument of version 4
  #checkov:skip=CKV2_AZURE_56:it stands in a subnet of its own, delegated to it, which is instead of a private endpoint
  #checkov:skip=CKV_AZURE_94:geo-redundant backups are a variable: on in prod
  #checkov:skip=CKV2_AZURE_62:Azure's keys encrypt at rest
  name                              = "${local.name}-${var.suffix}"
  resource_group_name               = local.group
  location                          = local.location
  version                           = "8.4"
  sku_name                          = var.database_sku
  delegated_subnet_id               = azurerm_subnet.this["database"].id
  private_dns_zone_id               = azurerm_private_dns_zone.this["database"].id
  public_network_access             = "Disabled"
  administrator_login               = "unused"
  administrator_password_wo         = var.database_administrator_password
  administrator_password_wo_version = var.database_administrator_password_version
  backup_retention_days             = var.database_backup_days
  geo_redundant_backup_enabled      = var.database_geo_redundant_backup
  zone                              = "1"
  tags                              = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.database.id]
  }

  storage {
    auto_grow_enabled  = true
    io_scaling_enabled = true
    size_gb            = var.database_storage_gb
  }

  dynamic "high_availability" {
    for_each = var.database_high_availability ? ["ZoneRedundant"] : []

    content {
      mode                      = high_availability.value
      standby_availability_zone = "2"
    }
  }

  maintenance_window {
    day_of_week  = 2
    start_hour   = 2
    start_minute = 0
  }

  lifecycle {
    prevent_destroy = true
    # A failover swaps the zones; that is no change of ours.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.this]
}

resource "azurerm_mysql_flexible_database" "evcharging" {
  name                = "evcharging"
  resource_group_name = local.group
  server_name         = azurerm_mysql_flexible_server.this.name
  charset             = "utf8mb4"
  collation           = "utf8mb4_0900_ai_ci"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_mysql_flexible_server_configuration" "this" {
  for_each = {
    require_secure_transport           = "ON"
    tls_version                        = "TLSv1.2,TLSv1.3"
    max_connections                    = tostring(var.database_max_connections)
    transaction_isolation              = "READ-COMMITTED"
    slow_query_log                     = "ON"
    long_query_time                    = "1"
    sql_generate_invisible_primary_key = "OFF"
  }

  name                = each.key
  resource_group_name = local.group
  server_name         = azurerm_mysql_flexible_server.this.name
  value               = each.value
}

# The migration's identity is the administrator; the app's account is made by it once (docs/runbooks/deploy.md).
resource "azurerm_mysql_flexible_server_active_directory_administrator" "migrate" {
  server_id   = azurerm_mysql_flexible_server.this.id
  identity_id = azurerm_user_assigned_identity.database.id
  login       = azurerm_user_assigned_identity.this["migrate"].name
  object_id   = azurerm_user_assigned_identity.this["migrate"].client_id
  tenant_id   = local.tenant
}
