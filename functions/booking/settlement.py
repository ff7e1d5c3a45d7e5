"""What a session of a booking costs in the end: priced by the frozen tariff from what the station measured."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.booking.domain import Booking, SessionSettlement
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.tariffs.bills import Price
from functions.tariffs.domain import Tariff
from functions.tariffs.price_steps import PriceSteps
from functions.tariffs.quotes import Quote
from functions.tariffs.settling import Delivered, settle_session, unmetered_price
from shared.tx import Tx

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(frozen=True)
class MeteredSession:
    """A session as its station told it. Instants are UTC."""

    started_at: datetime
    ended_at: datetime
    """When the EVSE was free again."""
    charging_until: datetime | None
    """When the vehicle asked for no more power: parking time counts from then on, after the grace of the terms; None: it
    charged until it left."""
    kwh: float | None
    """What was delivered; None: nobody measured it (UNMETERED)."""


def settle(*, tx: Tx, location: Location, booking: Booking, session: MeteredSession) -> SessionSettlement:
    """The bill of a session: the frozen tariff's price for what really happened.

    Until the booked end and the grace of the terms it is never above the quote's total, nor above the cap of a booking that
    came in another's place; what is used after that goes on by the tariff, with its BOOKING_OVERTIME. A session that nobody
    measured costs what the quote expected.
    """
    if booking.tariff_id is None:
        minutes = (session.ended_at - session.started_at) / MINUTE
        return _unbounded(Price.free(currency=booking.quote.currency, energy_kwh=session.kwh or 0.0, minutes=minutes))
    tariff = stations.get_tariff(tx=tx, tariff_id=booking.tariff_id)
    return settle_by(tariff, location=location, booking=booking, quoted=booking.quote, session=session)


def settle_by(
    tariff: Tariff, *, location: Location, booking: Booking, quoted: Quote, session: MeteredSession
) -> SessionSettlement:
    """The bill of a session under a tariff, within a quote that was made by it."""
    most_minor = quoted.total_minor if booking.price_cap_minor is None else min(quoted.total_minor, booking.price_cap_minor)
    steps = PriceSteps.frozen(quoted.price_steps)
    if session.kwh is None:
        return _unbounded(
            unmetered_price(
                tariff,
                time_zone=location.time_zone,
                start=booking.start,
                end=booking.end,
                energy_kwh=quoted.energy_kwh,
                expected_minor=min(quoted.expected_minor, most_minor),
                steps=steps,
            )
        )
    grace = timedelta(minutes=booking.terms.idle_grace_minutes)
    settled = settle_session(
        tariff,
        time_zone=location.time_zone,
        session=_delivered(session, session.kwh, grace),
        start=booking.start,
        limit=booking.end + grace,
        at_most_minor=most_minor,
        steps=steps,
    )
    bounds = {"uncapped_minor": settled.uncapped_minor, "overtime_minor": settled.overtime_minor}
    return SessionSettlement(**dict(settled.price), **bounds)


def _unbounded(price: Price) -> SessionSettlement:
    return SessionSettlement(**dict(price), uncapped_minor=price.total_minor)


def _delivered(session: MeteredSession, kwh: float, grace: timedelta) -> Delivered:
    """The session in order, whatever the clocks of its station said: it takes a second at least, and energy some time."""
    ended_at = max(session.ended_at, session.started_at + SECOND)
    if session.charging_until is None:
        return Delivered(session.started_at, ended_at, None, ended_at, kwh)
    charged_until = min(max(session.charging_until, session.started_at + SECOND), ended_at)
    return Delivered(session.started_at, charged_until, charged_until + grace, ended_at, kwh)
