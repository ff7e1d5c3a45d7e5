"""OCPI tariffs: the model, validated field by field.

Source: OCPI 2.2.1 and 2.3.0 `mod_tariffs.asciidoc`, and the `booking` restriction of the Bookings extension.
"""

from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from shared.money import known_currency


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


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PriceLimit(_Model):
    """OCPI Price: a bound of the total, major units."""

    excl_vat: Amount
    incl_vat: Amount | None = None


class PriceComponent(_Model):
    """OCPI PriceComponent. `price` is major units per kWh or hour, without VAT; `vat` a percentage; `step_size` the
    smallest amount billed: Wh, or seconds."""

    type: TariffDimensionType
    price: Amount
    vat: Annotated[Number, Field(ge=0, le=100)] | None = None
    step_size: int = Field(1, ge=1, le=1_000_000)


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
    day_of_week: tuple[DayOfWeek, ...] = ()
    reservation: ReservationRestriction | None = None
    booking: BookingRestriction | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "TariffRestrictions":
        for low, high in (("min_kwh", "max_kwh"), ("min_power", "max_power"), ("min_duration", "max_duration")):
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


class Tariff(_Model):
    """OCPI Tariff. For each dimension the first element that counts and prices it is used."""

    id: str = Field(min_length=1, max_length=36)
    currency: Annotated[str, AfterValidator(known_currency)]
    type: str | None = Field(None, max_length=32)
    tariff_alt_text: tuple[dict[str, str], ...] = ()
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    elements: Annotated[tuple[TariffElement, ...], Field(min_length=1, max_length=100)]
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    last_updated: datetime | None = None
