"""Ledger: postings that say who owes whom, folded from what happens to bookings and to money; never changed."""
