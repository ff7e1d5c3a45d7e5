"""Payments: quotes over HTTP. Taking the money comes with the payments issue; nothing is charged yet."""
