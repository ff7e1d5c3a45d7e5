"""The rules of bookings: slots, the OCPI state machine in one place, and what a booking is. No I/O, no clock.

States and reasons are those of OCPI 2.3.0 Bookings (`mod_bookings.asciidoc`).
"""

import math
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from functions.booking.assurance import Assurance
from functions.booking.paying import BookingPayment, PaymentState
from functions.stations.domain import BookingTerms
from functions.tariffs.bills import Price
from functions.tariffs.quotes import Quote
from shared.energy import session_minutes
from shared.errors import Invalid, WrongState
from shared.slots import slot_after, slot_start, slots_of

REVEAL_BEFORE = timedelta(minutes=30)
REMIND_BEFORE = timedelta(minutes=60)
OFFER_HOLD = timedelta(minutes=2)
DECLINE_WITHIN = timedelta(minutes=30)
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
OPERATOR_REASONS = (
    CanceledReason.POWER_OUTAGE,
    CanceledReason.BROKEN_CHARGER,
    CanceledReason.FULL,
    CanceledReason.BLOCKED,
    CanceledReason.UNKNOWN,
)


class WhoCanceled(StrEnum):
    """Which side ended it: the operator of the charger or the driver's side."""

    CPO = "CPO"
    MSP = "MSP"


class CancellationCause(StrEnum):
    """What stood behind a cancellation that was not the driver's, where OCPI has no word for it."""

    ADMINISTRATOR = "ADMINISTRATOR"
    """An administrator of the platform ended it."""
    DRIVER_SUSPENDED = "DRIVER_SUSPENDED"
    """The driver's account was suspended."""
    PAYMENT_FAILED = "PAYMENT_FAILED"
    """It was not paid for in time."""
    PLACE_WITHDRAWN = "PLACE_WITHDRAWN"
    """The operator no longer offers the place."""


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
    """The slots that a period of whole minutes touches. Raises Invalid naming the field."""
    for name, instant in (("start", start), ("end", end)):
        if instant.second or instant.microsecond:
            raise Invalid.one(name, f"must be a whole minute, not {instant.isoformat()}")
    if end <= start:
        raise Invalid.one("end", "must be after the start")
    return slots_of(start, end)


def end_of(start: datetime, minutes: float) -> datetime:
    """When a period of so many minutes from `start` ends: whole minutes, at least one."""
    return start + timedelta(minutes=max(1, math.ceil(minutes - 1e-9)))


def minutes_for(energy_kwh: float, terms: BookingTerms, *, power_kw: float, vehicle_kw: float | None) -> float:
    """Minutes that are booked for an energy: what it takes at most so fast, and no less than the location books."""
    return max(session_minutes(energy_kwh, power_kw, vehicle_kw), terms.min_booking_minutes)


class Cancellation(BaseModel):
    """Why and by whom a booking ended before its time, and what that costs in minor units. `late` is said of bookings that
    were reserved, `detail` of offers that were only held and where the operator said why, `cause` where OCPI has no word for
    it."""

    model_config = ConfigDict(frozen=True)

    cancellation_reason: CanceledReason
    who_canceled: WhoCanceled
    late: bool | None = None
    detail: str | None = None
    cause: CancellationCause | None = None
    fee_minor: int
    credit_minor: int | None = None
    """What the operator's side owes the driver for it, by the frozen terms."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]
        # No return annotation: it would take the place of the fields in the API's document.
        return {name: value for name, value in handler(self).items() if value is not None}


class SessionSettlement(Price):
    """What a session cost under the frozen tariff: until the booked end and the grace never more than the quote's total.
    `uncapped_minor` is without that bound, `overtime_minor` what of it is for the time after that."""

    uncapped_minor: int
    metered: bool = True
    """Whether anybody measured it; if not it costs what was expected."""
    overtime_minor: int = 0


class NoShowSettlement(BaseModel):
    """What not coming cost."""

    model_config = ConfigDict(frozen=True)

    no_show_fee_minor: int


Settlement = SessionSettlement | NoShowSettlement
"""What a booking cost in the end."""


def check_energy_limit(energy_limit_kwh: float | None, energy_kwh: float | None) -> None:
    """Raises Invalid where what is needed is more than what is accepted."""
    if energy_limit_kwh is not None and energy_kwh is not None and energy_limit_kwh < energy_kwh:
        raise Invalid.one("energy_limit_kwh", f"must not be below energy_kwh, {energy_kwh:g}")


@dataclass(frozen=True)
class ReservationRequest:
    """What is asked of `reserve_slot`: a place in a pool of a location for a time.

    Either `duration_minutes` or `energy_kwh`, or both, says how long.
    """

    user_id: uuid.UUID
    """The driver."""
    location_id: uuid.UUID
    standard: str
    """OCPI ConnectorType."""
    start: datetime
    """A whole minute."""
    duration_minutes: float | None = None
    """Rounded up to whole minutes."""
    energy_kwh: float | None = None
    """What is needed; at most what fits into the time. None: that."""
    energy_limit_kwh: float | None = None
    """The most that the driver accepts to be delivered; None: what the EVSE and the battery allow."""
    power_class: str | None = None
    """Of the pool; None: the fastest that is free."""
    vehicle_id: uuid.UUID | None = None
    """The driver's vehicle; None: any."""
    vehicle_kw: float | None = None
    """What the vehicle takes at most; a vehicle's own figure wins."""
    battery_kwh: float | None = None
    """What its battery holds; a vehicle's own figure wins."""
    charge_request_id: uuid.UUID | None = None
    """The charge request it answers."""
    hold_until: datetime | None = None
    """Until when it is only held (PENDING); None: it is RESERVED."""

    def __post_init__(self) -> None:
        """Raises Invalid where nothing says how long."""
        if self.duration_minutes is None and self.energy_kwh is None:
            raise Invalid.one("duration_minutes", "give duration_minutes or energy_kwh")
        check_energy_limit(self.energy_limit_kwh, self.energy_kwh)


