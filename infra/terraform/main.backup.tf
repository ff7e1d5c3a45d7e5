resource "azurerm_data_protection_backup_vault" "this" {
  name                = "${local.name}-backup"
  resource_group_name = local.group
  location            = local.location
  datastore_type      = "OperationalStore"
  redundancy          = "ZoneRedundant"
  soft_delete         = "On"
  tags                = local.tags

  retention_duration_in_days = 14

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_data_protection_backup_policy_blob_storage" "this" {
  name                                   = "blobs"
  vault_id                               = azurerm_data_protection_backup_vault.this.id
  operational_default_retention_duration = "P35D"
}

resource "azurerm_data_protection_backup_instance_blob_storage" "this" {
  name               = "blobs"
  location           = local.location
  vault_id           = azurerm_data_protection_backup_vault.this.id
  backup_policy_id   = azurerm_data_protection_backup_policy_blob_storage.this.id
  storage_account_id = azurerm_storage_account.data.id

  depends_on = [azurerm_role_assignment.this]
}

resource "azurerm_management_lock" "database" {
  name       = "keep"
  scope      = azurerm_mysql_flexible_server.this.id
  lock_level = "CanNotDelete"
  notes      = "Bookings live here. Take the lock away first, by hand (docs/runbooks/restore.md)."
}

resource "azurerm_management_lock" "data" {
  name       = "keep"
  scope      = azurerm_storage_account.data.id
  lock_level = "CanNotDelete"
  notes      = "Models, photos and exports live here."
}
