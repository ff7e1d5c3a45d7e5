mock_data "azurerm_client_config" {
  defaults = {
    tenant_id = "11111111-1111-1111-1111-111111111111"
  }
}

mock_data "azurerm_resource_group" {
  defaults = {
    id       = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/evcharging"
    location = "westeurope"
  }
}
