"""The decision core, pure and shared with training: candidates, objective, features."""
