"""What HTTP routes share: the call, pages, idempotency, tokens, fields, and bodies."""
