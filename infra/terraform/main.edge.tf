resource "azurerm_static_web_app" "this" {
  name                               = "${local.name}-web"
  resource_group_name                = local.group
  location                           = local.location
  sku_tier                           = "Standard"
  sku_size                           = "Standard"
  preview_environments_enabled       = false
  configuration_file_changes_enabled = false
  tags                               = local.tags
}

resource "azurerm_cdn_frontdoor_profile" "this" {
  count = var.edge ? 1 : 0

  name                     = "${local.name}-edge"
  resource_group_name      = local.group
  sku_name                 = "Standard_AzureFrontDoor"
  response_timeout_seconds = 60
  tags                     = local.tags
}

resource "azurerm_cdn_frontdoor_endpoint" "this" {
  count = var.edge ? 1 : 0

  name                     = "${local.name}-${var.suffix}"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id
  tags                     = local.tags
}

resource "azurerm_cdn_frontdoor_custom_domain" "this" {
  count = var.edge && var.web_host != null ? 1 : 0

  name                     = "web"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id
  host_name                = var.web_host

  tls {
    certificate_type = "ManagedCertificate"
  }
}

locals {
  # azurerm_function_app_flex_consumption depends on the profile, the origins on the app: no circle.
  origins = {
    api = { host = azurerm_function_app_flex_consumption.this.default_hostname, probe = "/api/v1/health", paths = ["/api/v1/*"] }
    web = { host = azurerm_static_web_app.this.default_host_name, probe = "/", paths = ["/*"] }
  }
  edge_origins = { for name, origin in local.origins : name => origin if var.edge }
}

resource "azurerm_cdn_frontdoor_origin_group" "this" {
  for_each = local.edge_origins

  name                     = each.key
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id
  session_affinity_enabled = false

  health_probe {
    interval_in_seconds = 60
    protocol            = "Https"
    request_type        = "GET"
    path                = each.value.probe
  }

  load_balancing {
    sample_size                 = 4
    successful_samples_required = 3
  }
}

resource "azurerm_cdn_frontdoor_origin" "this" {
  for_each = local.edge_origins

  name                           = each.key
  cdn_frontdoor_origin_group_id  = azurerm_cdn_frontdoor_origin_group.this[each.key].id
  host_name                      = each.value.host
  origin_host_header             = each.value.host
  certificate_name_check_enabled = true
  enabled                        = true
}

# Nothing is kept at the edge: the API's answers are of one person, the web app's own headers say what a browser keeps.
resource "azurerm_cdn_frontdoor_route" "this" {
  for_each = local.edge_origins

  name                            = each.key
  cdn_frontdoor_endpoint_id       = azurerm_cdn_frontdoor_endpoint.this[0].id
  cdn_frontdoor_origin_group_id   = azurerm_cdn_frontdoor_origin_group.this[each.key].id
  cdn_frontdoor_origin_ids        = [azurerm_cdn_frontdoor_origin.this[each.key].id]
  cdn_frontdoor_custom_domain_ids = [for domain in azurerm_cdn_frontdoor_custom_domain.this : domain.id]
  patterns_to_match               = each.value.paths
  supported_protocols             = ["Http", "Https"]
  https_redirect_enabled          = true
  forwarding_protocol             = "HttpsOnly"
  link_to_default_domain          = var.web_host == null
}

resource "azurerm_cdn_frontdoor_firewall_policy" "this" {
  count = var.edge ? 1 : 0

  name                = "evcharging${local.stage}${var.suffix}"
  resource_group_name = local.group
  sku_name            = azurerm_cdn_frontdoor_profile.this[0].sku_name
  mode                = "Prevention"
  enabled             = true
  tags                = local.tags

  custom_rule {
    name                           = "CallsPerAddress"
    type                           = "RateLimitRule"
    action                         = "Block"
    priority                       = 100
    rate_limit_duration_in_minutes = 1
    rate_limit_threshold           = var.calls_per_address

    match_condition {
      match_variable = "RequestUri"
      operator       = "Contains"
      match_values   = ["/api/v1/"]
    }
  }
}

resource "azurerm_cdn_frontdoor_security_policy" "this" {
  count = var.edge ? 1 : 0

  name                     = "firewall"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id

  security_policies {
    firewall {
      cdn_frontdoor_firewall_policy_id = azurerm_cdn_frontdoor_firewall_policy.this[0].id

      association {
        patterns_to_match = ["/*"]

        dynamic "domain" {
          for_each = concat([azurerm_cdn_frontdoor_endpoint.this[0].id], [for domain in azurerm_cdn_frontdoor_custom_domain.this : domain.id])

          content {
            cdn_frontdoor_domain_id = domain.value
          }
        }
      }
    }
  }
}
