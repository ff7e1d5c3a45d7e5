"""Search: the nearest locations with free counts and forecasts, and what of a location is free when."""