@dataclass(frozen=True, kw_only=True)
class Booking:
    """A driver's place in a pool of interchangeable EVSEs for a period. Instants are UTC, power kW."""

    id: uuid.UUID
    user_id: uuid.UUID
    """The driver, or the pseudonym of one who left."""
    location_id: uuid.UUID
    evse_id: uuid.UUID
    """The EVSE that its claims are on; it may change until `revealed_at`."""
    evse_uid: str
    """That EVSE's uid, as its operator calls it."""
    standard: str
    """OCPI ConnectorType; with `power_class` it names the pool."""
    power_class: str
    power_kw: float
    """What the pool's EVSEs deliver at most."""
    vehicle_id: uuid.UUID | None
    plate: str | None = None
    """The vehicle's number plate as it was then, normalised (`normal_plate`): two vehicles of one plate are one car."""
    vehicle_kw: float | None
    """What the vehicle takes at most, where that is known."""
    charge_request_id: uuid.UUID | None
    """The charge request whose offer it is."""
    tariff_id: uuid.UUID | None
    """The frozen tariff; None: it is free."""
    start: datetime
    """Of the booked period, a whole minute."""
    end: datetime
    energy_kwh: float
    """What is expected: what was asked for, or what fits into the period."""
    status: ReservationStatus
    quote: Quote
    """Frozen when it was booked or moved; its total is the most a session costs until the end and the grace."""
    terms: BookingTerms
    """Frozen when it was booked."""
    canceled: Cancellation | None = None
    hold_expires_at: datetime | None
    """Until when a PENDING one is held."""
    no_show_at: datetime
    """From when it counts as missed if nobody has come."""
    late_since: datetime | None = None
    """When cancelling ceased to be free of the first period that its driver left late: it costs the fee wherever it has
    moved since. None: it was never late to leave."""
    revealed_at: datetime | None = None
    """When its EVSE was settled: from then on it is shown and not moved."""
    started_at: datetime | None = None
    """When the session began."""
    stopped_at: datetime | None = None
    """When the session ended."""
    ended_at: datetime | None = None
    """When one that was cancelled or missed let its place go."""
    session_energy_kwh: float | None = None
    """What was delivered."""
    need_kwh: float | None = None
    """What the driver asked for; None: they gave a duration, or it is of before this was kept."""
    battery_kwh: float | None = None
    """What the vehicle's battery holds, where that is known."""
    energy_limit_kwh: float | None = None
    """The most the driver accepts to be delivered, where they said."""
    settlement: Settlement | None = None
    """Of one whose session has ended, or that was missed."""
    arrived_at: datetime | None = None
    """When the driver said that they are there, or the station let them in; the station has yet to say that they charge."""
    arrived_by: str | None = None
    """How: an Authorisation."""
    access_tries: int = 0
    """Wrong codes that were tried at its EVSE."""
    stop_asked_at: datetime | None = None
    """When the driver said that they are done; the session ends by its station."""
    claimed_kwh: float | None = None
    """What the driver says was delivered: kept, never priced."""
    ending_told_at: datetime | None = None
    """When the driver was told that their time is nearly over."""
    full_told_at: datetime | None = None
    """When they were told that their battery is nearly full."""
    overstay_told_at: datetime | None = None
    """When the driver was told that their time is over and they are still there."""
    kind: str = "RESERVATION"
    """A BookingKind."""
    assurance: str = "SAFE"
    """An Assurance; of one that is over as it was then."""
    at_risk_since: datetime | None = None
    """Since when it is AT_RISK."""
    rebooked_from: uuid.UUID | None = None
    """The booking in whose place it came, where that one's charger failed."""
    rebooked_to: uuid.UUID | None = None
    """The booking that came in its place."""
    payment: BookingPayment | None = None
    """Of one whose terms ask for payment; written by payments."""
    price_cap_minor: int | None = None
    """The most it costs until the end and the grace, where that is less than its quote: what the one before would have."""
    created_at: datetime
    updated_at: datetime
    revision: int = 0
    """Rises with each change that its driver may see: orders what they are told, and is the calendar entry's SEQUENCE."""
    asked_start: datetime | None = None
    """What it was made for, before it moved; None: of before this was kept here."""
    asked_end: datetime | None = None

    @property
    def most_minor(self) -> int:
        """The most it costs until the end and the grace, minor units."""
        total = self.quote.total_minor
        return total if self.price_cap_minor is None else min(total, self.price_cap_minor)

    @property
    def unpaid(self) -> bool:
        """Whether it is held until its driver pays for it."""
        return self.status is _S.PENDING and self.payment is not None and self.payment.state is PaymentState.NEEDED

    @property
    def held_until(self) -> datetime | None:
        """Until when a PENDING one may be accepted, or paid for."""
        return self.payment.mend_until if self.unpaid and self.payment is not None else self.hold_expires_at

    @property
    def decline_until(self) -> datetime | None:
        """Until when one that came in another's place may be declined at no cost; None of any other."""
        return None if self.rebooked_from is None else min(self.created_at + DECLINE_WITHIN, self.start)

    @property
    def at_risk(self) -> bool:
        """Whether it waits at a charger that is out of use: its driver may leave it at no cost."""
        return self.status is _S.RESERVED and self.assurance == Assurance.AT_RISK

    @property
    def cancel_until(self) -> datetime:
        """Until when its present period may be cancelled free of charge."""
        return self.start - timedelta(minutes=self.terms.cancel_until_minutes)

    def left_late(self, now: datetime) -> datetime | None:
        """From when leaving it was late, where leaving it at `now` is; None where it is free."""
        return self.late_since or (self.cancel_until if now > self.cancel_until else None)

    def begun(self, now: datetime) -> bool:
        """Whether its start has passed while it was booked. One that was made for, or moved to, a start of the past has not
        begun so: it is late to cancel from its first instant on."""
        return now > self.start and self.no_show_at <= self.start + timedelta(minutes=self.terms.noshow_timeout_minutes)

    def holds(self, now: datetime) -> bool:
        """Whether a PENDING hold still stands at `now`; other states do not lapse."""
        return self.status is not _S.PENDING or self.hold_expires_at is None or self.hold_expires_at > now

    def charging(self) -> bool:
        """Whether a session runs."""
        return self.started_at is not None and self.stopped_at is None

    def frozen_minutes(self, now: datetime) -> int:
        """Whole minutes of the booked period so far in which the EVSE was kept for this booking and nobody charged.

        That is until the session began or the booking ended, and from the session's end to the end of its slot.
        Before the start there are none: a walk-in may charge until then.
        """
        kept = [(self.start, self.started_at or self.ended_at or now)]
        if self.stopped_at is not None:
            kept.append((self.stopped_at, slot_start(slot_after(self.stopped_at))))
        last = min(now, self.end)
        spans = [min(until, last) - max(since, self.start) for since, until in kept]
        return sum(max(0, int(span / timedelta(minutes=1))) for span in spans)


