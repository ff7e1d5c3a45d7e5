"""The domains of evcharging, one folder each."""
