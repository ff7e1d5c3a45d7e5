"""Tariffs: OCPI tariffs, exact pricing, rate tables, booking fees and quotes."""