NOT_YET_THERE: dict[str, Any] = {"arrived_at": None, "arrived_by": None, "access_tries": 0}
"""Fields of a booking whose EVSE or time has changed: nobody has come to it, and no code was tried there."""
SAFE: dict[str, Any] = {"assurance": Assurance.SAFE.value, "at_risk_since": None}
"""Fields of a booking that has an EVSE to be counted on."""


def missed_at(terms: BookingTerms, start: datetime, end: datetime, since: datetime) -> datetime:
    """From when a booking counts as missed: the terms' time after its start, or its end where that is sooner; the whole time
    after `since`, when it was made, moved or told to its driver, where that is after its start."""
    kept = timedelta(minutes=terms.noshow_timeout_minutes)
    return since + kept if since > start else min(start + kept, end)


BookingPosition = tuple[datetime, uuid.UUID]
"""The booked start and the id of a booking: where a page of recorded sessions ended."""


@dataclass(frozen=True)
class BookingFilter:
    """Which bookings of a list are wanted; what is unset is no matter."""

    statuses: tuple[ReservationStatus, ...] = ()
    """Of any of these states."""
    location_id: uuid.UUID | None = None
    vehicle_id: uuid.UUID | None = None
    since: datetime | None = None
    """They end after this."""
    until: datetime | None = None
    """They start before this."""

    def __post_init__(self) -> None:
        """Raises Invalid where the period ends before it begins."""
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise Invalid.one("to", "must be after from")
