"""What a booking is expected to cost and costs at most: the quote it freezes, and the one to look at before."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.booking import claims
from functions.booking.domain import Booking, check_energy_limit, check_period, end_of, minutes_for
from functions.stations import prices
from functions.stations import service as stations
from functions.stations.domain import BookingTerms, Location, Pool
from functions.tariffs.quotes import Quote, Stay, quote
from shared.energy import session_energy
from shared.tx import Tx

BATTERY_SHARE = 1.1
"""What a battery may take at most, by what it is said to hold: figures are round, and charging loses some."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class EnergyWish:
    """What somebody wants of a pool, as far as its price depends on it. Powers kW, energies kWh."""

    power_kw: float
    """Of the pool."""
    power_class: str
    """Of the pool."""
    vehicle_kw: float | None = None
    need_kwh: float | None = None
    """What is asked for; None: what fits into the period."""
    battery_kwh: float | None = None
    energy_limit_kwh: float | None = None
    """The most the driver accepts."""

    def stay(self, start: datetime, end: datetime, terms: BookingTerms) -> Stay:
        """The period as it is priced."""
        fitting = session_energy((end - start) / MINUTE, self.power_kw, self.vehicle_kw)
        battery = None if self.battery_kwh is None else BATTERY_SHARE * self.battery_kwh
        return Stay(
            start=start,
            end=end,
            power_kw=min(self.power_kw, self.vehicle_kw or self.power_kw),
            energy_kwh=fitting if self.need_kwh is None else min(self.need_kwh, fitting),
            most_kwh=min((bound for bound in (battery, self.energy_limit_kwh) if bound is not None), default=None),
            kept=timedelta(minutes=terms.noshow_timeout_minutes),
            noshow_fee=terms.noshow_fee,
            grace=timedelta(minutes=terms.idle_grace_minutes),
        )


def quote_for(
    *,
    tx: Tx,
    location_id: uuid.UUID,
    standard: str,
    start: datetime,
    duration_minutes: float | None,
    energy_kwh: float | None,
    power_class: str | None = None,
    vehicle_kw: float | None = None,
    battery_kwh: float | None = None,
    energy_limit_kwh: float | None = None,
) -> Quote:
    """The quote a booking of these wishes would freeze now in the first of the pools whose price is known. Nothing is held.
    Raises NotFound, Invalid, PriceNotKnown."""
    check_energy_limit(energy_limit_kwh, energy_kwh)
    location = stations.get_visible(tx=tx, location_id=location_id)
    pools = claims.choose_pools(location, standard=standard, power_class=power_class)
    pool = next((item for item in pools if stations.has_price(tx=tx, pool=item, at=start)), pools[0])
    minutes = duration_minutes or minutes_for(
        energy_kwh or 0.0, location.booking_terms, power_kw=pool.power_kw, vehicle_kw=vehicle_kw
    )
    end = end_of(start, minutes)
    check_period(start, end)
    tariff_id = stations.tariff_at(tx=tx, pool=pool, at=start)
    wish = EnergyWish(pool.power_kw, pool.power_class, vehicle_kw, energy_kwh, battery_kwh, energy_limit_kwh)
    return priced(tx, location, tariff_id, start, end, wish, location.booking_terms)


def priced(
    tx: Tx,
    location: Location,
    tariff_id: uuid.UUID | None,
    start: datetime,
    end: datetime,
    wish: EnergyWish,
    terms: BookingTerms,
) -> Quote:
    """The quote of a wish at a location over [start, end) under a tariff, at the factors that its price rule has now. Without a
    tariff it is free. Its fees are what is charged:
    never above FEE_CAP_PERCENT of it, unless an administrator allowed more there."""
    price = quote(
        tariff=None if tariff_id is None else stations.get_tariff(tx=tx, tariff_id=tariff_id),
        currency=location.currency,
        time_zone=location.time_zone,
        stay=wish.stay(start, end, terms),
        steps=prices.steps_at(tx=tx, location=location, power_class=wish.power_class, start=start, end=end),
    )
    if price.fees is None or terms.fees_above_quote:
        return price
    cap = fee_cap(price, tx.settings.fee_cap_percent)
    capped = {name: min(cap, getattr(price.fees, name)) for name in ("late_cancel_minor", "no_show_minor")}
    return price.model_copy(update={"fees": price.fees.model_copy(update=capped)})


def fee_cap(made: Quote, percent: int) -> int:
    """The most that a late cancel or a no-show of a booking at this quote costs, minor units."""
    return made.total_minor * percent // 100


def wish_of(booking: Booking, energy_limit_kwh: float | None = None) -> EnergyWish:
    """What a booking was asked for, to price it over another period. Raises Invalid for a new limit below its need."""
    check_energy_limit(energy_limit_kwh, booking.need_kwh)
    need, bounds = booking.need_kwh, (booking.battery_kwh, booking.energy_limit_kwh)
    if need is None and bounds == (None, None):
        # Of before needs were kept: less than fits was asked for.
        fitting = session_energy((booking.end - booking.start) / MINUTE, booking.power_kw, booking.vehicle_kw)
        need = booking.energy_kwh if booking.energy_kwh < round(fitting, 3) else None
    limit = booking.energy_limit_kwh if energy_limit_kwh is None else energy_limit_kwh
    return EnergyWish(booking.power_kw, booking.power_class, booking.vehicle_kw, need, booking.battery_kwh, limit)


def tariff_for(tx: Tx, booking: Booking, pool: Pool, start: datetime) -> uuid.UUID | None:
    """The tariff of a booking that moves: its frozen one while its dates allow, else what stands on the pool then."""
    if booking.tariff_id is None or stations.get_tariff(tx=tx, tariff_id=booking.tariff_id).in_force(start):
        return booking.tariff_id
    return stations.tariff_at(tx=tx, pool=pool, at=start)
