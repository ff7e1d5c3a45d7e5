# What the trial stage is, and its switches. Run with -var-file=dev.tfvars.

mock_provider "azurerm" {
  source          = "./tests/azure"
  override_during = plan
}

run "without_an_edge" {
  command = plan

  assert {
    condition     = local.app_settings["ENVIRONMENT"] == "staging"
    error_message = "The trial stage is told as staging: it refuses embedded parts like production."
  }

  assert {
    condition     = length(azurerm_cdn_frontdoor_profile.this) == 0 && local.app_settings["TRUSTED_PROXIES"] == "" && local.app_settings["WEB_ORIGINS"] == "https://web.example"
    error_message = "Without an edge the web app's own origin may call, and no proxy is believed."
  }

  assert {
    condition     = length(azurerm_linux_virtual_machine_scale_set.training) + length(azurerm_bot_service_azure_bot.this) + length(azurerm_cognitive_account.language) == 0
    error_message = "What is switched off is not made."
  }
}

run "with_bot_and_language" {
  command = plan

  variables {
    bot      = true
    language = true
  }

  assert {
    condition     = azurerm_bot_service_azure_bot.this[0].microsoft_app_type == "UserAssignedMSI" && !azurerm_bot_service_azure_bot.this[0].local_authentication_enabled
    error_message = "The bot signs in by an identity, without a key."
  }

  assert {
    condition     = azurerm_cognitive_account.language[0].kind == "TextAnalytics" && !azurerm_cognitive_account.language[0].local_auth_enabled && local.grants["app/language"].role == "Cognitive Services Language Reader"
    error_message = "Language is asked by the app's identity, without a key."
  }
}

run "with_an_edge" {
  command = plan

  variables {
    edge = true
  }

  assert {
    condition     = { for name, route in azurerm_cdn_frontdoor_route.this : name => route.patterns_to_match } == { api = tolist(["/api/v1/*"]), web = tolist(["/*"]) }
    error_message = "One host name for both: no CORS, cookies of one site."
  }

  assert {
    condition     = local.app_settings["TRUSTED_PROXIES"] == "1" && local.app_settings["WEB_ORIGINS"] == ""
    error_message = "Front Door is the one proxy that is believed."
  }

  assert {
    condition     = alltrue([for route in azurerm_cdn_frontdoor_route.this : length(route.cache) == 0])
    error_message = "Nothing is kept at the edge."
  }
}
