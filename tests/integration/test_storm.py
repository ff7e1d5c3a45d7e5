"""A whole site fails: 40 EVSEs with 300 bookings are settled in order of start, each booking once. On SQLite; a smaller one on
MariaDB."""

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.domain import ReservationRequest
from functions.booking.service import reserve_slot
from functions.booking.tables import booking, slot_claim
from functions.relocation import service as relocation
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.tx import Tx
from tests.support.stations_feed import Station, instant
from tests.support.world import TYPE2, World

MANY = BookingTerms(open_bookings_per_driver=100)
AT_RISK = sa.select(sa.func.count()).where(booking.c.status == "RESERVED", booking.c.assurance == "AT_RISK")
STANDING = sa.select(sa.func.count()).where(booking.c.status == "RESERVED")
HOLDERS = sa.select(sa.func.count(slot_claim.c.booking_id.distinct()))
MOVED = (
    sa.select(booking.c.start, booking.c.rebooked_to).where(booking.c.rebooked_to.is_not(None)).order_by(booking.c.rebooked_to)
)
"""In the order in which they moved: ids rise in time."""


def _reserve(tx: Tx, *, request: ReservationRequest) -> None:
    reserve_slot(tx=tx, request=request)


def fails(world: World, clock: ManualClock, *, evses: int, bookings: int, elsewhere: int) -> None:
    """A site with bookings of an hour from ten o'clock on, all of whose EVSEs fail; four places nearby have fewer."""
    station = Station.at(world, evses=evses, terms=MANY)
    for number in range(4):
        world.location(evses=elsewhere // 4, name=f"Near {number}", latitude=52.095 + number / 1000, terms=MANY)
    ten = clock.now().replace(hour=10)
    drivers = [world.user().id for _ in range(evses)]
    for number in range(bookings):
        request = ReservationRequest(
            user_id=drivers[number % evses],
            location_id=uuid.UUID(station.location),
            standard=TYPE2,
            start=ten + timedelta(hours=number // evses),
            duration_minutes=60,
            energy_kwh=10.0,
        )
        world.platform.transact(partial(_reserve, request=request))
    reports = [{"uid": uid, "status": "OUTOFORDER", "last_updated": instant(clock.now())} for uid in station.evses]
    assert station.batch(*reports).status_code == 200
    world.drain()
    assert world.scalar(AT_RISK) == bookings
    clock.advance(timedelta(minutes=2))


@pytest.mark.parametrize(
    ("database", "evses", "bookings", "elsewhere", "at_least"),
    [pytest.param("sqlite", 40, 300, 12, 80, marks=pytest.mark.slow), ("mariadb", 4, 12, 4, 8)],
)
def test_a_site_that_fails_is_settled_in_order_of_start_and_each_booking_once(
    request: pytest.FixtureRequest, database: str, evses: int, bookings: int, elsewhere: int, at_least: int
) -> None:
    world: World = request.getfixturevalue("world" if database == "sqlite" else "mariadb_world")
    clock: Any = world.platform.clock
    fails(world, clock, evses=evses, bookings=bookings, elsewhere=elsewhere)
    moved = relocation.relocate_bookings(world.platform)
    moves = world.platform.read(lambda tx: list(tx.execute(MOVED)))
    assert len(moves) == len({row.rebooked_to for row in moves}) == moved >= at_least
    assert [row.start for row in moves] == sorted(row.start for row in moves)
    assert world.scalar(AT_RISK) == bookings - moved
    assert world.scalar(STANDING) == world.scalar(HOLDERS) == bookings, "nobody has two places, nobody lost theirs"
