"""Ratings: what drivers say of a session once it is over, and what that makes of a place."""
