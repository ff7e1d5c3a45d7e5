resource "azurerm_virtual_network" "this" {
  name                = "${local.name}-network"
  resource_group_name = local.group
  location            = local.location
  address_space       = [var.address_space]
  tags                = local.tags
}

locals {
  size = tonumber(split("/", var.address_space)[1])

  # Flex does not take a subnet with an underscore in its name.
  subnets = {
    functions = { cidr = cidrsubnet(var.address_space, 24 - local.size, 0), delegation = "Microsoft.App/environments" }
    jobs      = { cidr = cidrsubnet(var.address_space, 27 - local.size, 8), delegation = "Microsoft.App/environments" }
    database  = { cidr = cidrsubnet(var.address_space, 28 - local.size, 20), delegation = "Microsoft.DBforMySQL/flexibleServers" }
    training  = { cidr = cidrsubnet(var.address_space, 28 - local.size, 21), delegation = null }
    endpoints = { cidr = cidrsubnet(var.address_space, 26 - local.size, 6), delegation = null }
  }
}

resource "azurerm_subnet" "this" {
  for_each = local.subnets

  name                              = each.key
  resource_group_name               = local.group
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [each.value.cidr]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = each.key == "endpoints" ? "NetworkSecurityGroupEnabled" : "Disabled"

  dynamic "delegation" {
    for_each = each.value.delegation == null ? [] : [each.value.delegation]

    content {
      name = "delegation"

      service_delegation {
        name    = delegation.value
        actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
      }
    }
  }

  dynamic "service_endpoint" {
    for_each = each.key == "database" ? ["Microsoft.Storage"] : []

    content {
      service = service_endpoint.value
    }
  }
}

resource "azurerm_network_security_group" "this" {
  for_each = local.subnets

  name                = "${local.name}-${each.key}"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags
}

# What comes from outside the network is refused by Azure's own last rule; what comes from inside it, only by these.
resource "azurerm_network_security_rule" "database_from_app" {
  name                        = "mysql-from-app-and-jobs"
  resource_group_name         = local.group
  network_security_group_name = azurerm_network_security_group.this["database"].name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_port_range           = "*"
  destination_port_range      = "3306"
  source_address_prefixes     = [for name in ["functions", "jobs", "training"] : local.subnets[name].cidr]
  destination_address_prefix  = local.subnets.database.cidr
}

resource "azurerm_network_security_rule" "endpoints_from_network" {
  name                        = "https-from-network"
  resource_group_name         = local.group
  network_security_group_name = azurerm_network_security_group.this["endpoints"].name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_port_range           = "*"
  destination_port_ranges     = ["443", "5671"]
  source_address_prefixes     = [for name in ["functions", "jobs", "training"] : local.subnets[name].cidr]
  destination_address_prefix  = local.subnets.endpoints.cidr
}

resource "azurerm_network_security_rule" "nothing_else" {
  for_each = toset(["endpoints", "training"])

  name                        = "nothing-else"
  resource_group_name         = local.group
  network_security_group_name = azurerm_network_security_group.this[each.key].name
  priority                    = 4000
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_port_range           = "*"
  destination_port_range      = "*"
  source_address_prefix       = "*"
  destination_address_prefix  = "*"
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each = local.subnets

  subnet_id                 = azurerm_subnet.this[each.key].id
  network_security_group_id = azurerm_network_security_group.this[each.key].id
}

resource "azurerm_public_ip" "outbound" {
  name                = "${local.name}-outbound"
  resource_group_name = local.group
  location            = local.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = ["1", "2", "3"]
  tags                = local.tags
}

resource "azurerm_nat_gateway" "this" {
  name                = "${local.name}-outbound"
  resource_group_name = local.group
  location            = local.location
  sku_name            = "Standard"
  tags                = local.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.outbound.id
}

resource "azurerm_subnet_nat_gateway_association" "this" {
  for_each = toset(["functions", "jobs", "training"])

  subnet_id      = azurerm_subnet.this[each.key].id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

locals {
  private_zones = merge(
    {
      blob     = "privatelink.blob.core.windows.net"
      queue    = "privatelink.queue.core.windows.net"
      table    = "privatelink.table.core.windows.net"
      vault    = "privatelink.vaultcore.azure.net"
      database = "${local.name}-${var.suffix}.private.mysql.database.azure.com"
    },
    var.servicebus_sku == "Premium" ? { bus = "privatelink.servicebus.windows.net" } : {},
  )

  private_endpoints = merge(
    {
      data       = { target = azurerm_storage_account.data.id, part = "blob", zone = "blob" }
      host-blob  = { target = azurerm_storage_account.host.id, part = "blob", zone = "blob" }
      host-queue = { target = azurerm_storage_account.host.id, part = "queue", zone = "queue" }
      host-table = { target = azurerm_storage_account.host.id, part = "table", zone = "table" }
      releases   = { target = azurerm_storage_account.releases.id, part = "blob", zone = "blob" }
      vault      = { target = azurerm_key_vault.this.id, part = "vault", zone = "vault" }
    },
    var.servicebus_sku == "Premium" ? { bus = { target = azurerm_servicebus_namespace.this.id, part = "namespace", zone = "bus" } } : {},
  )
}

resource "azurerm_private_dns_zone" "this" {
  for_each = local.private_zones

  name                = each.value
  resource_group_name = local.group
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = local.private_zones

  name                 = "${local.name}-${each.key}"
  private_dns_zone_id  = azurerm_private_dns_zone.this[each.key].id
  virtual_network_id   = azurerm_virtual_network.this.id
  registration_enabled = false
  tags                 = local.tags
}

resource "azurerm_private_endpoint" "this" {
  for_each = local.private_endpoints

  name                = "${local.name}-${each.key}"
  resource_group_name = local.group
  location            = local.location
  subnet_id           = azurerm_subnet.this["endpoints"].id
  tags                = local.tags

  private_service_connection {
    name                           = each.key
    is_manual_connection           = false
    private_connection_resource_id = each.value.target
    subresource_names              = [each.value.part]
  }

  private_dns_zone_group {
    name                 = each.value.zone
    private_dns_zone_ids = [azurerm_private_dns_zone.this[each.value.zone].id]
  }
}
