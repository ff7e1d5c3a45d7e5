"""Payloads and answers of stations."""

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, StringConstraints, field_validator

from functions.stations.domain import BookingTerms, Location, Pool
from functions.stations.enums import ConnectorFormat, ConnectorType, PowerClass, PowerType, PriceKnowledge
from functions.stations.opening import Hours
from functions.stations.price_rules import PriceRule
from functions.tariffs.domain import Tariff
from shared.money import known_currency
from shared.slots import SLOT_MINUTES
from shared.web.conditions import etag_of
from shared.web.fields import Input, Output, clean_texts, old_names
from shared.web.links import no_link

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(no_link)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(no_link)]
CityName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(no_link)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Uid = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=36, pattern=r"^[\w*.\-:/ ]+$"),
    AfterValidator(no_link),
]


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Amsterdam")
    return value


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Currency = Annotated[str, AfterValidator(known_currency)]


class LocationCreate(Input):
    """A new location; it is searched and booked once an administrator has approved it."""

    name: Text = Field(examples=["Central Station West"])
    address: Address
    city: CityName
    country: Country = Field(examples=["NLD"], description="ISO 3166-1 alpha-3")
    latitude: float = Field(ge=-90, le=90, examples=[52.0894])
    longitude: float = Field(ge=-180, le=180, examples=[5.1101])
    time_zone: TimeZone = Field(examples=["Europe/Amsterdam"])
    currency: Currency = Field("EUR", examples=["EUR"])
    opening_times: Hours | None = Field(None, description="OCPI Hours; unset: always open")
    free_of_charge: bool = Field(False, description="Pools without a tariff cost nothing; otherwise they cannot be booked")


class ConnectorCreate(Input):
    """A plug of an EVSE."""

    connector_id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=36)] = "1"
    standard: ConnectorType
    format: ConnectorFormat = ConnectorFormat.SOCKET
    power_type: PowerType
    max_power_kw: float = Field(ge=0.1, le=4000, examples=[22.0])


def distinct_connectors(value: list[ConnectorCreate]) -> list[ConnectorCreate]:
    """Connectors whose ids differ. Raises ValueError."""
    ids = [item.connector_id for item in value]
    if len(set(ids)) != len(ids):
        raise ValueError("connector_id must be unique in the EVSE")
    return value


class EvseCreate(Input):
    """An EVSE with its connectors; it serves one vehicle at a time."""

    uid: Uid = Field(examples=["NL*EVC*E0001"])
    connectors: Annotated[list[ConnectorCreate], Field(min_length=1, max_length=8)]

    _distinct = field_validator("connectors")(distinct_connectors)


class AppliesTo(Input):
    """The pools a tariff is for; an empty list means every one."""

    model_config = ConfigDict(json_schema_extra=old_names(standards="connectors"))

    connectors: tuple[ConnectorType, ...] = Field((), validation_alias=AliasChoices("connectors", "standards"))
    power_classes: tuple[PowerClass, ...] = ()


class TariffAssignment(Input):
    """A tariff and the pools it is for."""

    tariff: Tariff
    applies_to: AppliesTo = AppliesTo()

    _clean = field_validator("tariff", mode="before")(clean_texts)


class TariffsPut(Input):
    """All tariffs of a location. For a pool that several apply to, the session's start chooses: among those whose dates hold
    the first that is REGULAR or has no type, else AD_HOC_PAYMENT, else a PROFILE_*."""

    tariffs: Annotated[list[TariffAssignment], Field(max_length=50)]


class ConnectorOut(Output):
    """A plug."""

    connector_id: str
    standard: str
    format: str
    power_type: str
    max_power_kw: float


class EvseOut(Output):
    """An EVSE."""

    id: uuid.UUID
    uid: str
    status: str
    connectors: list[ConnectorOut]


class PoolForecast(Output):
    """The chance that a point of the pool's power class is free at `target_time`, the instant nearest to the one asked for."""

    p_free: float
    occupancy: float
    target_time: datetime
    generated_at: datetime
    model_version: str | None
    source: str


class PoolStates(Output):
    """How many EVSEs are in which state now."""

    available: int = 0
    charging: int = Field(0, description="Somebody is there: CHARGING or BLOCKED")
    reserved: int = 0
    out_of_order: int = Field(0, description="INOPERATIVE or OUTOFORDER")
    unknown: int = Field(0, description="Their feed is silent")
    planned: int = 0


class PoolOut(Output):
    """Interchangeable EVSEs: what is booked. `free` counts those free over the period asked for, `forecast` is for the
    instant asked for, if one was."""

    connector: str
    power_class: str
    power_kw: float
    capacity: int
    free: int | None = None
    price: PriceKnowledge = Field(
        PriceKnowledge.NOT_KNOWN,
        description="When the period asked for starts, without one at any time from now on; NOT_KNOWN: it cannot be booked",
    )
    tariff_id: uuid.UUID | None = None
    other_tariff_ids: list[uuid.UUID] = Field(default_factory=list, description="Those that stand on it beside the first")
    price_factor: float = Field(
        1.0,
        description="By what energy and time cost more or less than the tariff says: at the start asked for, else now",
        examples=[1.2],
    )
    forecast: PoolForecast | None = None
    states: PoolStates | None = Field(None, description="In search: of its EVSEs now")


