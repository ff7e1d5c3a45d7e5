"""The owner's desk (OCPI: CPO): edits, submissions, photos, blocked times, calendars. Edits go under If-Match."""
