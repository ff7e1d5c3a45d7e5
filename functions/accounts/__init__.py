"""Accounts: who drivers, owners and administrators are, their sessions and their vehicles."""
