environment                   = "production"
resource_group_name           = "evcharging-prod"
suffix                        = "prod01"
maximum_instance_count        = 30
always_ready                  = { http = 2, "function:optimize_charge_request" = 1 }
database_sku                  = "MO_Standard_E8ads_v5"
database_max_connections      = 5000
database_storage_gb           = 256
database_high_availability    = true
database_backup_days          = 35
database_geo_redundant_backup = true
storage_replication           = "GZRS"
email_domain                  = "mail.evcharging.example"
sms_sender                    = "evcharging"
edge                          = true
web_host                      = "www.evcharging.example"
training                      = true
training_public_key           = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA nobody"
training_release              = { version = "0.1.0", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
repository                    = "OWNER/evcharging"
alert_emails                  = ["operations@evcharging.example"]
log_daily_quota_gb            = 20
log_days                      = 90
budget                        = { amount = 6000, start = "2027-01-01T00:00:00Z" }
