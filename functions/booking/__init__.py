"""Bookings: slots claimed atomically, moved, cancelled, revealed, started, stopped and missed, in OCPI's words."""
