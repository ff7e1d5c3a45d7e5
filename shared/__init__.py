"""The kernel: errors, settings, clock, database, outbox, events, audit, telemetry."""
