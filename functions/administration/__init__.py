"""Administration: the audit log and dead letters."""
