"""Locations, EVSEs, pools and booking terms. No I/O, no clock."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.stations.enums import EvseStatus, LocationStatus, PriceKnowledge, power_class
from functions.stations.opening import Hours, close, open_slots
from functions.stations.price_rules import PriceRule
from functions.tariffs.domain import Tariff, chosen
from shared.slots import slot_after, slot_of

if TYPE_CHECKING:
    import numpy as np

UNUSABLE = frozenset(
    {EvseStatus.INOPERATIVE, EvseStatus.OUTOFORDER, EvseStatus.PLANNED, EvseStatus.REMOVED, EvseStatus.UNKNOWN}
)
"""What is not sold for any time, until it reports otherwise (nobody knows when): out of order, not there, or silent, since
a driver who counts on a slot must be able to. AVAILABLE, BLOCKED, CHARGING and RESERVED say something of now alone."""
FAULTY = frozenset({EvseStatus.INOPERATIVE, EvseStatus.OUTOFORDER})
ENGAGED = frozenset({EvseStatus.BLOCKED, EvseStatus.CHARGING, EvseStatus.RESERVED})
ENGAGED_SLOTS = 6
"""States in which somebody is at an EVSE now. Where none of our bookings explains it (a walk-in, a parked car, a reservation
made elsewhere), it is not given to a booking that begins within half an hour: nobody who is there
can be told to leave faster. Later starts are given; a walk-in may stay until the next claim."""
BROKEN = FAULTY | {EvseStatus.REMOVED}
"""States in which an EVSE certainly cannot be used."""
OUT_OF_USE = FAULTY | {EvseStatus.REMOVED, EvseStatus.UNKNOWN}
"""States of an EVSE that was bookable before and is not now: what is booked there is moved."""


_LATER = frozenset({"give_up_minutes", "operator_cancel_credit_percent", "min_booking_minutes", "payment"})
"""Members of booking terms that code of before refuses, by name or at today's default."""


class BookingTerms(BaseModel):
    """What owner and driver promise each other; frozen with each booking. OCPI BookingTerms and the limits we add.

    All durations are minutes before or after the booked start, unless named otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    change_until_minutes: int = Field(60, ge=0, le=10080, description="Changes are free until then before the start")
    cancel_until_minutes: int = Field(60, ge=0, le=10080, description="Cancelling is free until then before the start")
    change_not_allowed: bool = False
    early_start_minutes: int = Field(15, ge=0, le=60, description="How early a session may start")
    noshow_timeout_minutes: int = Field(
        15,
        ge=5,
        le=120,
        description="So long after the start, or at the booked end where that is sooner, the slot is given away",
    )
    noshow_fee: bool = Field(True, description="Whether a no-show costs the tariff's BOOKING_EXPIRES element")
    fees_above_quote: bool = Field(
        False, description="Whether a late cancel or a no-show may cost more than the booking does; an administrator allows it"
    )
    idle_grace_minutes: int = Field(
        10, ge=0, le=120, description="How long after charging, and after the booked end, nothing more is charged"
    )
    late_stop_allowed: bool = False
    min_booking_minutes: int = Field(5, ge=5, le=1440)
    max_booking_minutes: int = Field(480, ge=5, le=1440)
    booking_horizon_days: int = Field(14, ge=1, le=365)
    open_bookings_per_driver: int = Field(5, ge=1, le=100)
    min_lead_minutes: int = Field(0, ge=0, le=10080)
    give_up_minutes: int = Field(
        60,
        ge=0,
        le=1440,
        description="Until when before the start another charger is sought for a booking whose own has failed",
    )
    operator_cancel_credit_percent: int = Field(
        10,
        ge=0,
        le=100,
        description="What of its expected price a driver is credited for a booking that the operator's side ends",
    )
    payment: Literal["NONE", "HOLD"] = Field(
        "NONE", description="HOLD: what a booking costs at most is held on the driver's card before its start"
    )
    supported_access_methods: tuple[str, ...] = ("OPEN",)
    booking_terms_url: str | None = Field(None, max_length=255)

    def stored(self) -> dict[str, Any]:
        """As it is stored. What code of before refuses is left out at its default (so those defaults never change): it would
        refuse the terms of every booking made meanwhile, and reads its own default so."""
        document = self.model_dump(mode="json")
        fields = type(self).model_fields
        return {name: value for name, value in document.items() if name not in _LATER or value != fields[name].default}

    @model_validator(mode="after")
    def _ordered(self) -> "BookingTerms":
        if self.max_booking_minutes < self.min_booking_minutes:
            raise ValueError("max_booking_minutes: must not be below min_booking_minutes")
        return self


@dataclass(frozen=True)
class Connector:
    """A plug of an EVSE, in OCPI's words."""

    connector_id: str
    standard: str
    format: str
    power_type: str
    max_power_kw: float


