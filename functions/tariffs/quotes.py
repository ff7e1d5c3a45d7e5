"""Quotes: what a booking is expected to cost, what it costs at most, and its fees; frozen with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.tariffs.bills import Item, Price, QuoteElement, bill, gross_of, rounded, scale_of, within_limits
from functions.tariffs.bounds import dearest_items, highest_rates
from functions.tariffs.domain import Tariff
from functions.tariffs.fees import cancellation_fee, kept_items, no_show_fee, overtime_items
from functions.tariffs.price_steps import AS_THE_TARIFF, PriceStep, PriceSteps
from functions.tariffs.pricing import SessionPeriod, session_items

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Overtime(BaseModel):
    """What goes on after the booked end and the grace: the dearest rates that can count in the day after, in major units with
    VAT, and what the tariff's BOOKING_OVERTIME adds to them."""

    model_config = ConfigDict(frozen=True)

    begins_at: datetime
    per_kwh: float
    per_hour: float
    extra_per_hour: float
    extra_minor: int = Field(description="Once")


class Fees(BaseModel):
    """What a booking costs that is not used as it was made, minor units with VAT."""

    model_config = ConfigDict(frozen=True)

    late_cancel_minor: int
    no_show_minor: int
    overtime: Overtime | None = Field(None, description="null: nothing goes on, it is free of charge")


class Quote(Price):
    """A price to be booked at. `total_minor` is the most that a session in the booked period and the grace costs, whatever
    happens in it; its elements and taxes say of what. `expected_minor` is what the declared need costs. Minor units with VAT.
    """

    expected_minor: int
    at_most_kwh: float | None = Field(None, description="The energy in the total; null: of an older quote")
    fees: Fees | None = Field(None, description="null: of an older quote")
    expected_elements: list[QuoteElement] = Field(default_factory=list)
    price_steps: list[PriceStep] = Field(
        default_factory=list,
        description="By what energy and time cost more or less than the tariff says, from when on; none: what it says",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_older_ones(cls, value: Any) -> Any:
        """What was frozen before there were two prices had one for both."""
        if isinstance(value, dict) and "expected_minor" not in value and "total_minor" in value:
            return value | {"expected_minor": value["total_minor"], "expected_elements": value.get("elements", [])}
        return value


@dataclass(frozen=True)
class Stay:
    """A period to be priced, and what of its terms has to do with money."""

    start: datetime
    end: datetime
    power_kw: float
    """What EVSE and vehicle exchange at most."""
    energy_kwh: float
    """What is needed."""
    most_kwh: float | None
    """What it may come to at most, where something but power and time bounds it."""
    kept: timedelta
    """How long the EVSE is kept for somebody who does not come."""
    noshow_fee: bool
    """Whether not coming costs anything."""
    grace: timedelta
    """How long after the end nothing more is charged."""

    @property
    def at_most_kwh(self) -> float:
        """The energy that can be delivered in the period, within what bounds it."""
        possible = self.power_kw * ((self.end - self.start) / HOUR)
        return possible if self.most_kwh is None else min(possible, self.most_kwh)


def quote(*, tariff: Tariff | None, currency: str, time_zone: str, stay: Stay, steps: PriceSteps = AS_THE_TARIFF) -> Quote:
    """The quote of a stay. `tariff` None: it is free of charge, by what its owner says. `steps`: by what energy and time cost
    more or less than it says; those of the stay are frozen."""
    minutes, at_most_kwh = (stay.end - stay.start).total_seconds() / 60, stay.at_most_kwh
    need = min(stay.energy_kwh, at_most_kwh)
    if tariff is None:
        price = Price.free(currency=currency, energy_kwh=need, minutes=minutes)
        return Quote(**dict(price), expected_minor=0, at_most_kwh=at_most_kwh, fees=Fees(late_cancel_minor=0, no_show_minor=0))
    steps = steps.within(stay.start, stay.end)
    expected = expected_price(tariff, time_zone=time_zone, start=stay.start, end=stay.end, energy_kwh=need, steps=steps)
    dearest: list[Item] = [
        *kept_items(tariff, time_zone=time_zone, since=stay.start, until=min(stay.end, stay.start + stay.kept)),
        *dearest_items(
            tariff,
            time_zone=time_zone,
            start=stay.start,
            end=stay.end,
            power_kw=stay.power_kw,
            energy_kwh=at_most_kwh,
            steps=steps,
        ),
    ]
    items = within_limits(tariff, dearest, dearest=True)
    most = bill(items, currency=currency, tariff_id=tariff.id, energy_kwh=need, minutes=minutes)
    return Quote(
        **dict(most),
        expected_minor=expected.total_minor,
        expected_elements=expected.elements,
        at_most_kwh=round(at_most_kwh, 6),
        fees=_fees(tariff, time_zone, stay),
        price_steps=steps.to_freeze(),
    )


def expected_items(
    tariff: Tariff,
    *,
    time_zone: str,
    start: datetime,
    end: datetime,
    energy_kwh: float,
    steps: PriceSteps = AS_THE_TARIFF,
) -> list[Item]:
    """What a booking comes to that is used as it was made, before bounds."""
    return [
        *kept_items(tariff, time_zone=time_zone, since=start, until=start),
        *session_items(tariff, time_zone=time_zone, periods=[SessionPeriod(start, end, energy_kwh)], steps=steps),
    ]


def expected_price(
    tariff: Tariff,
    *,
    time_zone: str,
    start: datetime,
    end: datetime,
    energy_kwh: float,
    steps: PriceSteps = AS_THE_TARIFF,
) -> Price:
    """What a booking costs that is used as it was made: `energy_kwh` drawn evenly over [start, end)."""
    items = expected_items(tariff, time_zone=time_zone, start=start, end=end, energy_kwh=energy_kwh, steps=steps)
    return bill(
        within_limits(tariff, items),
        currency=tariff.currency,
        tariff_id=tariff.id,
        energy_kwh=energy_kwh,
        minutes=(end - start).total_seconds() / 60,
    )


def _fees(tariff: Tariff, time_zone: str, stay: Stay) -> Fees:
    kept_until = min(stay.end, stay.start + stay.kept)
    missed = no_show_fee(tariff, time_zone=time_zone, start=stay.start, kept_until=kept_until)
    return Fees(
        late_cancel_minor=cancellation_fee(tariff, time_zone=time_zone, start=stay.start, end=stay.end),
        no_show_minor=missed if stay.noshow_fee else 0,
        overtime=_overtime(tariff, time_zone, stay),
    )


def _overtime(tariff: Tariff, time_zone: str, stay: Stay) -> Overtime:
    begins_at = stay.end + stay.grace
    per_kwh, per_hour = highest_rates(
        tariff,
        time_zone=time_zone,
        start=stay.start,
        end=begins_at + DAY,
        after=begins_at,
        power_kw=stay.power_kw,
        energy_kwh=stay.at_most_kwh + stay.power_kw * ((stay.grace + DAY) / HOUR),
    )
    extra = overtime_items(tariff, time_zone=time_zone, since=begins_at, until=begins_at + DAY)
    hourly = [item.gross / item.quantity for item in extra if item.unit == "h"]
    once = [item for item in extra if item.unit != "h"]
    return Overtime(
        begins_at=begins_at,
        per_kwh=float(per_kwh),
        per_hour=float(per_hour),
        extra_per_hour=float(max(hourly, default=0) / scale_of(tariff.currency)),
        extra_minor=rounded(gross_of(once)),
    )
