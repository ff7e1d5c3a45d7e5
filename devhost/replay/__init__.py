"""A city filled in, and its recorded days replayed through the real API."""
