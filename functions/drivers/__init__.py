"""Drivers: what they look back on, in figures of their own."""
