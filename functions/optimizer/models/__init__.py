"""Published models: manifests, the registry of versions, policies, climatology, and the challenger in shadow."""
