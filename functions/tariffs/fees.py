"""What a booking costs beside its session: being kept, not used, cancelled late, or overstayed. Elements with a `booking` (or
OCPI 2.2.1 `reservation`) restriction; each obeys its own hours, dates, weekdays and durations."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from functions.tariffs.bills import Item, gross_of, rounded, scale_of
from functions.tariffs.domain import PriceComponent, Tariff, TariffRestrictions
from functions.tariffs.pricing import item_of
from functions.tariffs.restrictions import Dimension, Moment, Use, active, durations, priced_by, seconds, stretches


def kept_items(tariff: Tariff, *, time_zone: str, since: datetime, until: datetime) -> list[Item]:
    """What a booking costs that was used: FLAT once, and TIME while the EVSE was kept, [since, until)."""
    return list(_items(tariff, "BOOKING", time_zone, since, until, Use.BOOKING))


def overtime_items(tariff: Tariff, *, time_zone: str, since: datetime, until: datetime) -> list[Item]:
    """What BOOKING_OVERTIME elements charge for staying from `since`, the end of the grace, `until` the EVSE is free."""
    return [] if until <= since else list(_items(tariff, "BOOKING_OVERTIME", time_zone, since, until, Use.OVERTIME))


def no_show_fee(tariff: Tariff, *, time_zone: str, start: datetime, kept_until: datetime) -> int:
    """What a booking costs that was not used, minor units with VAT: for each dimension the EXPIRES element, else that of the
    booking itself (OCPI 2.2.1, ReservationRestrictionType). TIME is while the EVSE was kept."""
    return rounded(gross_of(no_show_items(tariff, time_zone=time_zone, start=start, kept_until=kept_until)))


def no_show_items(tariff: Tariff, *, time_zone: str, start: datetime, kept_until: datetime) -> list[Item]:
    """What `no_show_fee` is made of."""
    return list(_items(tariff, "BOOKING_EXPIRES", time_zone, start, kept_until, Use.EXPIRES, Use.BOOKING))


def cancellation_fee(tariff: Tariff, *, time_zone: str, start: datetime, end: datetime) -> int:
    """What a late cancel costs, minor units with VAT. TIME is the booked period; restrictions are looked at from its start."""
    return rounded(gross_of(cancellation_items(tariff, time_zone=time_zone, start=start, end=end)))


def cancellation_items(tariff: Tariff, *, time_zone: str, start: datetime, end: datetime) -> list[Item]:
    """What `cancellation_fee` is made of."""
    return list(_items(tariff, "BOOKING_CANCELLATION_FEES", time_zone, start, end, Use.CANCELLATION))


def _items(tariff: Tariff, name: str, time_zone: str, since: datetime, until: datetime, *uses: Use) -> Iterator[Item]:
    """FLAT as it counts at `since`, and TIME over [since, until) as it counts in each stretch, the whole rounded up to steps of
    the last; of the first use that counts then. Durations count from `since`."""
    zone = ZoneInfo(time_zone)

    def choice(kind: Dimension, at: Moment) -> PriceComponent | None:
        return next((component for use in uses if (component := active(tariff, kind, at, use)) is not None), None)

    def is_priced(kind: Dimension) -> bool:
        return any(priced_by(tariff, kind, use) for use in uses)

    flat = choice(Dimension.FLAT, Moment(since.astimezone(zone))) if is_priced(Dimension.FLAT) else None
    if flat is not None:
        yield _named(item_of(tariff, Dimension.FLAT, flat, Fraction(1), since, since), name)
    if not is_priced(Dimension.TIME):
        return
    timed: list[tuple[PriceComponent, datetime, datetime]] = []
    by_duration = (since + timedelta(seconds=limit) for limit in durations(tariff) if limit < seconds(until - since))
    for start, end in itertools.pairwise(sorted({*stretches(tariff, zone, since, until), *by_duration})):
        component = choice(Dimension.TIME, Moment(start.astimezone(zone), seconds(start - since)))
        if component is not None:
            timed.append((component, start, end))
    lengths = [seconds(end - start) for _, start, end in timed]
    if timed:
        step, whole = timed[-1][0].step_size, sum(lengths, Fraction(0))
        lengths[-1] += -(-whole // step) * step - whole
    for (component, start, end), length in zip(timed, lengths, strict=True):
        yield _named(item_of(tariff, Dimension.TIME, component, length / 3600, start, end), name)


def _named(item: Item, name: str) -> Item:
    unit = item.unit if item.dimension == Dimension.TIME else "booking"
    return Item(name, item.quantity, unit, item.unit_price, item.rate, item.gross, item.start, item.end)


def stated_fees(tariff: Tariff, *uses: Use) -> set[int]:
    """The amounts, minor units with VAT, that FLAT elements charge for the first of the uses that has any; 0 among them where
    hours, dates or weekdays may leave it free."""
    for use in uses:
        priced = priced_by(tariff, Dimension.FLAT, use)
        if priced:
            always = any(element.restrictions is not None and not _timed(element.restrictions) for element, _ in priced)
            amounts = {rounded(tariff.gross(component) * scale_of(tariff.currency)) for _, component in priced}
            return amounts if always else amounts | {0}
    return {0}


def _timed(limits: TariffRestrictions) -> bool:
    dates = (limits.start_time, limits.end_time, limits.start_date, limits.end_date)
    return bool(limits.day_of_week) or any(bound is not None for bound in dates)


def stated_rate(tariff: Tariff, dimension: Dimension, *uses: Use) -> Fraction:
    """The dearest rate, major units with VAT, of a dimension in the first of the uses that prices it; 0 where none does."""
    for use in uses:
        rates = [tariff.gross(component) for _, component in priced_by(tariff, dimension, use)]
        if rates:
            return max(rates)
    return Fraction(0)
