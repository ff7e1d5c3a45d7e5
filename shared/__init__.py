"""What every domain stands on: errors, settings, database, clock, outbox, auth, telemetry, adapters."""