MADE = ("pools", "evses", "proposed", "rating")


class RatingSummary(Output):
    """How drivers rate a place: 1 to 5 stars on average, and how many have said so."""

    average: float = Field(examples=[4.3])
    count: int = Field(examples=[12])


class LocationOut(Output):
    """A location in full."""

    id: uuid.UUID
    name: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str
    currency: str
    status: str
    status_reason: str | None = Field(None, description="Why it was rejected or suspended")
    opening_times: Hours | None
    free_of_charge: bool = Field(description="What its owner says of pools without a tariff")
    booking_terms: BookingTerms
    etag: str = Field(description="Send it as If-Match with an edit; also the header ETag", examples=['"3"'])
    pools: list[PoolOut]
    evses: list[EvseOut]
    tariffs: dict[str, Any] = Field(default_factory=dict, description="OCPI tariffs by tariff_id")
    proposed: dict[str, str] | None = Field(
        None,
        description="To those who run it: what waits for an administrator, of a place that is approved",
        examples=[{"name": "Central Station East"}],
    )
    rating: RatingSummary | None = Field(None, description="From five ratings on; to those who run it from the first on")
    price_rule: PriceRule | None = Field(
        None, description="Where energy and time cost more or less by how busy it is expected to be; price-steps says when"
    )

    @classmethod
    def of(cls, record: Location, tariffs: dict[uuid.UUID, Tariff], *, now: datetime, managed: bool = False) -> "LocationOut":
        """The answer for a location; `tariffs` has those of its pools, `managed`: to those who run it."""
        return cls(
            **{name: getattr(record, name) for name in cls.model_fields if hasattr(record, name) and name not in MADE},
            etag=etag_of(record.version),
            proposed=dict(record.proposed) if managed and record.proposed else None,
            pools=pools_of(record, lambda pool: pool.price_from(tariffs, now)),
            evses=[EvseOut.model_validate(evse) for evse in record.evses],
            tariffs={
                str(tariff_id): tariff.model_dump(mode="json", exclude_none=True) for tariff_id, tariff in tariffs.items()
            },
        )


def pools_of(
    record: Location, price_of: Callable[[Pool], PriceKnowledge], free: dict[tuple[str, str], int] | None = None
) -> list[PoolOut]:
    """A location's pools with what is known of their prices, and with free counts where they were asked for."""
    return [
        PoolOut(
            connector=pool.standard,
            power_class=pool.power_class,
            power_kw=pool.power_kw,
            capacity=len(pool.evse_ids),
            free=None if free is None else free[pool.standard, pool.power_class],
            price=price_of(pool),
            tariff_id=pool.tariff_id,
            other_tariff_ids=list(pool.other_tariff_ids),
        )
        for pool in record.pools()
    ]


class PlaceSummary(Output):
    """What a location is called and where it is."""

    id: uuid.UUID
    name: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str


class PlacesFound(Output):
    """Locations by name or address."""

    items: list[PlaceSummary]


class MapCell(Output):
    """Several locations near each other: their middle, and how many."""

    latitude: float
    longitude: float
    count: int


class MapPart(Output):
    """What stands in a part of the map: places, or where there are more than 200, counts by cell."""

    places: list[PlaceSummary]
    cells: list[MapCell]


class LocationSummary(Output):
    """A location in a list of search results."""

    id: uuid.UUID
    name: str
    address: str
    city: str
    latitude: float
    longitude: float
    distance_km: float
    time_zone: str
    currency: str
    pools: list[PoolOut]
    rating: RatingSummary | None = Field(None, description="From five ratings on")
    states: PoolStates = Field(default_factory=PoolStates, description="Of all its EVSEs, also those that no pool has now")
    heard_at: datetime | None = Field(None, description="When its feed was last heard; null: it has none")


class Timeslot(Output):
    """A stretch of slots in which the same number of EVSEs is free. `min_power` and `max_power` are W (OCPI)."""

    start_date_time: datetime
    end_date_time: datetime
    free: int
    capacity: int


class Calendar(Output):
    """A pool's calendar (OCPI Calendar): its bookable stretches."""

    connector: str
    power_class: str
    power_kw: float
    begin_from: datetime
    end_before: datetime
    timeslot_increment: int = SLOT_MINUTES
    available_timeslots: list[Timeslot]


class Availability(Output):
    """The calendars of a location."""

    location_id: uuid.UUID
    calendars: list[Calendar]
    generated_at: datetime


class NearbyQuery(Input):
    """What is searched for, and where."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    radius_km: float = Field(10, gt=0, le=200)
    connector: ConnectorType | None = None
    min_power_kw: float = Field(0, ge=0, le=4000)
    begin: datetime | None = None
    end: datetime | None = None
    p_free_at: datetime | None = None
    include_full: bool = False
