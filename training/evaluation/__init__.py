"""Policies compared on unseen days: baselines, rollouts, metrics, reports."""
