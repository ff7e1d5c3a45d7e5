"""Sessions of the past, priced as if another tariff had stood there: for their owners to look at, never billed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.booking import repository, repository_sessions
from functions.booking.charging import ChargingSession
from functions.booking.domain import Booking, SessionSettlement
from functions.booking.quotes import wish_of
from functions.booking.settlement import MeteredSession, settle_by
from functions.stations.domain import Location
from functions.tariffs.domain import Tariff
from functions.tariffs.price_steps import PriceSteps
from functions.tariffs.quotes import quote
from shared.tx import Tx


@dataclass(frozen=True)
class RepricedSession:
    """What a session brought, and would have brought; minor units of the location's currency."""

    standard: str
    power_class: str
    kwh: float
    """Metered, or what was expected."""
    old_minor: int
    new_minor: int | None
    """None: the other tariffs have no price for it."""


def reprice(
    *,
    tx: Tx,
    location: Location,
    since: datetime,
    until: datetime,
    tariff_of: Callable[[Booking], Tariff | None],
    limit: int,
) -> list[RepricedSession]:
    """The sessions of bookings at a location that began in [since, until), the newest first, under the tariffs that
    `tariff_of` names (None: no price)."""
    bookings = repository.settled_at(tx, location.id, since=since, until=until, limit=limit)
    sessions = {session.booking_id: session for session in repository_sessions.sessions_of(tx, [item.id for item in bookings])}
    return [
        _repriced(location, booking, sessions.get(booking.id), booking.settlement, tariff_of(booking))
        for booking in bookings
        if isinstance(booking.settlement, SessionSettlement)
    ]


def _repriced(
    location: Location, booking: Booking, session: ChargingSession | None, billed: SessionSettlement, tariff: Tariff | None
) -> RepricedSession:
    new_minor = None
    if tariff is not None:
        stay = wish_of(booking).stay(booking.start, booking.end, booking.terms)
        steps = PriceSteps.frozen(booking.quote.price_steps)  # at the factors of then, as what they brought was
        quoted = quote(tariff=tariff, currency=location.currency, time_zone=location.time_zone, stay=stay, steps=steps)
        settled = settle_by(tariff, location=location, booking=booking, quoted=quoted, session=_as_metered(booking, session))
        new_minor = settled.total_minor
    kwh = booking.energy_kwh if booking.session_energy_kwh is None else booking.session_energy_kwh
    return RepricedSession(booking.standard, booking.power_class, kwh, billed.total_minor, new_minor)


def _as_metered(booking: Booking, session: ChargingSession | None) -> MeteredSession:
    began = booking.started_at or booking.start
    ended = max(booking.stopped_at or booking.end, began + timedelta(seconds=1))
    charging_until = None if session is None else session.charging_until
    return MeteredSession(began if session is None else session.started_at, ended, charging_until, booking.session_energy_kwh)
