"""Stations: locations, EVSEs, connectors, tariffs, opening hours, booking terms, search and availability."""
