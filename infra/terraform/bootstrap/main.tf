# Made once by a person, before everything else: the account of the state, the resource group, and the identity that the
# workflow applies with. Its own state stays with who ran it, or is moved into the account that it made.
terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }
}

provider "azurerm" {
  features {}

  subscription_id                 = var.subscription_id
  storage_use_azuread             = true
  resource_provider_registrations = "none"
}

variable "subscription_id" {
  description = "Subscription that holds both resource groups."
  type        = string
  default     = null
}

variable "stage" {
  description = "dev or prod."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.stage)
    error_message = "stage must be dev or prod."
  }
}

variable "location" {
  description = "Azure region with three zones."
  type        = string
  default     = "westeurope"
}

variable "suffix" {
  description = "Tail of the state account's name, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,8}$", var.suffix))
    error_message = "suffix must have 3 to 8 small letters or digits."
  }
}

variable "repository" {
  description = "OWNER/NAME of the repository on GitHub whose workflow applies."
  type        = string
}

locals {
  tags = { project = "evcharging", environment = var.stage }

  # The roles that the configuration gives, and no others: the identity that applies may hand out these alone.
  roles = toset([
    "Azure Service Bus Data Receiver",
    "Azure Service Bus Data Sender",
    "Cognitive Services Language Reader",
    "Communication and Email Service Owner",
    "Container Apps Jobs Operator",
    "Key Vault Secrets User",
    "Monitoring Metrics Publisher",
    "Monitoring Reader",
    "Reader",
    "Storage Account Backup Contributor",
    "Storage Blob Data Contributor",
    "Storage Blob Data Owner",
    "Storage Blob Data Reader",
    "Storage Queue Data Contributor",
    "Storage Table Data Contributor",
    "Website Contributor",
  ])

  role_ids = join(", ", sort([for role in data.azurerm_role_definition.given : basename(role.role_definition_id)]))
}

data "azurerm_role_definition" "given" {
  for_each = local.roles

  name = each.key
}

resource "azurerm_resource_group" "platform" {
  name     = "evcharging-${var.stage}"
  location = var.location
  tags     = local.tags
}

resource "azurerm_resource_group" "state" {
  name     = "evcharging-${var.stage}-state"
  location = var.location
  tags     = local.tags
}

resource "azurerm_storage_account" "state" {
  #checkov:skip=CKV2_AZURE_1:Azure's keys encrypt at rest
  #checkov:skip=CKV_AZURE_33:the account has no queues
  #checkov:skip=CKV_AZURE_59:the workflow applies from outside the network, by its identity; there are no keys
  #checkov:skip=CKV_AZURE_35:as above: there is no fixed address to name
  #checkov:skip=CKV2_AZURE_33:as above
  name                             = "evc${var.stage}state${var.suffix}"
  resource_group_name              = azurerm_resource_group.state.name
  location                         = var.location
  account_tier                     = "Standard"
  account_replication_type         = "GZRS"
  account_kind                     = "StorageV2"
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  tags                             = local.tags

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 30
    }

    container_delete_retention_policy {
      days = 30
    }
  }
}

resource "azurerm_storage_container" "state" {
  #checkov:skip=CKV2_AZURE_21:versions of the blob say what changed
  name                  = "state"
  storage_account_id    = azurerm_storage_account.state.id
  container_access_type = "private"
}

resource "azurerm_management_lock" "state" {
  name       = "keep"
  scope      = azurerm_storage_account.state.id
  lock_level = "CanNotDelete"
  notes      = "Without the state nothing can be changed in safety."
}

resource "azurerm_user_assigned_identity" "terraform" {
  name                = "evcharging-${var.stage}-terraform"
  resource_group_name = azurerm_resource_group.state.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "terraform" {
  name                      = "github"
  user_assigned_identity_id = azurerm_user_assigned_identity.terraform.id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = "https://token.actions.githubusercontent.com"
  subject                   = "repo:${var.repository}:environment:${var.stage}"
}

resource "azurerm_role_assignment" "state" {
  principal_id         = azurerm_user_assigned_identity.terraform.principal_id
  role_definition_name = "Storage Blob Data Contributor"
  scope                = azurerm_storage_container.state.id
}

resource "azurerm_role_assignment" "contributor" {
  principal_id         = azurerm_user_assigned_identity.terraform.principal_id
  role_definition_name = "Contributor"
  scope                = azurerm_resource_group.platform.id
}

# It may give and take away the roles above, to whomever; not Owner, not its own two.
resource "azurerm_role_assignment" "roles" {
  principal_id         = azurerm_user_assigned_identity.terraform.principal_id
  role_definition_name = "Role Based Access Control Administrator"
  scope                = azurerm_resource_group.platform.id
  condition_version    = "2.0"
  condition = join(" AND ", [for verb, source in { write = "Request", delete = "Resource" } : join("", [
    "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/${verb}'}) OR ",
    "@${source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${local.role_ids}})",
  ])])
}

output "state_account" {
  description = "For `terraform init -backend-config=storage_account_name=...`."
  value       = azurerm_storage_account.state.name
}

output "terraform_client_id" {
  description = "Client id that the workflow applies as (vars.TERRAFORM_CLIENT_ID)."
  value       = azurerm_user_assigned_identity.terraform.client_id
}
