"""Published models: manifests, the registry of versions, policies, climatology."""
