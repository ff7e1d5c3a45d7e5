resource "azurerm_servicebus_namespace" "this" {
  #checkov:skip=CKV_AZURE_199:double encryption is Premium's
  #checkov:skip=CKV_AZURE_201:Azure's keys encrypt at rest; messages live minutes
  #checkov:skip=CKV_AZURE_204:private endpoints are Premium's (servicebus_sku); without keys a token is needed anyway
  name                          = "${local.name}-${var.suffix}"
  resource_group_name           = local.group
  location                      = local.location
  sku                           = var.servicebus_sku
  capacity                      = var.servicebus_sku == "Premium" ? 1 : 0
  premium_messaging_partitions  = var.servicebus_sku == "Premium" ? 1 : 0
  minimum_tls_version           = "1.2"
  local_auth_enabled            = false
  public_network_access_enabled = var.servicebus_sku != "Premium"
  tags                          = local.tags

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_servicebus_queue" "this" {
  for_each = toset(local.queues)

  name                                    = each.key
  namespace_id                            = azurerm_servicebus_namespace.this.id
  lock_duration                           = var.queue_lock
  max_delivery_count                      = 10
  default_message_ttl                     = "P14D"
  dead_lettering_on_message_expiration    = true
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "PT1H"
}
