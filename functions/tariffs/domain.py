"""OCPI tariffs: the model, validated field by field, and which of several is in force.

Source: OCPI 2.2.1 and 2.3.0 `mod_tariffs.asciidoc`, and the `booking` restriction of the Bookings extension. What changes a
price and is not known is refused by its name; what was stored before a rule came is read as it was (`stored_tariff`).
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from shared.money import known_currency
from shared.slots import slot_after, slot_start


class TariffDimensionType(StrEnum):
    """OCPI TariffDimensionType: per kWh, once, per hour charging, per hour connected without charging."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class DayOfWeek(StrEnum):
    """OCPI DayOfWeek, Monday first."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class TariffType(StrEnum):
    """OCPI TariffType."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


_T = TariffType
RANKS: dict[TariffType | None, int] = {
    None: 0,
    _T.REGULAR: 0,
    _T.AD_HOC_PAYMENT: 1,
    _T.PROFILE_FAST: 2,
    _T.PROFILE_GREEN: 3,
    _T.PROFILE_CHEAP: 4,
}
"""Which type is taken where several are in force, the least first. Nobody chooses a charging profile here, so the tariffs of
profiles come last, the one that asks for no patience first."""


class TaxIncluded(StrEnum):
    """OCPI 2.3.0 TaxIncluded: whether a tariff's prices hold the tax; N/A: there is none."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class ReservationRestriction(StrEnum):
    """OCPI ReservationRestrictionType (2.2.1)."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class BookingRestriction(StrEnum):
    """The `booking` restriction of OCPI Bookings: what an element charges for instead of a session."""

    BOOKING = "BOOKING"
    BOOKING_EXPIRES = "BOOKING_EXPIRES"
    BOOKING_CANCELLATION_FEES = "BOOKING_CANCELLATION_FEES"
    BOOKING_OVERTIME = "BOOKING_OVERTIME"


