data "azurerm_client_config" "current" {}

data "azurerm_resource_group" "this" {
  name = var.resource_group_name
}

locals {
  stage    = { staging = "dev", production = "prod" }[var.environment]
  name     = "evcharging-${local.stage}"
  group    = data.azurerm_resource_group.this.name
  location = data.azurerm_resource_group.this.location
  tenant   = data.azurerm_client_config.current.tenant_id
  tags     = { project = "evcharging", environment = var.environment }

  # The queues that the platform sends to (shared/outbox.py:QUEUES and the next ones) and those that others send to.
  # An idle queue costs nothing; each gets the same rights, and its dead letters are kept.
  platform_queues = ["charge-requests", "notify", "bookings", "payments", "opportunity-prices", "reports"]
  inbound_queues  = ["delivery-reports"]
  queues          = concat(local.platform_queues, local.inbound_queues)

  # A queue has a function of its own; a sweep keeps the dead letters of all. On Flex each function that is not HTTP scales
  # by itself; the four timers run on an instance each. Whether maximum_instance_count counts a group or the app is not sure: this is the safe reading.
  scaling_groups = 1 + length(local.queues)
  timers         = 4

  api_host   = "${local.name}-${var.suffix}.azurewebsites.net"
  public_url = "https://${coalesce(var.web_host, var.edge ? azurerm_cdn_frontdoor_endpoint.this[0].host_name : local.api_host)}"
}
