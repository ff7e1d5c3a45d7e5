"""Slots: five minutes each, counted since the epoch, in which EVSEs are claimed. A session holds every slot that it touches."""

from datetime import UTC, datetime, timedelta

SLOT_S = 300
SLOT = timedelta(seconds=SLOT_S)
SLOT_MINUTES = SLOT_S // 60
SLOTS_A_QUARTER, SLOTS_AN_HOUR, SLOTS_A_DAY = 900 // SLOT_S, 3600 // SLOT_S, 86400 // SLOT_S


def slot_of(instant: datetime) -> int:
    """The number of the slot that holds `instant`."""
    return int(instant.timestamp()) // SLOT_S


def slot_after(instant: datetime) -> int:
    """The first slot that begins at or after `instant`."""
    seconds = instant.timestamp()
    return -int(-seconds // SLOT_S)


def slots_of(start: datetime, end: datetime) -> range:
    """The slots that the period [start, end) touches."""
    return range(slot_of(start), slot_after(end))


def slot_start(slot: int) -> datetime:
    """The instant a slot begins."""
    return datetime.fromtimestamp(slot * SLOT_S, UTC)
