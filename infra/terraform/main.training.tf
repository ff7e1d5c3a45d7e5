resource "azurerm_linux_virtual_machine_scale_set" "training" {
  #checkov:skip=CKV_AZURE_97:encryption at the host needs a feature of the subscription; the disk holds a release and lives hours
  #checkov:skip=CKV_AZURE_49:admin_ssh_key is given; the check looks for another argument
  #checkov:skip=CKV_AZURE_179:the agent is there by default
  count = var.training ? 1 : 0

  name                            = "${local.name}-training"
  resource_group_name             = local.group
  location                        = local.location
  sku                             = var.training_sku
  instances                       = 0
  priority                        = "Spot"
  eviction_policy                 = "Delete"
  max_bid_price                   = -1
  overprovision                   = false
  upgrade_mode                    = "Manual"
  secure_boot_enabled             = true
  vtpm_enabled                    = true
  admin_username                  = "machine"
  disable_password_authentication = true
  extension_operations_enabled    = true
  computer_name_prefix            = "training"
  tags                            = local.tags

  custom_data = base64encode(templatefile("${path.module}/files/training.cloud-init.yaml", {
    fetch_release  = file("${path.module}/files/fetch_release.py")
    releases       = "${azurerm_storage_account.releases.primary_blob_endpoint}${azurerm_storage_container.releases.name}"
    version        = var.training_release.version
    sha256         = var.training_release.sha256
    client_id      = azurerm_user_assigned_identity.this["training"].client_id
    database_url   = "mysql+pymysql://${azurerm_user_assigned_identity.this["training"].name}@${azurerm_mysql_flexible_server.this.fqdn}:3306/${azurerm_mysql_flexible_database.evcharging.name}?charset=utf8mb4"
    blob_endpoint  = azurerm_storage_account.data.primary_blob_endpoint
    blob_container = azurerm_storage_container.evcharging.name
  }))

  admin_ssh_key {
    username   = "machine"
    public_key = var.training_public_key
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this["training"].id]
  }

  source_image_reference {
    publisher = "Debian"
    offer     = "debian-12"
    sku       = "12-gen2"
    version   = "latest"
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "StandardSSD_LRS"
    disk_size_gb         = 32
  }

  network_interface {
    name                      = "network"
    primary                   = true
    network_security_group_id = azurerm_network_security_group.this["training"].id

    ip_configuration {
      name      = "internal"
      primary   = true
      subnet_id = azurerm_subnet.this["training"].id
    }
  }

  termination_notification {
    enabled = true
    timeout = "PT5M"
  }

  extension {
    name                       = "monitor"
    publisher                  = "Microsoft.Azure.Monitor"
    type                       = "AzureMonitorLinuxAgent"
    type_handler_version       = "1.33"
    auto_upgrade_minor_version = true
    automatic_upgrade_enabled  = true
  }

  lifecycle {
    # The schedule sets how many there are.
    ignore_changes = [instances]

    precondition {
      condition     = var.training_release.sha256 != "" && var.training_public_key != null
      error_message = "training needs training_release (version and sha256) and training_public_key."
    }
  }
}

# Two recurring profiles: with one alone it would never end.
resource "azurerm_monitor_autoscale_setting" "training" {
  count = var.training ? 1 : 0

  name                = "${local.name}-training"
  resource_group_name = local.group
  location            = local.location
  target_resource_id  = azurerm_linux_virtual_machine_scale_set.training[0].id
  tags                = local.tags

  dynamic "profile" {
    for_each = {
      on  = { count = 1, hour = 1, minute = 30 }
      off = { count = 0, hour = 6, minute = 0 }
    }

    content {
      name = profile.key

      capacity {
        default = profile.value.count
        minimum = profile.value.count
        maximum = profile.value.count
      }

      recurrence {
        timezone = "UTC"
        days     = ["Sunday"]
        hours    = [profile.value.hour]
        minutes  = [profile.value.minute]
      }
    }
  }
}

resource "azurerm_monitor_data_collection_rule" "training" {
  count = var.training ? 1 : 0

  name                = "${local.name}-training"
  resource_group_name = local.group
  location            = local.location
  kind                = "Linux"
  tags                = local.tags

  destinations {
    log_analytics {
      name                  = "workspace"
      workspace_resource_id = azurerm_log_analytics_workspace.this.id
    }
  }

  data_sources {
    syslog {
      name           = "unit"
      streams        = ["Microsoft-Syslog"]
      facility_names = ["daemon"]
      log_levels     = ["Info", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency"]
    }
  }

  data_flow {
    streams      = ["Microsoft-Syslog"]
    destinations = ["workspace"]
  }
}

resource "azurerm_monitor_data_collection_rule_association" "training" {
  count = var.training ? 1 : 0

  name                    = "training"
  target_resource_id      = azurerm_linux_virtual_machine_scale_set.training[0].id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.training[0].id
}
