mock_resource "azurerm_key_vault" {
  defaults = {
    id        = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/evcharging/providers/Microsoft.KeyVault/vaults/evc"
    vault_uri = "https://vault.example/"
  }
}

mock_resource "azurerm_storage_account" {
  defaults = {
    primary_blob_endpoint = "https://account.blob.example/"
  }
}

mock_resource "azurerm_mysql_flexible_server" {
  defaults = {
    fqdn = "database.example"
  }
}

mock_resource "azurerm_cdn_frontdoor_endpoint" {
  defaults = {
    host_name = "edge.example"
  }
}

mock_resource "azurerm_cdn_frontdoor_profile" {
  defaults = {
    resource_guid = "33333333-3333-3333-3333-333333333333"
  }
}

mock_resource "azurerm_static_web_app" {
  defaults = {
    default_host_name = "web.example"
  }
}

mock_resource "azurerm_application_insights" {
  defaults = {
    connection_string = "InstrumentationKey=44444444-4444-4444-4444-444444444444"
  }
}

mock_resource "azurerm_user_assigned_identity" {
  defaults = {
    client_id    = "55555555-5555-5555-5555-555555555555"
    principal_id = "66666666-6666-6666-6666-666666666666"
  }
}

mock_resource "azurerm_communication_service" {
  defaults = {
    hostname = "communication.example"
  }
}

mock_resource "azurerm_email_communication_service_domain" {
  defaults = {
    from_sender_domain = "mail.example"
  }
}
