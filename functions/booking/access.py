"""How a driver gets to their EVSE: a code that nobody stores, or their plate, each where the frozen terms name it."""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.accounts import service as accounts
from functions.accounts.domain import normal_plate
from functions.booking import attendance, repository, repository_sessions
from functions.booking.charging import CONFIRM_WITHIN, Authorisation
from functions.booking.domain import Booking, ReservationStatus
from functions.booking.metering import allowed_until
from functions.booking.quotes import BATTERY_SHARE
from functions.booking.service import get_owned
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.feed import service as feed
from shared.errors import NotFound, WrongState
from shared.tx import Tx

TRIES = 5
"""Wrong codes at a booking's EVSE, after which only the app lets its driver in."""
ENTERED = (Authorisation.ACCESS_CODE, Authorisation.LICENSE_PLATE)
"""What a station may ask of us."""


@dataclass(frozen=True)
class Admission:
    """Whether who stands at an EVSE is let in."""

    allowed: bool
    booking_id: uuid.UUID | None = None
    allowed_until: datetime | None = None
    max_kwh: float | None = None
    """The most to be delivered: what its driver accepts, and what the quote was made for; None: nothing says."""


@dataclass(frozen=True)
class Access:
    """How a driver gets in, and when."""

    methods: tuple[str, ...]
    """OCPI AccessMethods of the frozen terms."""
    access_code: str | None
    """Six digits, where the terms name ACCESS_CODE."""
    valid_from: datetime
    valid_until: datetime


def code_of(key: str, booking_id: uuid.UUID) -> str:
    """The six digits of a booking: an HMAC of its id under the platform's key, so that no row has them."""
    digest = hmac.new(key.encode(), b"access code of booking " + booking_id.bytes, hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


def access_of(*, tx: Tx, booking_id: uuid.UUID) -> Access:
    """How the caller gets to their EVSE. Raises NotFound, WrongState before the EVSE is told and after the end."""
    booking = get_owned(tx=tx, booking_id=booking_id)
    if tx.actor.id != booking.user_id:
        raise NotFound(f"There is no booking {booking_id}.")
    waiting = booking.status is ReservationStatus.RESERVED and booking.revealed_at is not None
    if not (waiting or booking.charging()):
        raise WrongState(
            "How to get in is told with the EVSE, 30 minutes before the start, until the session ends.",
            reservation_status=booking.status.value,
        )
    methods = booking.terms.supported_access_methods
    code = code_of(tx.settings.signing_key, booking.id) if Authorisation.ACCESS_CODE in methods else None
    return Access(methods, code, attendance.opens_at(booking), booking.end)


def authorize(*, tx: Tx, evse_id: uuid.UUID, method: Authorisation, value: str) -> Admission:
    """Whether a station lets in who entered `value`, by its key. Who is let in has arrived: the session that begins next is
    theirs.

    A wrong code counts against every booking that may start there now, and after five of them no code is good. Plates that a
    camera reads count for nothing: cars pass. Raises Unauthenticated, NotFound.
    """
    location_id = feed.heard_from(tx=tx, evse_id=evse_id, instants=[])
    location = stations.lock_location(tx=tx, location_id=location_id)
    asked = [booking for booking in _who_may_come(tx, location, evse_id) if method in booking.terms.supported_access_methods]
    guessing = method is Authorisation.ACCESS_CODE
    if guessing:
        asked = [booking for booking in asked if booking.access_tries < TRIES]
    for booking in asked:
        if _is_theirs(tx, booking, method, value):
            return _let_in(tx, location, booking, method)
    for booking in asked if guessing else ():
        repository.update(tx, booking.id, access_tries=booking.access_tries + 1)
    return Admission(False)


def _who_may_come(tx: Tx, location: Location, evse_id: uuid.UUID) -> Iterator[Booking]:
    """Who charges there, and whose booking there may start now; locked."""
    running = repository_sessions.running_on(tx, evse_id)
    ids = [] if running is None or running.booking_id is None else [running.booking_id]
    ids += repository_sessions.on_evse(tx, location.id, evse_id, since=tx.now, until=tx.now + timedelta(hours=1))
    for booking in repository.by_ids(tx, ids).values():
        if booking.charging() or (booking.status is ReservationStatus.RESERVED and tx.now >= attendance.opens_at(booking)):
            yield booking


def _is_theirs(tx: Tx, booking: Booking, method: Authorisation, value: str) -> bool:
    if method is Authorisation.ACCESS_CODE:
        codes = [code_of(key, booking.id) for key in tx.settings.verification_keys]
        return value.isascii() and any(hmac.compare_digest(code, value) for code in codes)
    if booking.vehicle_id is None:
        return False
    try:
        vehicle = accounts.get_vehicle(tx=tx, user_id=booking.user_id, vehicle_id=booking.vehicle_id)
    except NotFound:
        return False
    plate = normal_plate(vehicle.plate)
    return plate is not None and plate == normal_plate(value)


def _let_in(tx: Tx, location: Location, booking: Booking, method: Authorisation) -> Admission:
    if booking.status is ReservationStatus.RESERVED:
        running = repository_sessions.running_on(tx, booking.evse_id)
        free = attendance.may_be_theirs(running, booking) if running else attendance.claim_until_start(tx, location, booking)
        if not free:
            return Admission(False, booking.id)
        if booking.arrived_at is None or tx.now - booking.arrived_at >= CONFIRM_WITHIN:
            booking = attendance.arrive(tx=tx, location=location, booking=booking, by=method)
    until = allowed_until(tx, booking.evse_id, booking, booking.started_at or tx.now)
    return Admission(True, booking.id, until, _most_kwh(booking))


def _most_kwh(booking: Booking) -> float | None:
    """What bounds the energy of a booking: the driver's limit, and what the battery takes."""
    battery = None if booking.battery_kwh is None else BATTERY_SHARE * booking.battery_kwh
    return min((bound for bound in (booking.energy_limit_kwh, battery) if bound is not None), default=None)
