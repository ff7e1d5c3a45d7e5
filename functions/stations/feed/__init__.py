"""The feed: status reports by station key, the report in force, and silence."""
