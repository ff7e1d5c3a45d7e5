"""An ordinary host's processes in place of the Functions host: web, delivery of queues, sweeps (docs/host.md)."""
