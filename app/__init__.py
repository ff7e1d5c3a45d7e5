"""The composition root: which routes, functions, sweeps and subscriptions make up the app, and how its database is migrated."""
