variable "subscription_id" {
  description = "Subscription that holds the resource group."
  type        = string
  default     = null
}

variable "environment" {
  description = "What the app is told as ENVIRONMENT; names carry dev or prod."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "environment must be staging or production."
  }
}

variable "resource_group_name" {
  description = "Resource group that bootstrap/ made. Everything lives in it."
  type        = string

  validation {
    condition     = length(var.resource_group_name) > 0 && length(var.resource_group_name) <= 90
    error_message = "resource_group_name must have 1 to 90 characters."
  }
}

variable "suffix" {
  description = "Tail of the names that are unique in the world (storage, vault, database, app)."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,8}$", var.suffix))
    error_message = "suffix must have 3 to 8 small letters or digits."
  }
}

variable "address_space" {
  description = "Network of the platform, at least a /22."
  type        = string
  default     = "10.60.0.0/20"

  validation {
    condition     = can(cidrhost(var.address_space, 0)) && tonumber(split("/", var.address_space)[1]) <= 22
    error_message = "address_space must be an IPv4 network of at least a /22."
  }
}

variable "python_version" {
  description = "Python of the app. The package's wheels are of this version."
  type        = string
  default     = "3.11"

  validation {
    condition     = contains(["3.11"], var.python_version)
    error_message = "python_version must be 3.11: the package's wheels are made for it."
  }
}

variable "instance_memory_mb" {
  description = "Memory of an instance; its share of processors follows."
  type        = number
  default     = 2048

  validation {
    condition     = contains([512, 2048, 4096], var.instance_memory_mb)
    error_message = "instance_memory_mb must be 512, 2048 or 4096, which Flex Consumption offers."
  }
}

variable "maximum_instance_count" {
  description = "Most instances that one scaling group may have."
  type        = number

  validation {
    condition     = var.maximum_instance_count >= 1 && var.maximum_instance_count <= 1000
    error_message = "maximum_instance_count must be 1 to 1000."
  }
}

variable "always_ready" {
  description = "Instances kept warm, by scaling group: http, or function:NAME."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for group, count in var.always_ready : can(regex("^(http|durable|blob|function:[a-z_]+)$", group)) && count >= 0])
    error_message = "always_ready must name http, durable, blob or function:NAME, with a count of 0 or more."
  }
}

variable "database_pool_size" {
  description = "Connections of one instance (DATABASE_POOL_SIZE). An instance takes as many calls at once and six more, which wait."
  type        = number
  default     = 10

  validation {
    condition     = var.database_pool_size >= 1 && var.database_pool_size <= 200
    error_message = "database_pool_size must be 1 to 200."
  }
}

variable "database_sku" {
  description = "Size of MySQL, such as GP_Standard_D2ads_v5."
  type        = string

  validation {
    condition     = can(regex("^(B|GP|MO)_Standard_", var.database_sku))
    error_message = "database_sku must begin with B_Standard_, GP_Standard_ or MO_Standard_."
  }
}

variable "database_max_connections" {
  description = "max_connections, set on the server: at most what Azure allows for the size."
  type        = number

  validation {
    condition     = var.database_max_connections >= 50
    error_message = "database_max_connections must be 50 or more."
  }
}

variable "database_storage_gb" {
  description = "Disk that the database starts with; it grows by itself."
  type        = number
  default     = 64

  validation {
    condition     = var.database_storage_gb >= 20 && var.database_storage_gb <= 16384
    error_message = "database_storage_gb must be 20 to 16384."
  }
}

variable "database_high_availability" {
  description = "A standby in another zone. It cannot be added later: that makes the server anew."
  type        = bool
  default     = false
}

variable "database_backup_days" {
  description = "Days to which the database can be restored by the second."
  type        = number
  default     = 7

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35
    error_message = "database_backup_days must be 1 to 35."
  }
}

variable "database_geo_redundant_backup" {
  description = "Backups in the paired region too. It cannot be changed later."
  type        = bool
  default     = false
}

variable "database_administrator_password" {
  description = "Password that MySQL wants of its administrator, used by nobody: people and jobs sign in by Entra. Never stored in the state."
  type        = string
  ephemeral   = true
  sensitive   = true
  default     = null
}

variable "database_administrator_password_version" {
  description = "Raise it to set the password anew."
  type        = number
  default     = 1
}

variable "servicebus_sku" {
  description = "Standard, or Premium, which alone has private endpoints."
  type        = string
  default     = "Standard"

  validation {
    condition     = contains(["Standard", "Premium"], var.servicebus_sku)
    error_message = "servicebus_sku must be Standard or Premium: Basic has no duplicate detection."
  }
}

variable "queue_lock" {
  description = "How long a message is locked while it is handled; the host renews it."
  type        = string
  default     = "PT1M"

  validation {
    condition     = can(regex("^PT([1-9]|[1-5][0-9])S$|^PT[1-5]M$", var.queue_lock))
    error_message = "queue_lock must be at most five minutes, as PT1M."
  }
}

