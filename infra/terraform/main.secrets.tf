# Secrets are written by people or by a job, never by Terraform: a value in the configuration would lie in the state.
resource "azurerm_key_vault" "this" {
  #checkov:skip=CKV_AZURE_189:off unless operator_addresses names people, who then come from those addresses alone
  name                          = "evc-${local.stage}-${var.suffix}"
  resource_group_name           = local.group
  location                      = local.location
  tenant_id                     = local.tenant
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = length(var.operator_addresses) > 0
  tags                          = local.tags

  network_acls {
    bypass         = "AzureServices"
    default_action = "Deny"
    ip_rules       = var.operator_addresses
  }
}

locals {
  # Setting of the app -> secret of the vault.
  secrets = {
    JWT_SECRET            = "jwt-secret"
    JWT_OTHER_SECRETS     = "jwt-other-secrets"
    DATA_KEYS             = "data-keys"
    STRIPE_API_KEY        = "stripe-key"
    STRIPE_WEBHOOK_SECRET = "stripe-webhook-secret"
  }

  # Without a version: a new value reaches the app within a day, or with a restart.
  secret_references = {
    for setting, name in local.secrets :
    setting => "@Microsoft.KeyVault(SecretUri=${azurerm_key_vault.this.vault_uri}secrets/${name})"
  }
}
