"""From priced amounts to a bill: bounds, tax and rounding.

Total first. What is quoted and paid is the gross total: summed exactly, rounded once, half up. It is shared out over the tax
rates and each rate's share over its lines, by largest remainders; a rate's tax is half-up(gross x rate / (100 + rate)), and
what is left is net. So lines and taxes sum to the total in every bill, and nothing is dearer without tax than with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from functions.tariffs.domain import PriceLimit, Tariff
from functions.tariffs.restrictions import Dimension, Use, use_of
from shared.money import minor_digits

UNITS = {Dimension.ENERGY: "kWh", Dimension.TIME: "h", Dimension.PARKING_TIME: "h", Dimension.FLAT: "session"}


class QuoteElement(BaseModel):
    """One line of a price: so much of a dimension at a unit price without VAT. `amount_minor` includes VAT."""

    model_config = ConfigDict(frozen=True)

    dimension: str
    quantity: float
    unit: str
    unit_price: float
    vat_percent: float
    start: datetime | None
    end: datetime | None
    amount_minor: int


class TaxLine(BaseModel):
    """What of a price is taxed at a rate (per cent), minor units."""

    model_config = ConfigDict(frozen=True)

    rate: float
    net_minor: int
    vat_minor: int


class Price(BaseModel):
    """A price in minor units, VAT included; its elements sum to the total, as do the nets and taxes of its rates."""

    model_config = ConfigDict(frozen=True)

    currency: str
    total_minor: int
    total_excl_vat_minor: int
    energy_kwh: float
    minutes: float
    tariff_id: str | None
    elements: list[QuoteElement]
    tax: list[TaxLine] = Field(default_factory=list)

    @classmethod
    def free(cls, *, currency: str, energy_kwh: float, minutes: float) -> "Price":
        """Of what is free of charge."""
        return cls(
            currency=currency,
            total_minor=0,
            total_excl_vat_minor=0,
            energy_kwh=energy_kwh,
            minutes=minutes,
            tariff_id=None,
            elements=[],
        )


@dataclass(frozen=True)
class Item:
    """A priced amount before it is rounded: `unit_price` major units without VAT, `rate` VAT in per cent, `gross` minor units
    with VAT."""

    dimension: str
    quantity: Fraction
    unit: str
    unit_price: Fraction
    rate: Fraction
    gross: Fraction
    start: datetime | None = None
    end: datetime | None = None

    @property
    def net(self) -> Fraction:
        """Minor units without VAT."""
        return self.gross / (1 + self.rate / 100)


@lru_cache(maxsize=256)
def scale_of(currency: str) -> int:
    """Minor units in a major one."""
    return 10 ** minor_digits(currency)


def gross_of(items: Iterable[Item]) -> Fraction:
    """What items cost together, minor units with VAT."""
    return sum((item.gross for item in items), Fraction(0))


def bill(items: Sequence[Item], *, currency: str, tariff_id: str | None, energy_kwh: float, minutes: float) -> Price:
    """The items rounded to whole minor units."""
    rates: list[Fraction] = []  # no set: hashing a fraction takes longer than comparing it with the few there are
    for item in items:
        if item.rate not in rates:
            rates.append(item.rate)
    of_rate = [[number for number, item in enumerate(items) if item.rate == rate] for rate in rates]
    total = rounded(gross_of(items))
    shares = share_out([gross_of(items[number] for number in numbers) for numbers in of_rate], total)
    amounts, tax = [0] * len(items), []
    for rate, numbers, share in zip(rates, of_rate, shares, strict=True):
        vat = rounded(share * rate / (100 + rate))
        tax.append(TaxLine(rate=float(rate), net_minor=share - vat, vat_minor=vat))
        whole = share_out([items[number].gross for number in numbers], share)
        for number, amount in zip(numbers, whole, strict=True):
            amounts[number] = amount
    return Price(
        currency=currency,
        total_minor=total,
        total_excl_vat_minor=total - sum(line.vat_minor for line in tax),
        energy_kwh=round(energy_kwh, 6),
        minutes=minutes,
        tariff_id=tariff_id,
        elements=[_element(item, amount) for item, amount in zip(items, amounts, strict=True)],
        tax=tax,
    )


def _element(item: Item, amount: int) -> QuoteElement:
    return QuoteElement(
        dimension=item.dimension,
        quantity=round(float(item.quantity), 6),
        unit=item.unit,
        unit_price=float(item.unit_price),
        vat_percent=float(item.rate),
        start=item.start,
        end=item.end,
        amount_minor=amount,
    )


def rounded(value: Fraction) -> int:
    """Half up."""
    return int((value + Fraction(1, 2)) // 1)


def share_out(amounts: Sequence[Fraction], total: int) -> list[int]:
    """Whole numbers near `amounts` that sum to `total`, which is near their sum (largest remainders)."""
    if len(amounts) == 1:
        return [total]
    shares = [int(amount // 1) for amount in amounts]
    missing = total - sum(shares)
    order = sorted(range(len(amounts)), key=lambda number: -(amounts[number] - shares[number]))
    for number in order[:missing]:
        shares[number] += 1
    return shares


def brought_to(items: Sequence[Item], gross: Fraction, *, why: str, scale: int) -> list[Item]:
    """The items and, for each VAT rate, one more that brings them together to `gross`, in proportion to what is there."""
    now = gross_of(items)
    if gross == now or not now:
        return list(items)
    part = gross / now - 1
    rates = dict.fromkeys(item.rate for item in items if item.gross)
    return [*items, *(_change(why, rate, part * gross_of(i for i in items if i.rate == rate), scale) for rate in rates)]


def _change(why: str, rate: Fraction, gross: Fraction, scale: int) -> Item:
    return Item(why, Fraction(1), "session", gross / (1 + rate / 100) / scale, rate, gross)


def within_limits(tariff: Tariff, items: Sequence[Item], *, dearest: bool = False) -> list[Item]:
    """The items held within min_price and max_price, which bound the price without and with VAT each for itself (OCPI, note
    on min_price); VAT follows in proportion. `dearest`: the bounds that no mix of the tariff's VAT rates exceeds."""
    scale, limited = scale_of(tariff.currency), list(items)
    if tariff.min_price is None and tariff.max_price is None:
        return limited
    priced = [element for element in tariff.elements if use_of(element) in (Use.SESSION, Use.BOOKING)]
    rates = [tariff.vat(item) for element in priced for item in element.price_components]
    for limit, why in ((tariff.min_price, "MIN_PRICE"), (tariff.max_price, "MAX_PRICE")):
        if limit is None:
            continue
        least = why == "MIN_PRICE"
        now, net = gross_of(limited), sum((item.net for item in limited), Fraction(0))
        if not now:
            rate = (max(rates) if dearest else rates[0]) if rates else Fraction(0)
            bound = _with_vat(limit, 1 + rate / 100, scale, least=least)
            limited += [_change(why, rate, bound, scale)] if least and bound else []
            continue
        factor = 1 + max(rates, default=Fraction(0)) / 100 if dearest else now / net
        bound = _with_vat(limit, factor, scale, least=least)
        limited = brought_to(limited, max(now, bound) if least else min(now, bound), why=why, scale=scale)
    return limited


def _with_vat(limit: PriceLimit, factor: Fraction, scale: int, *, least: bool) -> Fraction:
    """A limit with VAT, minor units: that of the price with VAT or what that without comes to, whichever binds."""
    bounds = [Fraction(limit.excl_vat) * factor * scale]
    if limit.incl_vat is not None:
        bounds.append(Fraction(limit.incl_vat) * scale)
    return max(bounds) if least else min(bounds)
