# Three accounts: the platform's data, what the Functions host keeps for itself, and releases. None has keys, none is public
# to readers without a token. Releases alone answer outside the network: the workflow that uploads them runs there.

resource "azurerm_storage_account" "data" {
  #checkov:skip=CKV2_AZURE_1:keys of our own add a rota of people and no reader less: Azure's keys encrypt at rest
  #checkov:skip=CKV_AZURE_33:the account has no queues
  #checkov:skip=CKV_AZURE_206:ZRS by default, GZRS by storage_replication; the value is a variable
  name                              = "evc${local.stage}data${var.suffix}"
  resource_group_name               = local.group
  location                          = local.location
  account_tier                      = "Standard"
  account_replication_type          = var.storage_replication
  account_kind                      = "StorageV2"
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  infrastructure_encryption_enabled = true
  shared_access_key_enabled         = false
  default_to_oauth_authentication   = true
  local_user_enabled                = false
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  public_network_access_enabled     = false
  tags                              = local.tags

  blob_properties {
    versioning_enabled  = true
    change_feed_enabled = true

    delete_retention_policy {
      days = 14
    }

    container_delete_retention_policy {
      days = 14
    }
  }
}

resource "azurerm_storage_account" "host" {
  #checkov:skip=CKV_AZURE_206:three zones are enough for leases and a package
  #checkov:skip=CKV2_AZURE_1:Azure's keys encrypt at rest
  #checkov:skip=CKV_AZURE_33:the host's queues hold its own tasks; diagnostics of the app tell of them
  #checkov:skip=CKV2_AZURE_38:what the host keeps (leases of timers, its keys) is made anew by itself
  name                             = "evc${local.stage}host${var.suffix}"
  resource_group_name              = local.group
  location                         = local.location
  account_tier                     = "Standard"
  account_replication_type         = "ZRS"
  account_kind                     = "StorageV2"
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  public_network_access_enabled    = false
  tags                             = local.tags
}

resource "azurerm_storage_account" "releases" {
  #checkov:skip=CKV_AZURE_206:three zones are enough: a release can be made again from its commit
  #checkov:skip=CKV2_AZURE_1:Azure's keys encrypt at rest
  #checkov:skip=CKV_AZURE_33:the account has no queues
  #checkov:skip=CKV_AZURE_59:the workflow uploads from outside the network, by its identity; releases hold code and no secret
  #checkov:skip=CKV_AZURE_35:as above: there is no fixed address to name
  name                             = "evc${local.stage}code${var.suffix}"
  resource_group_name              = local.group
  location                         = local.location
  account_tier                     = "Standard"
  account_replication_type         = "ZRS"
  account_kind                     = "StorageV2"
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  public_network_access_enabled    = true
  tags                             = local.tags

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 14
    }

    container_delete_retention_policy {
      days = 14
    }
  }
}

resource "azurerm_storage_container" "evcharging" {
  #checkov:skip=CKV2_AZURE_21:reads of blobs are spans of the app
  name                  = "evcharging"
  storage_account_id    = azurerm_storage_account.data.id
  container_access_type = "private"
}

resource "azurerm_storage_container" "deployments" {
  #checkov:skip=CKV2_AZURE_21:the platform alone writes it
  name                  = "deployments"
  storage_account_id    = azurerm_storage_account.host.id
  container_access_type = "private"
}

resource "azurerm_storage_container" "releases" {
  #checkov:skip=CKV2_AZURE_21:the workflow's log says what it uploaded
  name                  = "releases"
  storage_account_id    = azurerm_storage_account.releases.id
  container_access_type = "private"
}

# Models are never deleted by age: the pointer may name an old one.
resource "azurerm_storage_management_policy" "data" {
  storage_account_id = azurerm_storage_account.data.id

  rule {
    name    = "exports"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["evcharging/exports/"]
    }

    actions {
      base_blob {
        delete_after_days_since_creation_greater_than = 180
      }
    }
  }

  rule {
    name    = "versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = 30
      }
    }
  }
}

resource "azurerm_storage_management_policy" "releases" {
  storage_account_id = azurerm_storage_account.releases.id

  rule {
    name    = "releases"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["releases/"]
    }

    actions {
      base_blob {
        delete_after_days_since_creation_greater_than = 180
      }

      version {
        delete_after_days_since_creation = 30
      }
    }
  }
}
