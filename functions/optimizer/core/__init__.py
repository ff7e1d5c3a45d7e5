"""The decision core, pure and shared with training: city, candidates, objective, features, occupancy."""
