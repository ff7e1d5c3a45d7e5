"""What a booking will cost at most: the quote it freezes, and the one to look at before."""

import uuid
from datetime import datetime

from functions.booking import claims
from functions.booking.domain import check_period
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.tariffs.pricing import Quote
from functions.tariffs.quotes import quote
from shared.energy import session_energy, session_minutes
from shared.slots import SLOT, whole_slots
from shared.tx import Tx


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
) -> Quote:
    """The quote a booking of these wishes would freeze now. Nothing is held. Raises NotFound, Invalid."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    pool = claims.choose_pools(location, standard=standard, power_class=power_class)[0]
    minutes = duration_minutes or session_minutes(energy_kwh or 0.0, pool.power_kw, vehicle_kw)
    end = start + SLOT * whole_slots(minutes)
    slots = check_period(start, end)
    fitting = session_energy(len(slots) * 15, pool.power_kw, vehicle_kw)
    energy = fitting if energy_kwh is None else min(energy_kwh, fitting)
    return priced(tx, location, pool.tariff_id, start, end, energy)


def priced(tx: Tx, location: Location, tariff_id: uuid.UUID | None, start: datetime, end: datetime, energy_kwh: float) -> Quote:
    """The quote of `energy_kwh` at a location over [start, end) under a tariff. Without one it is free."""
    tariff = None if tariff_id is None else stations.get_tariff(tx=tx, tariff_id=tariff_id)
    return quote(
        tariff=tariff,
        currency=location.currency,
        time_zone=location.time_zone,
        start=start,
        end=end,
        energy_kwh=energy_kwh,
    )
