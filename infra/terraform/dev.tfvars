environment              = "staging"
resource_group_name      = "evcharging-dev"
suffix                   = "dev01"
maximum_instance_count   = 4
database_sku             = "B_Standard_B2ms"
database_max_connections = 680
database_storage_gb      = 20
sms_sender               = "evcharging"
edge                     = false
repository               = "OWNER/evcharging"
alert_emails             = ["operations@evcharging.example"]
log_daily_quota_gb       = 1
trace_sampling_ratio     = 1
budget                   = { amount = 300, start = "2027-01-01T00:00:00Z" }
