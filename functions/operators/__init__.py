"""Operators: the owner's desk (OCPI: CPO), with edits, submissions, photos, blocked times, calendars and bookings."""
