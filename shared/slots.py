"""Slots: quarter hours since the epoch, in which EVSEs are claimed."""

from datetime import UTC, datetime, timedelta

SLOT_S = 900
SLOT = timedelta(seconds=SLOT_S)


def slot_of(instant: datetime) -> int:
    """The number of the slot that holds `instant`: quarter hours since the epoch."""
    return int(instant.timestamp()) // SLOT_S


def slot_after(instant: datetime) -> int:
    """The first slot that begins at or after `instant`."""
    seconds = instant.timestamp()
    return -int(-seconds // SLOT_S)


def slot_start(slot: int) -> datetime:
    """The instant a slot begins."""
    return datetime.fromtimestamp(slot * SLOT_S, UTC)


def whole_slots(minutes: float) -> int:
    """Slots that a session of `minutes` takes: whole ones, at least one."""
    return max(1, -int(-minutes // 15))
