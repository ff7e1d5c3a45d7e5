"""Operators: the owner's desk (OCPI: CPO). Edits under If-Match, submissions, photos, blocked times, calendars and bookings at their locations."""
