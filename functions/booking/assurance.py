"""How a booking came to be, and how sure it is. No I/O, no clock."""

from enum import StrEnum


class BookingKind(StrEnum):
    """How a booking came to be."""

    RESERVATION = "RESERVATION"
    """For a time ahead."""
    WALK_IN = "WALK_IN"
    """By a driver who is there, from now on."""


class Assurance(StrEnum):
    """Whether its charger can be counted on."""

    SAFE = "SAFE"
    AT_RISK = "AT_RISK"
    """Its charger is out of use and no other of the pool is free; others are looked for."""
