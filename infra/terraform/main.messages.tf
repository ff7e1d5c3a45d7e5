resource "azurerm_communication_service" "this" {
  name                = "${local.name}-${var.suffix}"
  resource_group_name = local.group
  data_location       = var.data_location
  tags                = local.tags
}

resource "azurerm_email_communication_service" "this" {
  name                = "${local.name}-${var.suffix}"
  resource_group_name = local.group
  data_location       = var.data_location
  tags                = local.tags
}

resource "azurerm_email_communication_service_domain" "this" {
  name                             = coalesce(var.email_domain, "AzureManagedDomain")
  email_service_id                 = azurerm_email_communication_service.this.id
  domain_management                = var.email_domain == null ? "AzureManaged" : "CustomerManaged"
  user_engagement_tracking_enabled = false
  tags                             = local.tags
}

resource "azurerm_email_communication_service_domain_sender_username" "this" {
  name                    = var.email_sender_name
  display_name            = "evcharging"
  email_service_domain_id = azurerm_email_communication_service_domain.this.id
}

resource "azurerm_communication_service_email_domain_association" "this" {
  communication_service_id = azurerm_communication_service.this.id
  email_service_domain_id  = azurerm_email_communication_service_domain.this.id
}

# What became of each e-mail and SMS comes back as a message of a queue: no address is open for it, and dead letters are kept.
resource "azurerm_eventgrid_system_topic" "messages" {
  name                = "${local.name}-messages"
  resource_group_name = local.group
  location            = "global"
  topic_type          = "Microsoft.Communication.CommunicationServices"
  source_resource_id  = azurerm_communication_service.this.id
  tags                = local.tags

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_eventgrid_system_topic_event_subscription" "deliveries" {
  name                  = "delivery-reports"
  resource_group_name   = local.group
  system_topic          = azurerm_eventgrid_system_topic.messages.name
  event_delivery_schema = "CloudEventSchemaV1_0"
  service_bus_queue_id  = azurerm_servicebus_queue.this["delivery-reports"].id
  included_event_types  = ["Microsoft.Communication.EmailDeliveryReportReceived", "Microsoft.Communication.SMSDeliveryReportReceived"]

  delivery_identity {
    type = "SystemAssigned"
  }

  retry_policy {
    max_delivery_attempts = 30
    event_time_to_live    = 1440
  }

  depends_on = [azurerm_role_assignment.this]
}
