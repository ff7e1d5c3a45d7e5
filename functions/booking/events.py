"""What happens to bookings, with everything a listener needs to know of them, as it was then."""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Self

from functions.booking.domain import (
    NOT_ASSIGNED,
    Booking,
    CanceledReason,
    CancellationCause,
    ReservationStatus,
    Settlement,
    WhoCanceled,
)
from functions.stations.domain import BookingTerms, Location
from functions.stations.events import LocationSnapshot
from functions.tariffs.quotes import Quote
from shared.events import Event


@dataclass(frozen=True)
class PreviousPeriod:
    """Where a booking was before it moved."""

    start: datetime
    end: datetime
    location_name: str


@dataclass(frozen=True)
class BookingSnapshot:
    """A booking as events carry it. Instants are UTC."""

    at: datetime
    """When it happened."""
    user_id: uuid.UUID
    """The driver."""
    booking_id: uuid.UUID
    charge_request_id: uuid.UUID | None
    """The charge request whose offer it was."""
    location: LocationSnapshot
    connector: str
    """OCPI ConnectorType."""
    power_kw: float
    """What the EVSE delivers at most."""
    evse_uid: str
    """`#NA` until it is revealed."""
    start: datetime
    end: datetime
    previous: PreviousPeriod | None
    """Of a booking that has moved."""
    quote: Quote
    terms: BookingTerms
    reservation_status: ReservationStatus
    reason: CanceledReason | None
    """Of a cancelled one, and so on to `fee_minor` (minor units)."""
    who_canceled: WhoCanceled | None
    fee_minor: int | None
    settlement: Settlement | None
    """Of one whose session has ended, or that was missed."""
    revision: int = 0
    """The booking's: of two events of a booking the one with the higher is the later word."""
    cause: CancellationCause | None = None
    """Of a cancelled one that was not the driver's own, where OCPI has no word for it."""
    said: str | None = None
    """The operator's own words on why they cancelled it."""
    late_since: datetime | None = None
    """Of one that was left late before it moved: cancelling it costs the fee."""
    price_cap_minor: int | None = None
    """The most it costs, where that is less than its quote."""
    credit_minor: int | None = None
    """What the operator's side owes the driver of one that it ended."""
    rebooked_to: uuid.UUID | None = None
    """The booking that came in its place."""

    @classmethod
    def of(cls, location: Location, booking: Booking, *, now: datetime, previous: Booking | None = None) -> Self:
        """The snapshot of a booking at its location."""
        canceled = booking.canceled
        return cls(
            at=now,
            user_id=booking.user_id,
            booking_id=booking.id,
            charge_request_id=booking.charge_request_id,
            location=LocationSnapshot.of(location),
            connector=booking.standard,
            power_kw=booking.power_kw,
            evse_uid=shown_evse(booking),
            start=booking.start,
            end=booking.end,
            previous=None if previous is None else PreviousPeriod(previous.start, previous.end, location.name),
            quote=booking.quote,
            terms=booking.terms,
            reservation_status=booking.status,
            reason=None if canceled is None else canceled.cancellation_reason,
            who_canceled=None if canceled is None else canceled.who_canceled,
            fee_minor=None if canceled is None else canceled.fee_minor,
            settlement=booking.settlement,
            revision=booking.revision,
            cause=None if canceled is None else canceled.cause,
            said=None if canceled is None else canceled.detail,
            late_since=booking.late_since,
            price_cap_minor=booking.price_cap_minor,
            credit_minor=None if canceled is None else canceled.credit_minor,
            rebooked_to=booking.rebooked_to,
        )


@dataclass(frozen=True)
class BookingEvent(BookingSnapshot, Event):
    """Something that happened to a booking."""


@dataclass(frozen=True)
class BookingHeld(BookingEvent):
    """A place is held until its driver has paid for it."""

    TYPE: ClassVar[str] = "booking_held"


@dataclass(frozen=True)
class BookingReserved(BookingEvent):
    """A booking stands: reserved at once, or a hold that was accepted."""

    TYPE: ClassVar[str] = "booking_reserved"


@dataclass(frozen=True)
class BookingRescheduled(BookingEvent):
    """A booking has moved in time; `previous` says from where."""

    TYPE: ClassVar[str] = "booking_rescheduled"


@dataclass(frozen=True)
class BookingCanceled(BookingEvent):
    """A booking has ended before its time; `reason`, `who_canceled` and `fee_minor` say how."""

    TYPE: ClassVar[str] = "booking_canceled"


