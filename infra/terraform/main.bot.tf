# Azure Bot and Azure AI Language, each behind its switch: declared, so that they can be had; nothing of the app speaks to them yet.

resource "azurerm_user_assigned_identity" "bot" {
  count = var.bot ? 1 : 0

  name                = "${local.name}-bot"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags
}

resource "azurerm_bot_service_azure_bot" "this" {
  count = var.bot ? 1 : 0

  name                          = "${local.name}-${var.suffix}"
  resource_group_name           = local.group
  location                      = "global"
  sku                           = var.environment == "production" ? "S1" : "F0"
  microsoft_app_type            = "UserAssignedMSI"
  microsoft_app_id              = azurerm_user_assigned_identity.bot[0].client_id
  microsoft_app_msi_id          = azurerm_user_assigned_identity.bot[0].id
  microsoft_app_tenant_id       = local.tenant
  local_authentication_enabled  = false
  public_network_access_enabled = true
  streaming_endpoint_enabled    = false
  endpoint                      = "${local.public_url}/api/v1/assistant/messages"
  tags                          = local.tags
}

resource "azurerm_bot_channel_directline" "this" {
  count = var.bot ? 1 : 0

  bot_name            = azurerm_bot_service_azure_bot.this[0].name
  resource_group_name = local.group
  location            = azurerm_bot_service_azure_bot.this[0].location

  site {
    name                            = "web"
    enabled                         = true
    v1_allowed                      = false
    v3_allowed                      = true
    enhanced_authentication_enabled = true
    trusted_origins                 = [local.public_url]
    user_upload_enabled             = false
  }
}

resource "azurerm_bot_channel_web_chat" "this" {
  count = var.bot ? 1 : 0

  bot_name            = azurerm_bot_service_azure_bot.this[0].name
  resource_group_name = local.group
  location            = azurerm_bot_service_azure_bot.this[0].location

  site {
    name                = "web"
    user_upload_enabled = false
  }
}

resource "azurerm_cognitive_account" "language" {
  #checkov:skip=CKV2_AZURE_22:Azure's keys encrypt at rest
  count = var.language ? 1 : 0

  name                               = "${local.name}-language-${var.suffix}"
  resource_group_name                = local.group
  location                           = local.location
  kind                               = "TextAnalytics"
  sku_name                           = "S"
  custom_subdomain_name              = "${local.name}-language-${var.suffix}"
  local_auth_enabled                 = false
  public_network_access_enabled      = false
  outbound_network_access_restricted = true
  tags                               = local.tags

  identity {
    type = "SystemAssigned"
  }
}
