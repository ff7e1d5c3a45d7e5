"""Payments: quotes, and money that is held, captured, given free or paid back at the provider for bookings that ask for it."""
