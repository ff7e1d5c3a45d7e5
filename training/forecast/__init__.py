"""Training of the availability forecast."""
