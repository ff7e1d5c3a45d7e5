"""Payments: what a booking costs. Taking the money comes with the payments issue; nothing is charged yet."""
