"""Tariffs for tests: short spellings, and random ones with every restriction of the standard."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from functions.tariffs.domain import Tariff
from functions.tariffs.pricing import SessionPeriod
from functions.tariffs.quotes import Stay

ZONE = "Europe/Amsterdam"
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
CURRENCIES = ("EUR", "HUF", "JPY", "KWD")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def component(dimension: str, price: float, vat: float | None = None, step: int = 1) -> dict[str, Any]:
    return {"type": dimension, "price": price, "step_size": step} | ({} if vat is None else {"vat": vat})


def tariff(*elements: Any, **more: Any) -> Tariff:
    """A tariff of elements: a component, or (components, restrictions)."""
    made = [
        {"price_components": [item]} if isinstance(item, dict) else {"price_components": item[0], "restrictions": item[1]}
        for item in elements
    ]
    return Tariff.model_validate({"id": "t", "currency": "EUR", "elements": made} | more)


def at(text: str, zone: str = ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def stay(minutes: float = 60, kwh: float = 10.0, power_kw: float = 22.0, start: datetime = START, **more: Any) -> Stay:
    """A period to be priced, at 22 kW from 10:00 in Amsterdam on a Monday."""
    values: dict[str, Any] = {
        "start": start,
        "end": start + timedelta(minutes=minutes),
        "power_kw": power_kw,
        "energy_kwh": kwh,
        "most_kwh": None,
        "kept": timedelta(minutes=15),
        "noshow_fee": True,
        "grace": timedelta(minutes=10),
    }
    return Stay(**values | more)


prices = st.integers(0, 200).map(lambda cents: cents / 100)
rates = st.sampled_from([None, 0, 5.2, 10, 21])
minutes_of_day = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
starts = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 30)),
    st.datetimes(datetime(2026, 3, 28, 20), datetime(2026, 3, 29, 6)),
    st.datetimes(datetime(2026, 10, 24, 20), datetime(2026, 10, 25, 6)),
).map(lambda when: when.replace(minute=when.minute // 15 * 15, second=0, microsecond=0, tzinfo=UTC))


@st.composite
def restrictions(draw: st.DrawFn) -> dict[str, Any]:
    """Restrictions of a session's element, of none, one or several kinds."""
    limits: dict[str, Any] = {}
    kinds = draw(st.sets(st.sampled_from(["time", "days", "kwh", "power", "current", "duration", "dates"]), max_size=2))
    if "time" in kinds:
        limits |= {"start_time": draw(minutes_of_day), "end_time": draw(minutes_of_day)}
    if "days" in kinds:
        limits["day_of_week"] = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True))
    if "dates" in kinds:
        limits["start_date"] = draw(st.sampled_from(["2026-01-01", "2026-03-29", "2026-07-01"]))
    for kind, most in (("kwh", 60), ("power", 50), ("current", 60), ("duration", 20_000)):
        if kind in kinds:
            low = draw(st.integers(0, most))
            ends = draw(st.sampled_from(["min", "max", "both"]))
            limits |= {} if ends == "max" else {f"min_{kind}": low}
            limits |= {} if ends == "min" else {f"max_{kind}": low + draw(st.integers(1, most))}
    return limits


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    """Any tariff: several elements with any restrictions, dimensions, steps, rates, bounds and currencies."""
    elements: list[Any] = []
    for _ in range(draw(st.integers(1, 5))):
        kinds = draw(st.sets(st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]), min_size=1))
        made = [
            component(kind, draw(prices), draw(rates), draw(st.sampled_from([0, 1, 60, 500, 900]))) for kind in sorted(kinds)
        ]
        elements.append((made, draw(restrictions())))
    for kind, spelling in (("BOOKING", "booking"), ("RESERVATION", "reservation"), ("BOOKING_OVERTIME", "booking")):
        if draw(st.integers(0, 3)) == 0:
            made = [component("FLAT", draw(prices), draw(rates)), component("TIME", draw(prices), draw(rates), 300)]
            elements.insert(draw(st.integers(0, len(elements))), (made, {spelling: kind}))
    more: dict[str, Any] = {"currency": draw(st.sampled_from(CURRENCIES))}
    least = draw(st.one_of(st.none(), prices))
    if least is not None:
        more["min_price"] = {"excl_vat": least} | draw(st.sampled_from([{}, {"incl_vat": least * 1.21}]))
    if draw(st.booleans()):
        most = (least or 0) + draw(prices) * 5
        more["max_price"] = {"before_taxes": most} | draw(st.sampled_from([{}, {"after_taxes": most * 1.1}]))
    more["tax_included"] = draw(st.sampled_from([None, "YES", "NO", "N/A"]))
    return tariff(*elements, **more)


@st.composite
def sessions_within(draw: st.DrawFn, bound: Stay) -> list[SessionPeriod]:
    """A session within a period: it begins and ends anywhere in it, charges and stands, and draws what power and bound let."""
    length = int((bound.end - bound.start).total_seconds())
    cuts = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=5)))
    left, found = bound.at_most_kwh, []
    for since, until in itertools.pairwise(cuts):
        begin, end = bound.start + timedelta(seconds=since), bound.start + timedelta(seconds=until)
        charging = draw(st.booleans())
        possible = min(left, bound.power_kw * (until - since) / 3600)
        drawn = possible * draw(st.sampled_from([0, 0.2, 0.9, 1])) if charging else 0.0
        drawn = int(drawn * 1_000_000) / 1_000_000
        left -= drawn
        amperes = draw(st.sampled_from([None, 10.0, 40.0]))
        found.append(SessionPeriod(begin, end, drawn, charging, amperes))
    return found