@dataclass(frozen=True)
class Evse:
    """Serves one vehicle at a time by one of its connectors. `uid` is unique in its location."""

    id: uuid.UUID
    uid: str
    status: str
    connectors: tuple[Connector, ...]


@dataclass(frozen=True)
class Pool:
    """Interchangeable EVSEs of a location: the same connector standard and power class. `power_kw` is the least's."""

    location_id: uuid.UUID
    standard: str
    power_class: str
    power_kw: float
    tariff_id: uuid.UUID | None
    """The first of its tariffs."""
    evse_ids: tuple[uuid.UUID, ...]
    other_tariff_ids: tuple[uuid.UUID, ...] = ()
    """Those after the first; type and dates choose among all."""
    free_of_charge: bool = False
    """Whether its owner says that it is free where it has no tariff."""

    @property
    def tariff_ids(self) -> tuple[uuid.UUID, ...]:
        """All its tariffs, in the owner's order."""
        return () if self.tariff_id is None else (self.tariff_id, *self.other_tariff_ids)

    def price_at(self, tariffs: Mapping[uuid.UUID, Tariff], at: datetime) -> PriceKnowledge:
        """What there is to know of the price of a session that starts at an instant; `tariffs` has those of the pool."""
        return self._price(chosen([tariffs[tariff_id] for tariff_id in self.tariff_ids], at) is not None)

    def price_from(self, tariffs: Mapping[uuid.UUID, Tariff], at: datetime) -> PriceKnowledge:
        """What there is to know of the price of some session that starts at an instant or later."""
        return self._price(not all(tariffs[tariff_id].ended(at) for tariff_id in self.tariff_ids))

    def _price(self, has_tariff: bool) -> PriceKnowledge:
        if self.tariff_ids:
            return PriceKnowledge.TARIFF if has_tariff else PriceKnowledge.NOT_KNOWN
        return PriceKnowledge.FREE if self.free_of_charge else PriceKnowledge.NOT_KNOWN


@dataclass(frozen=True)
class BlockedTime:
    """A time in which an EVSE (or with None the whole location) is not booked: maintenance, an event, a closed road."""

    id: uuid.UUID
    evse_id: uuid.UUID | None
    period_begin: datetime
    period_end: datetime
    reason: str


@dataclass(frozen=True)
class Location:
    """A place with EVSEs. `tariff_ids` maps (standard, power class) to the tariff of that pool, `other_tariff_ids` to those
    that stand on it beside; `free_of_charge` is its owner's word on pools without any.

    `version` rises with every edit by its owner or an administrator; `status_reason` is why it was rejected or
    suspended; `blocked` are the blocked times that have not ended.
    """

    id: uuid.UUID
    owner_id: uuid.UUID
    name: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str
    currency: str
    status: str
    opening_times: Hours | None
    booking_terms: BookingTerms
    evses: tuple[Evse, ...]
    tariff_ids: Mapping[tuple[str, str], uuid.UUID]
    version: int = 1
    status_reason: str | None = None
    blocked: tuple[BlockedTime, ...] = ()
    proposed: Mapping[str, str] | None = None
    """What its owner would change of an approved place (name, address, city), until an administrator has decided."""
    other_tariff_ids: Mapping[tuple[str, str], tuple[uuid.UUID, ...]] = field(default_factory=dict)
    free_of_charge: bool = False
    price_rule: PriceRule | None = None
    """By what energy and time cost more or less than its tariffs say; None: never."""

    def opened(self, slot0: datetime, slots: int) -> "np.ndarray":
        """Which of `slots` slots from `slot0` (aligned) on the place can be booked at all: bool [slots]."""
        opened = open_slots(self.opening_times, self.time_zone, slot0, slots)
        close(opened, slot0, (item for item in self.blocked if item.evse_id is None))
        return opened

    def always_open(self) -> bool:
        """Whether it has no hours, and no blocked time of the whole place."""
        return self.opening_times is None and all(item.evse_id is not None for item in self.blocked)

    def blocked_evses(self) -> Iterator[tuple[uuid.UUID, BlockedTime]]:
        """The blocked times of single EVSEs."""
        return ((item.evse_id, item) for item in self.blocked if item.evse_id is not None)

    def blocked_slots(self, start: int, stop: int) -> dict[uuid.UUID, set[int]]:
        """The slots in [start, stop) that blocked times of single EVSEs touch, by EVSE."""
        blocked: dict[uuid.UUID, set[int]] = {}
        for evse_id, blocked_time in self.blocked_evses():
            slots = range(max(start, slot_of(blocked_time.period_begin)), min(stop, slot_after(blocked_time.period_end)))
            if slots:
                blocked.setdefault(evse_id, set()).update(slots)
        return blocked

    def engaged_evses(self) -> Iterator[uuid.UUID]:
        """The EVSEs that somebody is at now, by what they report."""
        return (item.id for item in self.evses if item.status in ENGAGED)

    def pool_of(self, standard: str, power_class: str) -> "Pool | None":
        """The pool of a connector standard and power class over EVSEs that can be used, None where there is none."""
        return next((pool for pool in self.pools() if (pool.standard, pool.power_class) == (standard, power_class)), None)

    def pools(self) -> tuple[Pool, ...]:
        """The pools over EVSEs that can be used, ordered by standard and power."""
        groups: dict[tuple[str, str], dict[uuid.UUID, float]] = {}
        for evse in self.evses:
            if EvseStatus(evse.status) in UNUSABLE:
                continue
            for connector in evse.connectors:
                key = (connector.standard, power_class(connector.max_power_kw).value)
                group = groups.setdefault(key, {})
                group[evse.id] = max(group.get(evse.id, 0.0), connector.max_power_kw)
        return tuple(
            Pool(
                self.id,
                standard,
                group,
                min(evses.values()),
                self.tariff_ids.get((standard, group)),
                tuple(evses),
                self.other_tariff_ids.get((standard, group), ()),
                self.free_of_charge,
            )
            for (standard, group), evses in sorted(groups.items())
        )


