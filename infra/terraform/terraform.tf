terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }

  # The account is made once by bootstrap/; its name comes with `terraform init -backend-config=...` (docs/runbooks/deploy.md).
  backend "azurerm" {
    container_name   = "state"
    key              = "evcharging.tfstate"
    use_azuread_auth = true
    use_oidc         = true
  }
}

provider "azurerm" {
  features {}

  subscription_id     = var.subscription_id
  use_oidc            = true
  storage_use_azuread = true

  # docs/runbooks/deploy.md lists the resource providers that a subscription must have registered.
  resource_provider_registrations = "none"
}
