"""Relocation: another place, chosen by the decision core, for a booking whose charger has failed."""
