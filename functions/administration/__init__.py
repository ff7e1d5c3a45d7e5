"""Administration: accounts suspended with what hangs on them, the audit log and dead letters."""
