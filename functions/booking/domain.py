"""The rules of bookings: slots, the OCPI state machine in one place, and what a booking is. No I/O, no clock.

States and reasons are those of OCPI 2.3.0 Bookings (`mod_bookings.asciidoc`).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.errors import Invalid, WrongState
from shared.slots import SLOT_S, slot_after, slot_of, slot_start

REVEAL_BEFORE = timedelta(minutes=30)
REMIND_BEFORE = timedelta(minutes=60)
OFFER_HOLD = timedelta(minutes=2)
NOT_ASSIGNED = "#NA"
"""OCPI's evse_uid of a booking whose EVSE is not yet told."""


class ReservationStatus(StrEnum):
    """OCPI ReservationStatus (UNKNOWN is for systems that lost track; we never write it)."""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    FULFILLED = "FULFILLED"
    NO_SHOW = "NO_SHOW"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


class RequestStatus(StrEnum):
    """OCPI ReservationRequestStatus."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


class CanceledReason(StrEnum):
    """OCPI CanceledReason: the first four are the CPO's, the next three the MSP's."""

    POWER_OUTAGE = "POWER_OUTAGE"
    BROKEN_CHARGER = "BROKEN_CHARGER"
    FULL = "FULL"
    BLOCKED = "BLOCKED"
    TRAFFIC = "TRAFFIC"
    BROKEN_VEHICLE = "BROKEN_VEHICLE"
    NO_CANCELED = "NO_CANCELED"
    UNKNOWN = "UNKNOWN"


DRIVER_REASONS = (
    CanceledReason.TRAFFIC,
    CanceledReason.BROKEN_VEHICLE,
    CanceledReason.NO_CANCELED,
    CanceledReason.UNKNOWN,
)


class WhoCanceled(StrEnum):
    """Which side ended it: the operator of the charger or the driver's side."""

    CPO = "CPO"
    MSP = "MSP"


_S = ReservationStatus
INITIAL = frozenset({_S.PENDING, _S.RESERVED, _S.REJECTED, _S.FAILED})
TRANSITIONS: dict[ReservationStatus, frozenset[ReservationStatus]] = {
    _S.PENDING: frozenset({_S.RESERVED, _S.REJECTED, _S.FAILED, _S.CANCELED}),
    _S.RESERVED: frozenset({_S.FULFILLED, _S.CANCELED, _S.NO_SHOW}),
    _S.FULFILLED: frozenset(),
    _S.NO_SHOW: frozenset(),
    _S.CANCELED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.FAILED: frozenset(),
}
"""The whole machine: what may follow what. Everything that changes a status asks `check_transition`."""
LIVE = frozenset({_S.PENDING, _S.RESERVED})


def check_transition(old: ReservationStatus, new: ReservationStatus) -> None:
    """Raises WrongState unless `new` may follow `old`."""
    if new not in TRANSITIONS[old]:
        allowed = ", ".join(sorted(TRANSITIONS[old])) or "nothing: it is final"
        raise WrongState(f"A {old} booking cannot become {new} (from here: {allowed}).", reservation_status=old.value)


def check_period(start: datetime, end: datetime) -> range:
    """The slots of a period that begins and ends on quarter hours. Raises Invalid naming the field."""
    for name, instant in (("start", start), ("end", end)):
        if instant.timestamp() % SLOT_S:
            raise Invalid.one(name, f"must be on a quarter hour (:00, :15, :30 or :45), not {instant.isoformat()}")
    if end <= start:
        raise Invalid.one("end", "must be after the start")
    return range(slot_of(start), slot_of(end))


@dataclass(frozen=True)
class Booking:
    """A driver's place in a pool of interchangeable EVSEs for a period.

    `quote` and `terms` are frozen at booking; `evse_id` may change until `revealed_at`. `energy_kwh` is what was booked,
    `session_energy_kwh` what was delivered. `ended_at` is when one that was cancelled or missed let its place go. Money in
    minor units.
    """

    id: uuid.UUID
    user_id: uuid.UUID
    location_id: uuid.UUID
    evse_id: uuid.UUID
    evse_uid: str
    standard: str
    power_class: str
    power_kw: float
    vehicle_id: uuid.UUID | None
    vehicle_kw: float | None
    charge_request_id: uuid.UUID | None
    tariff_id: uuid.UUID | None
    start: datetime
    end: datetime
    energy_kwh: float
    status: ReservationStatus
    quote: dict[str, Any]
    terms: dict[str, Any]
    canceled: dict[str, Any] | None
    hold_expires_at: datetime | None
    no_show_at: datetime
    revealed_at: datetime | None
    started_at: datetime | None
    stopped_at: datetime | None
    ended_at: datetime | None
    session_energy_kwh: float | None
    settlement: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether a PENDING hold still stands at `now`; other states do not lapse."""
        return self.status is not _S.PENDING or self.hold_expires_at is None or self.hold_expires_at > now

    def charging(self) -> bool:
        """Whether a session runs."""
        return self.started_at is not None and self.stopped_at is None

    def frozen_minutes(self, now: datetime) -> int:
        """Whole minutes of the booked period so far in which the EVSE was kept for this booking and nobody charged: until
        the session began or the booking ended, and from the session's end to the end of its quarter hour. Before the start
        there are none: a walk-in may charge until then."""
        kept = [(self.start, self.started_at or self.ended_at or now)]
        if self.stopped_at is not None:
            kept.append((self.stopped_at, slot_start(slot_after(self.stopped_at))))
        last = min(now, self.end)
        spans = [min(until, last) - max(since, self.start) for since, until in kept]
        return sum(max(0, int(span / timedelta(minutes=1))) for span in spans)


Position = tuple[datetime, uuid.UUID]
"""The booked start and the id of a booking: where a page of recorded sessions ended."""


@dataclass(frozen=True)
class Filter:
    """Which bookings of a list: of these states (none given: any), at a location, of a vehicle, touching [since, until)."""

    statuses: tuple[ReservationStatus, ...] = ()
    location_id: uuid.UUID | None = None
    vehicle_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Raises Invalid where the period ends before it begins."""
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise Invalid.one("to", "must be after from")


@dataclass(frozen=True)
class Holding:
    """What a booking holds of an EVSE among the slots looked at, [first, stop), and the booking as placements see it.
    `settled`: its EVSE was told, or the session runs, so it is not moved."""

    booking_id: uuid.UUID
    evse_id: uuid.UUID
    first: int
    stop: int
    slots: int
    start: datetime
    end: datetime
    standard: str
    power_class: str
    settled: bool


@dataclass(frozen=True)
class RecordedSession:
    """What a fulfilled booking tells of demand: where, when and how much (kWh), nothing of who."""

    evse_id: uuid.UUID
    start: datetime
    end: datetime
    energy_kwh: float
