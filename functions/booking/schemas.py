"""Payloads and answers of bookings."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import Field, model_validator

from functions.booking import domain
from functions.booking.assurance import Assurance, BookingKind
from functions.booking.domain import CanceledReason, Cancellation, ReservationStatus, Settlement
from functions.booking.events import shown_evse
from functions.booking.paying import BookingPayment
from functions.stations.domain import BookingTerms
from functions.stations.domain import PlaceSummary as Place
from functions.stations.schemas import PlaceSummary
from functions.tariffs.quotes import Quote
from shared.energy import session_energy
from shared.web.fields import Input, Instant, Output

Standard = Annotated[str, Field(min_length=1, max_length=32, examples=["IEC_62196_T2_COMBO"], description="OCPI ConnectorType")]
Minutes = Annotated[int, Field(gt=0, le=1440, examples=[45])]
Kwh = Annotated[float, Field(ge=0.1, le=1000, examples=[18.5])]

Statuses = Annotated[Sequence[ReservationStatus], Query(max_length=7, description="One or several; none: any")]
From = Annotated[Instant | None, Query(alias="from", description="Begin of the period")]
To = Annotated[Instant | None, Query(description="End of the period")]
Places = Mapping[uuid.UUID, Place]
"""Locations by id, as they are called."""


class BookingCreate(Input):
    """A wish for a place at a location: how long by minutes or by energy."""

    location_id: uuid.UUID
    connector: Standard
    start: Instant = Field(examples=["2026-03-02T10:15:00Z"], description="A whole minute")
    duration_minutes: Minutes | None = Field(None, description="Rounded up to whole minutes")
    energy_kwh: Kwh | None = Field(None, description="What you need; instead of, or beside, the duration")
    energy_limit_kwh: Kwh | None = Field(None, description="The most you accept to be delivered: it bounds the quote's total")
    vehicle_id: uuid.UUID | None = None
    power_class: str | None = Field(None, max_length=16, description="A pool's power class; unset: the fastest that is free")

    @model_validator(mode="after")
    def _says_how_long(self) -> "BookingCreate":
        if self.duration_minutes is None and self.energy_kwh is None:
            raise ValueError("give duration_minutes or energy_kwh")
        return self


class BookingReschedule(Input):
    """The new period; without a duration the old one stays. The quote is made anew for it."""

    start: Instant = Field(examples=["2026-03-02T11:00:00Z"])
    duration_minutes: Minutes | None = None
    energy_limit_kwh: Kwh | None = Field(None, description="Another limit; unset: what was accepted before")


class BookingCancel(Input):
    """Why it is cancelled, in OCPI's words for the driver's side; an administrator's are those of the operator's."""

    reason: CanceledReason = CanceledReason.UNKNOWN


class SessionStart(Input):
    """What the driver sees at their EVSE."""

    occupied: bool = Field(
        False, description="Somebody else is there: you are given another charger of its kind, or told where one is free"
    )
    vacant: bool = Field(
        False, description="Nobody is there, though somebody's session still runs: it ends where no feed of the EVSE could tell"
    )


class SessionStop(Input):
    """What the driver read at the charger: kept as their word, never priced."""

    energy_kwh: Annotated[float, Field(ge=0, le=1000)] | None = None


class Access(Output):
    """How a driver gets to their EVSE, and when."""

    methods: list[str] = Field(description="OCPI AccessMethods of the booking's terms")
    access_code: str | None = Field(description="To be entered at the station, where the terms name ACCESS_CODE")
    valid_from: datetime
    valid_until: datetime


class Period(Output):
    """A period, UTC."""

    start: datetime
    end: datetime


class Session(Output):
    """The charging session of a booking."""

    started_at: datetime
    stopped_at: datetime | None
    energy_kwh: float | None = Field(description="Metered; null: nobody measured it (so far)")
    stop_asked_at: datetime | None = Field(description="When the driver said that they are done; the station ends the session")
    claimed_kwh: float | None = Field(description="What the driver says was delivered; it is not priced")

    @classmethod
    def of(cls, booking: domain.Booking) -> "Session | None":
        """The session of a stored booking, None where none began."""
        if booking.started_at is None:
            return None
        return cls(
            started_at=booking.started_at,
            stopped_at=booking.stopped_at,
            energy_kwh=booking.session_energy_kwh,
            stop_asked_at=booking.stop_asked_at,
            claimed_kwh=booking.claimed_kwh,
        )


class Booking(Output):
    """A booking as its driver sees it. `evse_uid` is `#NA` until 30 minutes before the start."""

    id: uuid.UUID
    location_id: uuid.UUID
    location: PlaceSummary | None = Field(None, description="What the place is called and where it is")
    evse_uid: str
    connector: str
    power_class: str
    power_kw: float
    period: Period
    energy_kwh: float
    energy_limit_kwh: float | None
    cancel_free_until: datetime | None = Field(
        None, description="Until when cancelling is free of charge; null: it was left late once"
    )
    change_until: datetime | None = Field(None, description="Until when it can be moved; null: its terms do not allow it")
    reservation_status: ReservationStatus
    canceled: Cancellation | None
    quote: Quote
    terms: BookingTerms
    vehicle_id: uuid.UUID | None
    charge_request_id: uuid.UUID | None
    hold_expires_at: datetime | None
    arrived_at: datetime | None = Field(
        description="When the driver said that they are there. While it is RESERVED the station has yet to say so too"
    )
    late_since: datetime | None = Field(
        description="From when cancelling costs the terms' fee, though the booking has moved since: it was left late once"
    )
    kind: BookingKind
    assurance: Assurance = Field(
        description="AT_RISK: its charger is out of use and no other of its kind is free there. Others are sought, and leaving "
        "it costs nothing"
    )
    rebooked_from: uuid.UUID | None = Field(description="The booking in whose place it came, where that one's charger failed")
    rebooked_to: uuid.UUID | None = Field(description="The booking that came in its place")
    price_cap_minor: int | None = Field(
        description="The most it costs until the end and the grace, where that is less than its quote's total"
    )
    decline_until: datetime | None = Field(description="Until when one that came in another's place may be declined at no cost")
    payment: BookingPayment | None = Field(None, description="Of one whose terms ask for payment; null: they do not")
    session: Session | None
    settlement: Settlement | None
    created_at: datetime
    last_updated: datetime

    @classmethod
    def of(cls, booking: domain.Booking, places: Places | None = None) -> "Booking":
        """The answer for a stored booking; `places` has its location."""
        place = (places or {}).get(booking.location_id)
        terms = booking.terms
        return cls(
            id=booking.id,
            location_id=booking.location_id,
            location=None if place is None else PlaceSummary.model_validate(place),
            cancel_free_until=None if booking.late_since is not None else booking.cancel_until,
            change_until=None if terms.change_not_allowed else booking.start - timedelta(minutes=terms.change_until_minutes),
            evse_uid=shown_evse(booking),
            connector=booking.standard,
            power_class=booking.power_class,
            power_kw=booking.power_kw,
            period=Period(start=booking.start, end=booking.end),
            energy_kwh=booking.energy_kwh,
            energy_limit_kwh=booking.energy_limit_kwh,
            reservation_status=booking.status,
            canceled=booking.canceled,
            quote=booking.quote,
            terms=booking.terms,
            vehicle_id=booking.vehicle_id,
            charge_request_id=booking.charge_request_id,
            hold_expires_at=booking.hold_expires_at,
            arrived_at=booking.arrived_at,
            late_since=booking.late_since,
            kind=BookingKind(booking.kind),
            assurance=Assurance(booking.assurance),
            rebooked_from=booking.rebooked_from,
            rebooked_to=booking.rebooked_to,
            price_cap_minor=booking.price_cap_minor,
            decline_until=booking.decline_until,
            payment=booking.payment,
            session=Session.of(booking),
            settlement=booking.settlement,
            created_at=booking.created_at,
            last_updated=booking.updated_at,
        )


class WalkInCreate(Input):
    """What a driver who is at a location wants: a connector, or the EVSE they stand at."""

    location_id: uuid.UUID
    connector: Standard | None = None
    evse_uid: Annotated[str, Field(min_length=1, max_length=48, examples=["E1"])] | None = None
    vehicle_id: uuid.UUID | None = None
    energy_kwh: Kwh | None = Field(None, description="What you need; unset: as much as fits, where the charger is metered")

    @model_validator(mode="after")
    def _says_where(self) -> "WalkInCreate":
        if self.connector is None and self.evse_uid is None:
            raise ValueError("give connector or evse_uid")
        return self


class WalkInBooking(Booking):
    """A booking that begins now."""

    guaranteed_until: datetime = Field(description="Until then the charger is yours; the booking's end")
    fits_kwh: float = Field(description="What the charger delivers until then, as far as the vehicle takes it")

    @classmethod
    def of(cls, booking: domain.Booking, places: Mapping[uuid.UUID, Place] | None = None) -> "WalkInBooking":
        """The answer for a stored walk-in."""
        minutes = (booking.end - booking.start).total_seconds() / 60
        fits = session_energy(minutes, booking.power_kw, booking.vehicle_kw)
        shown = dict(Booking.of(booking, places))
        return cls(**shown, guaranteed_until=booking.end, fits_kwh=round(fits, 1))


class CancellationCost(Output):
    """What it costs to cancel a booking now."""

    becomes: ReservationStatus = Field(description="CANCELED, or NO_SHOW once its start has passed")
    fee_minor: int = Field(description="Minor units of `currency`")
    currency: str
    free_until: datetime | None = Field(description="Until when it is free of charge; null: it is not any more")


class MovePreview(Output):
    """What a booking would be after a move. Nothing is moved."""

    period: Period
    energy_kwh: float
    quote: Quote
    difference_minor: int = Field(description="What the new quote's total is more, minor units; below 0: less")
    cancel_free_until: datetime | None = Field(description="Of the moved booking; null: to cancel it would cost the terms' fee")
    late_cancel_minor: int | None = Field(description="What cancelling it would cost after that; null: of an older quote")


class PromiseWeek(Output):
    """Bookings whose start fell into a week, Monday to Sunday in UTC, and what came of them."""

    week: date = Field(description="Its Monday")
    planned: int = Field(description="Stood until their start, or until the operator's side ended them")
    told: int = Field(description="Of those: the driver was told their EVSE")
    kept: int = Field(description="Of those planned: nobody else was there for more than five minutes after the start")
    broken_5: int = Field(description="Somebody else was, for more than five minutes")
    broken_15: int = Field(description="For more than fifteen")
    withdrawn: int = Field(description="The operator's side ended them")
    missed: int = Field(description="Their driver did not come; kept or broken all the same")


class Promises(Output):
    """Promises by week, the present one first."""

    weeks: list[PromiseWeek]
