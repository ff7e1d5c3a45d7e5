"""Locations with EVSEs, pools, opening hours and booking terms; H3 cells."""