variable "storage_replication" {
  description = "Copies of the blobs."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(["ZRS", "GZRS"], var.storage_replication)
    error_message = "storage_replication must be ZRS or GZRS: one zone alone is not enough."
  }
}

variable "operator_addresses" {
  description = "Addresses of people who write secrets into the vault. Empty: the vault answers inside the network alone."
  type        = list(string)
  default     = []
}

variable "data_location" {
  description = "Where Communication Services keeps data at rest."
  type        = string
  default     = "Europe"
}

variable "email_domain" {
  description = "Domain that mail is sent from; its records are an output. Null: a domain that Azure manages, for trials."
  type        = string
  default     = null
}

variable "email_sender_name" {
  description = "Part of the sender's address before the @."
  type        = string
  default     = "noreply"
}

variable "sms_sender" {
  description = "Number (E.164) or name of at most 11 letters and digits that SMS are sent from."
  type        = string

  validation {
    condition     = can(regex("^\\+[1-9][0-9]{6,14}$|^[A-Za-z0-9]{3,11}$", var.sms_sender))
    error_message = "sms_sender must be a number such as +31612345678, or a name of 3 to 11 letters and digits."
  }
}

variable "edge" {
  description = "One host name and a firewall before app and web pages (Front Door). Without it web pages call the API from their own origin."
  type        = bool
  default     = false
}

variable "web_host" {
  description = "Host name under which people reach the platform. Null: the names that Azure gives."
  type        = string
  default     = null
}

variable "calls_per_address" {
  description = "Calls a minute that the edge lets an address make; the app has finer limits."
  type        = number
  default     = 3000

  validation {
    condition     = var.calls_per_address >= 100
    error_message = "calls_per_address must be 100 or more: fewer locks out a house behind one address."
  }
}

variable "bot" {
  description = "Azure Bot with Direct Line and web chat. Declared; nothing of the app answers it yet."
  type        = bool
  default     = false
}

variable "language" {
  description = "Azure AI Language. Declared; nothing of the app calls it yet."
  type        = bool
  default     = false
}

variable "training" {
  description = "The machine that trains each Sunday."
  type        = bool
  default     = false
}

variable "training_release" {
  description = "Release of the training machine: its version and the sha256 of releases/training-VERSION.tar.gz."
  type        = object({ version = string, sha256 = string })
  default     = { version = "none", sha256 = "" }
}

variable "training_sku" {
  description = "Size of the training machine: four cores are enough."
  type        = string
  default     = "Standard_D4as_v5"
}

variable "training_public_key" {
  description = "Public SSH key that Azure demands; no port of the machine is open."
  type        = string
  default     = null
}

variable "repository" {
  description = "OWNER/NAME of the repository on GitHub whose workflow deploys."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be OWNER/NAME."
  }
}

variable "people" {
  description = "Entra groups that read what happens, by object id."
  type        = list(string)
  default     = []
}

variable "alert_emails" {
  description = "Addresses that alerts go to."
  type        = list(string)

  validation {
    condition     = length(var.alert_emails) > 0
    error_message = "alert_emails must have an address: an alert nobody reads is none."
  }
}

variable "alert_thresholds" {
  description = "Thresholds of alerts.json to replace, by alert and name."
  type        = map(map(number))
  default     = {}
}

variable "log_daily_quota_gb" {
  description = "Most that the workspace takes in a day; -1 is no limit."
  type        = number
  default     = 5
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "trace_sampling_ratio" {
  description = "Share of requests whose spans are sent (0 to 1). Metrics and failures are not sampled."
  type        = number
  default     = 0.1

  validation {
    condition     = var.trace_sampling_ratio >= 0 && var.trace_sampling_ratio <= 1
    error_message = "trace_sampling_ratio must be 0 to 1."
  }
}

variable "web_test_places" {
  description = "Places that ask for the health answer, by Azure's ids."
  type        = list(string)
  default     = ["emea-nl-ams-azr", "emea-gb-db3-azr", "emea-fr-pra-edge", "emea-ch-zrh-edge", "emea-se-sto-edge"]

  validation {
    condition     = length(var.web_test_places) >= 5 && alltrue([for place in var.web_test_places : can(regex("^(emea|us|apac|latam)-[a-z]{2}-[a-z0-9]{2,4}-(azr|edge)$", place))])
    error_message = "web_test_places must be five or more of Azure's ids, such as emea-nl-ams-azr: two away are then no accident."
  }
}

variable "budget" {
  description = "Money a month in the subscription's currency, and the month it begins."
  type        = object({ amount = number, start = string })

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-01T00:00:00Z$", var.budget.start)) && var.budget.amount >= 1
    error_message = "budget must have an amount and start on the first of a month, as 2027-01-01T00:00:00Z."
  }
}