def _as_decimal(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def _plain(value: Decimal) -> float | int:
    return int(value) if value == value.to_integral_value() else float(value)


Number = Annotated[
    Decimal,
    BeforeValidator(_as_decimal),
    Field(allow_inf_nan=False),
    PlainSerializer(_plain, return_type=float, when_used="json"),
]
"""A JSON number kept exactly as it was written."""
Amount = Annotated[Number, Field(ge=0, le=1_000_000)]


def _local_time(value: str) -> str:
    try:
        hour, minute = value.split(":")
        time(int(hour), int(minute))
        if len(hour) != 2 or len(minute) != 2:
            raise ValueError
    except ValueError:
        raise ValueError(f"{value!r} is not a local time such as 13:45") from None
    return value


LocalTime = Annotated[str, AfterValidator(_local_time)]


def _one_for_zero(value: Any) -> Any:
    return 1 if value == 0 else value


def _as_utc(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


UtcInstant = Annotated[datetime, AfterValidator(_as_utc)]
"""An OCPI DateTime: UTC where it does not say."""
_STORED = "stored"


def _is_stored(info: ValidationInfo) -> bool:
    return isinstance(info.context, dict) and _STORED in info.context


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PriceLimit(_Model):
    """A bound of the total, major units: OCPI 2.2.1 Price, or 2.3.0 PriceLimit (`before_taxes`, `after_taxes`)."""

    excl_vat: Amount = Field(validation_alias=AliasChoices("excl_vat", "before_taxes"))
    incl_vat: Amount | None = Field(None, validation_alias=AliasChoices("incl_vat", "after_taxes"))


class PriceComponent(_Model):
    """OCPI PriceComponent. `price` is major units per kWh or hour, without VAT unless the tariff says that tax is included;
    `vat` a percentage; `step_size` the smallest amount billed: Wh, or seconds (0 reads as 1)."""

    type: TariffDimensionType
    price: Amount
    vat: Annotated[Number, Field(ge=0, le=100)] | None = None
    step_size: Annotated[int, BeforeValidator(_one_for_zero), Field(ge=1, le=1_000_000)] = 1


class TariffRestrictions(_Model):
    """OCPI TariffRestrictions: an element counts while all that are given hold. Times and dates are the location's."""

    start_time: LocalTime | None = None
    end_time: LocalTime | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Amount | None = None
    max_kwh: Amount | None = None
    min_current: Amount | None = None
    max_current: Amount | None = None
    min_power: Amount | None = None
    max_power: Amount | None = None
    min_duration: int | None = Field(None, ge=0)
    max_duration: int | None = Field(None, ge=0)
    day_of_week: Annotated[tuple[DayOfWeek, ...], BeforeValidator(lambda value: value or ())] = ()
    reservation: ReservationRestriction | None = None
    booking: BookingRestriction | None = None

    @model_validator(mode="after")
    def _ordered(self, info: ValidationInfo) -> "TariffRestrictions":
        for measured in ("kwh", "power", "duration") if _is_stored(info) else ("kwh", "power", "duration", "current"):
            low, high = f"min_{measured}", f"max_{measured}"
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and most <= least:
                raise ValueError(f"{high}: must be above {low}")
        if self.start_date and self.end_date and self.end_date <= self.start_date:
            raise ValueError("end_date: must be after start_date")
        return self

    def for_sessions(self) -> bool:
        """Whether the element prices charging sessions, not reservations or bookings."""
        return self.reservation is None and self.booking is None


class TariffElement(_Model):
    """OCPI TariffElement: price components and when they count."""

    price_components: Annotated[tuple[PriceComponent, ...], Field(min_length=1, max_length=20)]
    restrictions: TariffRestrictions | None = None

    @model_validator(mode="after")
    def _prices_what_it_is_for(self, info: ValidationInfo) -> "TariffElement":
        if self.restrictions is None or self.restrictions.for_sessions() or _is_stored(info):
            return self
        for item in self.price_components:
            if item.type not in (TariffDimensionType.FLAT, TariffDimensionType.TIME):
                raise ValueError(f"price_components: a reservation or booking is priced by FLAT and TIME, not by {item.type}")
        return self


def _currency(value: str, info: ValidationInfo) -> str:
    return value if _is_stored(info) else known_currency(value)


def _type(value: Any, info: ValidationInfo) -> Any:
    return None if _is_stored(info) and value not in TariffType.__members__ else value


class Tariff(BaseModel):
    """OCPI Tariff. For each dimension the first element that counts and prices it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    country_code: str | None = Field(None, max_length=2)
    party_id: str | None = Field(None, max_length=3)
    id: str = Field(min_length=1, max_length=36)
    currency: Annotated[str, AfterValidator(_currency)]
    type: Annotated[TariffType | None, BeforeValidator(_type)] = None
    tariff_alt_text: Annotated[tuple[dict[str, str], ...], BeforeValidator(lambda value: value or ())] = ()
    tariff_alt_url: str | None = Field(None, max_length=255, pattern=r"^https?://")
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Amount | None = None
    elements: Annotated[tuple[TariffElement, ...], Field(min_length=1, max_length=100)]
    tax_included: TaxIncluded | None = None
    start_date_time: UtcInstant | None = None
    end_date_time: UtcInstant | None = None
    energy_mix: dict[str, Any] | None = None
    last_updated: UtcInstant | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self, info: ValidationInfo) -> "Tariff":
        begin, end = self.start_date_time, self.end_date_time
        if begin is not None and end is not None and end <= begin and not _is_stored(info):
            raise ValueError("end_date_time: must be after start_date_time")
        return self

    def vat(self, component: PriceComponent) -> Fraction:
        """A component's tax, per cent of its price without."""
        return _vat(component.vat, self.tax_included)

    def net(self, component: PriceComponent) -> Fraction:
        """A component's price a unit without tax, major units."""
        return _net(component.price, component.vat, self.tax_included)

    def gross(self, component: PriceComponent) -> Fraction:
        """A component's price a unit with tax, major units."""
        return _gross(component.price, component.vat, self.tax_included)

    def in_force(self, at: datetime) -> bool:
        """Whether sessions that start at an instant may have this tariff, by its dates."""
        begun = self.start_date_time is None or self.start_date_time <= at
        return begun and not self.ended(at)

    def ended(self, at: datetime) -> bool:
        """Whether no session that starts at an instant or later has this tariff."""
        return self.end_date_time is not None and self.end_date_time <= at


_remembered = lru_cache(maxsize=20_000)
"""Fractions of prices are asked for with every stretch of every quote; there are few prices."""


@_remembered
def _vat(vat: Decimal | None, tax: TaxIncluded | None) -> Fraction:
    return Fraction(0) if tax is TaxIncluded.NOT_APPLICABLE else Fraction(vat or 0)


@_remembered
def _net(price: Decimal, vat: Decimal | None, tax: TaxIncluded | None) -> Fraction:
    exact = Fraction(price)
    return exact / (1 + _vat(vat, tax) / 100) if tax is TaxIncluded.YES else exact


@_remembered
def _gross(price: Decimal, vat: Decimal | None, tax: TaxIncluded | None) -> Fraction:
    return _net(price, vat, tax) * (1 + _vat(vat, tax) / 100)


def stored_tariff(document: Any) -> Tariff:
    """A tariff as it was stored: rules that came later do not hold for it, since what is booked by it must be settled."""
    return Tariff.model_validate(document, context={_STORED: True})


def chosen(tariffs: Sequence[Tariff], at: datetime) -> int | None:
    """Which of a connector's tariffs a session that starts at an instant has: the number of the first by RANKS, then by order,
    of those in force; None where none is."""
    valid = [number for number, tariff in enumerate(tariffs) if tariff.in_force(at)]
    return min(valid, key=lambda number: (RANKS[tariffs[number].type], number), default=None)


def chosen_over(tariffs: Sequence[Tariff], slot0: int, slots: int) -> Iterator[tuple[int | None, slice]]:
    """Which of a connector's tariffs a session has that starts in which of `slots` quarter hours from number `slot0` on; None:
    none of them."""
    changes = {bound for tariff in tariffs for bound in (tariff.start_date_time, tariff.end_date_time) if bound is not None}
    cuts = sorted({0, slots} | {min(max(slot_after(at) - slot0, 0), slots) for at in changes})
    for since, until in itertools.pairwise(cuts):
        yield chosen(tariffs, slot_start(slot0 + since)), slice(since, until)