@dataclass(frozen=True)
class BookingMissed(BookingEvent):
    """Nobody came; the place is free again."""

    TYPE: ClassVar[str] = "booking_no_show"
    strikes: int = 0
    """How many of the driver's misses count now, this one among them; 0: of before they counted."""


@dataclass(frozen=True)
class BookingReminder(BookingEvent):
    """A booking begins soon. It leaves later than it was published, so it may have been overtaken."""

    TYPE: ClassVar[str] = "booking_reminder"
    at_risk: bool = False
    """Whether its EVSE is out of use and no other has been found."""


@dataclass(frozen=True)
class EvseRevealed(BookingEvent):
    """The EVSE of a booking is settled and told."""

    TYPE: ClassVar[str] = "evse_revealed"


@dataclass(frozen=True)
class EvseChanged(BookingEvent):
    """A booking whose EVSE was told has another one now."""

    TYPE: ClassVar[str] = "evse_changed"


@dataclass(frozen=True)
class SessionStopped(BookingEvent):
    """A charging session has ended; `settlement` is its bill."""

    TYPE: ClassVar[str] = "session_stopped"


@dataclass(frozen=True)
class SessionOverstayed(BookingEvent):
    """The booked time of a session is over and the vehicle is still there."""

    TYPE: ClassVar[str] = "session_overstayed"


@dataclass(frozen=True)
class SessionEnding(BookingEvent):
    """The booked time of a session is over soon."""

    TYPE: ClassVar[str] = "session_ending"


@dataclass(frozen=True)
class SessionNearlyFull(BookingEvent):
    """The battery of who charges is nearly full."""

    TYPE: ClassVar[str] = "session_nearly_full"
    soc_percent: float = 0.0
    """By the station, per cent."""


@dataclass(frozen=True)
class BookingAtRisk(BookingEvent):
    """The charger of a booking is out of use and no other of its pool is free: others are looked for."""

    TYPE: ClassVar[str] = "booking_at_risk"
    occupied: bool = False
    """Whether it works, and somebody is still there whose time is over."""


@dataclass(frozen=True)
class BookingSafe(BookingEvent):
    """A booking that was at risk has a charger again."""

    TYPE: ClassVar[str] = "booking_safe"


@dataclass(frozen=True)
class BookingRelocated(BookingEvent):
    """A booking at another place has come in the place of one whose charger failed; `previous` says where that was."""

    TYPE: ClassVar[str] = "booking_relocated"
    decline_until: datetime | None = None
    """Until when its driver may decline it at no cost."""
    distance_km: float = 0.0
    """From the place before, as the crow flies."""
    occupied: bool = False
    """Whether the charger there works, and somebody was still at it."""


@dataclass(frozen=True)
class HoldExpired(Event):
    """The place held for a charge request's offer is free again."""

    TYPE: ClassVar[str] = "hold_expired"
    charge_request_id: uuid.UUID
    withdrawn: bool = False
    """Whether the operator took the place away; else nobody accepted it in time."""


@dataclass(frozen=True)
class PlaceFreed(Event):
    """A place that was kept is free: a booking ended, moved or was missed, a hold lapsed, a session ended early."""

    TYPE: ClassVar[str] = "place_freed"
    at: datetime
    location_id: uuid.UUID


@dataclass(frozen=True)
class ReservationPaid(Event):
    """What a charge request was offered is paid for: its booking stands."""

    TYPE: ClassVar[str] = "reservation_paid"
    charge_request_id: uuid.UUID
    booking_id: uuid.UUID


@dataclass(frozen=True)
class ReservationEnded(Event):
    """What a charge request led to is over: used, missed or cancelled, however that came."""

    TYPE: ClassVar[str] = "reservation_ended"
    charge_request_id: uuid.UUID
    booking_id: uuid.UUID
    reservation_status: ReservationStatus
    """FULFILLED, NO_SHOW or CANCELED."""


def reminder_of(event: BookingEvent) -> BookingReminder:
    """The reminder that goes with an event of a booking that stands."""
    return BookingReminder(**{field.name: getattr(event, field.name) for field in fields(BookingEvent)})


def audited(booking: Booking) -> dict[str, Any]:
    """A booking in the few words that an audit entry needs."""
    names = ("user_id", "location_id", "standard", "start", "end", "energy_kwh", "status")
    return {name: getattr(booking, name) for name in names}


def shown_evse(booking: Booking) -> str:
    """The EVSE's uid once it is revealed, OCPI's `#NA` before."""
    return booking.evse_uid if booking.revealed_at is not None else NOT_ASSIGNED
