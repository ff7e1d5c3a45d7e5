"""Forecast: the chance that a charger is free in the coming hour."""
