output "public_url" {
  description = "Where people and programs reach the platform."
  value       = local.public_url
}

output "app_name" {
  description = "Name of the Functions app, for the workflow (vars.APP_NAME)."
  value       = azurerm_function_app_flex_consumption.this.name
}

output "migrate_job" {
  description = "Name of the job that migrates, for the workflow (vars.MIGRATE_JOB)."
  value       = azurerm_container_app_job.migrate.name
}

output "releases_account" {
  description = "Storage account of releases, for the workflow (vars.RELEASES_ACCOUNT)."
  value       = azurerm_storage_account.releases.name
}

output "deploy_client_id" {
  description = "Client id that the workflow signs in as (vars.DEPLOY_CLIENT_ID)."
  value       = azurerm_user_assigned_identity.this["deploy"].client_id
}

output "database_accounts" {
  description = "Names of the database accounts to make once, with what each may do (docs/runbooks/deploy.md)."
  value = {
    (azurerm_user_assigned_identity.this["app"].name)      = "SELECT, INSERT, UPDATE, DELETE"
    (azurerm_user_assigned_identity.this["training"].name) = "SELECT"
  }
}

output "email_records" {
  description = "DNS records that prove the mail domain."
  value       = azurerm_email_communication_service_domain.this.verification_records
}

output "outbound_address" {
  description = "Address that the platform calls others from."
  value       = azurerm_public_ip.outbound.ip_address
}
