"""The rules of the waitlist: who is awake, who comes first, how long a place is held. No I/O, no clock."""

import uuid
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from functions.optimizer.needs import ChargingNeeds

RESOLUTION = 3
"""Of the H3 cells by which entries are found: a cell and its neighbours hold all within REACH_KM."""
REACH_KM = 50.0
LONGEST_HOLD, SHORTEST_HOLD = timedelta(minutes=10), timedelta(minutes=5)
SNOOZE = timedelta(minutes=30)
PASSED_OVER = 3
"""Who was passed over so often goes first."""
QUIET_FROM, QUIET_UNTIL = "22:00", "07:00"


class EntryState(StrEnum):
    """The life of an entry."""

    WAITING = "WAITING"
    OFFERED = "OFFERED"
    """A place is held for it."""
    BOOKED = "BOOKED"
    LEFT = "LEFT"
    OVER = "OVER"
    """Its window has passed."""


class OfferState(StrEnum):
    """The life of an offer."""

    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Entry:
    """Somebody who waits. Instants are UTC."""

    id: uuid.UUID
    user_id: uuid.UUID
    vehicle_id: uuid.UUID | None
    wish: ChargingNeeds
    """Its window is `earliest_departure` to `latest_finish`."""
    cell: int
    window_begin: datetime
    window_end: datetime
    quiet_from: str
    """The hours in which nothing is offered, HH:MM of the place's time; equal ones: none."""
    quiet_until: str
    state: EntryState
    passed_over: int
    """How often a place that would have suited went to somebody who came later."""
    snoozed_until: datetime | None
    created_at: datetime
    updated_at: datetime

    def awake(self, now: datetime, zone: str) -> bool:
        """Whether a place in this zone may be offered now. Quiet hours do not count where the window begins within them."""
        if self.state is not EntryState.WAITING or self.window_end <= now:
            return False
        if self.snoozed_until is not None and self.snoozed_until > now:
            return False
        quiet_end = self._quiet_end(now, zone)
        return quiet_end is None or self.window_begin < quiet_end

    def _quiet_end(self, now: datetime, zone: str) -> datetime | None:
        """When the quiet hours that are now end; None where they are not."""
        local = now.astimezone(ZoneInfo(zone))
        begins, ends = time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)
        clock = local.time().replace(microsecond=0)
        quiet = begins <= clock < ends if begins <= ends else clock >= begins or clock < ends
        if not quiet:
            return None
        end = local.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)
        return end if end > local else end + timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """What an entry might be given at a location: the best row of the decision core."""

    location_id: uuid.UUID
    connector: str
    power_class: str
    start: datetime
    end: datetime
    travel_minutes: float
    cost: float
    """The objective's value; lower is better."""

    def hold(self, now: datetime) -> timedelta:
        """How long it is held: until its driver must set out, LONGEST_HOLD at most."""
        return min(LONGEST_HOLD, self.start - now - timedelta(minutes=self.travel_minutes))


def in_order(waiting: list[tuple[Entry, Place]]) -> list[tuple[Entry, Place]]:
    """Who comes first: those who were passed over too often in order of their coming, then by the place's cost for them."""

    def rank(item: tuple[Entry, Place]) -> tuple[bool, float, datetime, uuid.UUID]:
        entry, place = item
        first = entry.passed_over >= PASSED_OVER
        return not first, 0.0 if first else place.cost, entry.created_at, entry.id

    return sorted(waiting, key=rank)


def passed_over(waiting: list[tuple[Entry, Place]], chosen: Entry) -> list[uuid.UUID]:
    """Those who came before the one that was chosen, and would have taken the place."""
    came = (chosen.created_at, chosen.id)
    return [entry.id for entry, _ in waiting if (entry.created_at, entry.id) < came]


@dataclass(frozen=True)
class WaitlistOffer:
    """A place that is held for an entry."""

    id: uuid.UUID
    entry_id: uuid.UUID
    booking_id: uuid.UUID
    """The PENDING booking that holds it."""
    state: OfferState
    expires_at: datetime
    created_at: datetime
