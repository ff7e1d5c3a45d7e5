resource "azurerm_log_analytics_workspace" "this" {
  name                         = "${local.name}-logs"
  resource_group_name          = local.group
  location                     = local.location
  sku                          = "PerGB2018"
  retention_in_days            = var.log_days
  daily_quota_gb               = var.log_daily_quota_gb
  local_authentication_enabled = false
  tags                         = local.tags
}

resource "azurerm_application_insights" "this" {
  name                         = "${local.name}-insights"
  resource_group_name          = local.group
  location                     = local.location
  workspace_id                 = azurerm_log_analytics_workspace.this.id
  application_type             = "web"
  sampling_percentage          = 100
  retention_in_days            = max(30, var.log_days)
  local_authentication_enabled = false
  tags                         = local.tags
}

resource "azurerm_monitor_action_group" "this" {
  name                = "${local.name}-people"
  resource_group_name = local.group
  short_name          = "evc-${local.stage}"
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

locals {
  alerts = jsondecode(file("${path.module}/alerts.json"))
}

# Each query returns rows only when it should fire.
resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each = local.alerts

  name                    = "${local.name}-${each.key}"
  display_name            = each.key
  description             = "${each.value.why} Runbook: docs/runbooks/${each.value.runbook}.md"
  resource_group_name     = local.group
  location                = local.location
  scopes                  = [azurerm_log_analytics_workspace.this.id]
  severity                = each.value.severity
  evaluation_frequency    = each.value.every
  window_duration         = each.value.window
  auto_mitigation_enabled = true
  skip_query_validation   = false
  tags                    = local.tags

  criteria {
    query                   = templatestring(each.value.query, merge(each.value.thresholds, lookup(var.alert_thresholds, each.key, {})))
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.this.id]
  }
}

resource "azurerm_application_insights_standard_web_test" "health" {
  name                    = "${local.name}-health"
  resource_group_name     = local.group
  location                = local.location
  application_insights_id = azurerm_application_insights.this.id
  geo_locations           = var.web_test_places
  frequency               = 300
  timeout                 = 30
  enabled                 = true
  retry_enabled           = true
  tags                    = local.tags

  request {
    url                              = "${local.public_url}/api/v1/health"
    http_verb                        = "GET"
    parse_dependent_requests_enabled = false
  }

  validation_rules {
    expected_status_code        = 200
    ssl_check_enabled           = true
    ssl_cert_remaining_lifetime = 14
  }
}

# Metrics of the platform's parts that no query over the workspace tells in time.
resource "azurerm_monitor_metric_alert" "this" {
  for_each = {
    bus-throttled = { on = azurerm_servicebus_namespace.this.id, namespace = "Microsoft.ServiceBus/namespaces", metric = "ThrottledRequests", above = 100, why = "Service Bus slows us down. Runbook: docs/runbooks/queue-late.md" }
  }

  name                = "${local.name}-${each.key}"
  resource_group_name = local.group
  scopes              = [each.value.on]
  description         = each.value.why
  severity            = 2
  frequency           = "PT5M"
  window_size         = "PT15M"
  tags                = local.tags

  criteria {
    metric_namespace = each.value.namespace
    metric_name      = each.value.metric
    aggregation      = each.value.metric == "ThrottledRequests" ? "Total" : "Average"
    operator         = "GreaterThan"
    threshold        = each.value.above
  }

  action {
    action_group_id = azurerm_monitor_action_group.this.id
  }
}

locals {
  # Each alert's query without the threshold that ends it.
  unlimited = { for name, alert in local.alerts : name => try(regex("^(.*) \\| where [^|]*$", alert.query)[0], alert.query) }

  panels = jsondecode(file("${path.module}/workbook.json"))

  # Six parts of charts, then a table for each alert.
  workbook = concat(
    [for name, panel in local.panels : {
      type = 3
      name = name
      content = {
        version       = "KqlItem/1.0"
        title         = "${panel.part}: ${panel.why}"
        query         = panel.query
        visualization = panel.chart
        chartSettings = { xAxis = "at", yAxis = ["value"], group = "series" }
        size          = 0
        queryType     = 0
        resourceType  = "microsoft.operationalinsights/workspaces"
        timeContext   = { durationMs = 86400000 }
      }
    }],
    [for name, alert in local.alerts : {
      type = 3
      name = name
      content = {
        version       = "KqlItem/1.0"
        title         = "${name}: ${alert.why}"
        query         = templatestring(local.unlimited[name], alert.thresholds)
        visualization = "table"
        chartSettings = null
        size          = 0
        queryType     = 0
        resourceType  = "microsoft.operationalinsights/workspaces"
        timeContext   = { durationMs = 86400000 }
      }
    }],
  )
}

resource "azurerm_application_insights_workbook" "this" {
  name                = uuidv5("url", "evcharging/workbook/${local.name}-${var.suffix}")
  resource_group_name = local.group
  location            = local.location
  display_name        = local.name
  source_id           = lower(azurerm_log_analytics_workspace.this.id)
  data_json           = jsonencode({ version = "Notebook/1.0", items = local.workbook })
  tags                = local.tags
}

# The app's own logs come by Application Insights; the host's category would send each twice.
resource "azurerm_monitor_diagnostic_setting" "this" {
  for_each = {
    database = { on = azurerm_mysql_flexible_server.this.id, logs = ["MySqlSlowLogs"], metrics = ["AllMetrics"] }
    bus      = { on = azurerm_servicebus_namespace.this.id, logs = ["OperationalLogs"], metrics = ["AllMetrics"] }
    vault    = { on = azurerm_key_vault.this.id, logs = ["AuditEvent"], metrics = [] }
    blobs    = { on = "${azurerm_storage_account.data.id}/blobServices/default", logs = ["StorageDelete"], metrics = [] }
  }

  name                       = "workspace"
  target_resource_id         = each.value.on
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  dynamic "enabled_log" {
    for_each = each.value.logs

    content {
      category = enabled_log.value
    }
  }

  dynamic "enabled_metric" {
    for_each = each.value.metrics

    content {
      category = enabled_metric.value
    }
  }
}

resource "azurerm_consumption_budget_resource_group" "this" {
  name              = local.name
  resource_group_id = data.azurerm_resource_group.this.id
  amount            = var.budget.amount
  time_grain        = "Monthly"

  time_period {
    start_date = var.budget.start
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 80
    threshold_type = "Forecasted"
    contact_emails = var.alert_emails
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 100
    threshold_type = "Actual"
    contact_emails = var.alert_emails
  }
}
