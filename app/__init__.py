"""The composition root: which routes, functions, sweeps and subscriptions make the app.

And how its database is migrated and its API documented.
"""