def repaired(location: Location, states: frozenset[EvseStatus]) -> Location:
    """The location as it would be if its EVSEs in `states` worked."""
    evses = tuple(
        replace(item, status=EvseStatus.AVAILABLE.value) if item.status in states else item for item in location.evses
    )
    return replace(location, evses=evses)


@dataclass(frozen=True)
class Photo:
    """A picture of a location, re-encoded as JPEG; `width` and `height` in pixels. Its bytes lie in Blob."""

    id: uuid.UUID
    location_id: uuid.UUID
    caption: str | None
    width: int
    height: int
    created_at: datetime


@dataclass(frozen=True)
class Submission:
    """What an owner submitted, as it was, and what became of it: `decision` APPROVED, REJECTED, WITHDRAWN or None."""

    id: uuid.UUID
    location_id: uuid.UUID
    version: int
    document: Mapping[str, Any]
    submitted_at: datetime
    submitted_by: uuid.UUID | None
    decision: str | None
    reason: str | None
    decided_at: datetime | None
    decided_by: uuid.UUID | None


@dataclass(frozen=True)
class StationCounts:
    """Locations and EVSEs by state, and what of them waits for an administrator."""

    locations: dict[str, int]
    """By LocationStatus."""
    evses: dict[str, int]
    """Of approved locations, by EvseStatus."""
    changes_proposed: int
    """Approved places of which a change of name or address waits."""
    oldest_waiting_since: datetime | None
    """When the first of the locations that wait to be approved was last changed; None where none waits."""


@dataclass(frozen=True)
class PlaceSummary:
    """What a location is called and where it is."""

    id: uuid.UUID
    name: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str

    @classmethod
    def of(cls, location: Location) -> "PlaceSummary":
        """Of a location that was read whole."""
        return cls(**{each.name: getattr(location, each.name) for each in fields(cls)})


class StaffRight(IntEnum):
    """What somebody may at a location; each includes those before it."""

    READ = 1
    """See its bookings, calendar and figures."""
    OPERATE = 2
    """Block times, end bookings, give readings."""
    EDIT = 3
    """Change everything but who else runs it."""
    OWN = 4
    """Its owner's alone, and administrators'."""


@dataclass(frozen=True)
class Staff:
    """Somebody who was invited to help run a location."""

    location_id: uuid.UUID
    email: str
    """In lower case."""
    user_id: uuid.UUID | None
    """The account that has accepted."""
    rights: StaffRight
    invited_at: datetime
    accepted_at: datetime | None
    """From when the right counts; None: they have not accepted."""


@dataclass(frozen=True)
class TariffPeriod:
    """The tariff a pool had from `valid_from` until `valid_until` (None: now)."""

    id: uuid.UUID
    standard: str
    power_class: str
    tariff_id: uuid.UUID
    valid_from: datetime
    valid_until: datetime | None


@dataclass(frozen=True)
class LocationRecord:
    """A location to be loaded in bulk from a city folder; `tariffs` maps (standard, power class) to its tariff, `statuses` the
    uids of EVSEs that are not AVAILABLE to their status."""

    external_id: str
    name: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str
    currency: str
    opening_times: Hours | None
    evses: tuple[tuple[str, tuple[Connector, ...]], ...]
    tariffs: Mapping[tuple[str, str], Tariff] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    other_tariffs: Mapping[tuple[str, str], tuple[Tariff, ...]] = field(default_factory=dict)
    """What stands on a pool beside the first."""
    free_of_charge: bool = False
    """Whether pools without a tariff are free; else their price is not known."""
    booking_terms: BookingTerms = field(default_factory=BookingTerms)


APPROVED = LocationStatus.APPROVED.value
