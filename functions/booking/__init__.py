"""Bookings: slots claimed atomically, moved, cancelled, started, stopped, missed.

States and reasons are OCPI's words.
"""
