"""A driver's limits on MariaDB under concurrency: one vehicle in one place at a time, and no more open bookings than allowed,
also at different locations at the same instant and for requests that the queue decides."""

import itertools
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from devhost.stack.mariadb import Mariadb
from functions.booking import cancellations, moves
from functions.booking import service as booking
from functions.booking.domain import Booking, ReservationRequest
from functions.booking.tables import booking as booking_table
from functions.optimizer import service as optimizer
from functions.optimizer.tables import charge_request
from functions.stations.domain import BookingTerms
from shared.errors import Conflict, LimitReached
from shared.outbox import outbox_message
from shared.tx import Tx
from tests.support.world import TYPE2, Person, World

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def mariadb_settings() -> dict[str, Any]:
    return {"database_pool_size": 20, "open_bookings_per_driver": 3, "pending_bookings_per_driver": 2}


@pytest.fixture
def world(mariadb_world: World) -> World:
    """The API on MariaDB."""
    return mariadb_world


def places(world: World, count: int, **terms: int) -> list[uuid.UUID]:
    location_ids = [
        world.location(name=f"Place {number}", latitude=52.05 + number / 100, evses=4, terms=BookingTerms(**terms))
        for number in range(count)
    ]
    return [uuid.UUID(location_id) for location_id in location_ids]


def car_of(driver: Person, **more: str) -> uuid.UUID:
    body = {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]} | more
    return uuid.UUID(driver.post("/accounts/me/vehicles", body).json()["id"])


def reserve(
    driver: Person,
    place: uuid.UUID,
    car: uuid.UUID | None,
    start: datetime = TEN,
    minutes: int = 60,
    hold_until: datetime | None = None,
) -> Callable[[Tx], Booking]:
    request = ReservationRequest(
        driver.id, place, TYPE2, start, duration_minutes=minutes, vehicle_id=car, hold_until=hold_until
    )
    return lambda tx: booking.reserve_slot(tx=tx, request=request)


def overlaps(world: World) -> list[tuple[Any, Any]]:
    """Pairs of standing bookings of one vehicle that overlap."""
    table = booking_table
    statement = sa.select(table).where(table.c.status.in_(["RESERVED", "PENDING"]), table.c.vehicle_id.is_not(None))
    rows = world.platform.read(lambda tx: tx.execute(statement.order_by(table.c.vehicle_id, table.c.start)).all())
    return [(a, b) for a, b in itertools.pairwise(rows) if a.vehicle_id == b.vehicle_id and b.start < a.end]


def somebody_waits_for_a_lock(mariadb: Mariadb) -> bool:
    with mariadb._connect() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        (waiting,) = cursor.fetchone() or (0,)
        return bool(waiting)


def test_a_second_place_waits_for_the_first_and_is_refused(world: World, mariadb: Mariadb) -> None:
    """The interleaving in which each would see the state without the other: both have looked, neither has committed."""
    driver, (here, there) = world.user(), places(world, 2)
    car = car_of(driver)
    reserved, go_on = threading.Event(), threading.Event()

    def first(tx: Tx) -> Booking:
        booked = reserve(driver, here, car)(tx)
        reserved.set()
        assert go_on.wait(20)
        return booked

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(world.platform.transact, first)
        assert reserved.wait(20)
        two = pool.submit(world.platform.transact, reserve(driver, there, car, TEN + timedelta(minutes=30)))
        pause = threading.Event()
        for _ in range(200):  # innodb_trx is refreshed ten times a second at most
            if somebody_waits_for_a_lock(mariadb) or two.done():
                break
            pause.wait(0.02)
        assert not two.done(), f"it did not wait: {two.exception() or two.result()}"
        go_on.set()
        assert one.result().vehicle_id == car
        error = two.exception()
    assert isinstance(error, LimitReached), error
    assert error.details["limit"] == "one_vehicle_one_place"
    assert overlaps(world) == []


def test_at_many_places_at_once_as_many_win_as_are_allowed(world: World) -> None:
    driver, location_ids = world.user(), places(world, 8)
    meet = threading.Barrier(8)

    def attempt(numbered: tuple[int, uuid.UUID]) -> str:
        number, place = numbered
        meet.wait(20)
        try:
            world.platform.transact(reserve(driver, place, None, TEN + timedelta(hours=number)))
        except LimitReached as error:
            return str(error.details["scope"])
        return "won"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, enumerate(location_ids)))
    assert outcomes == ["platform"] * 5 + ["won"] * 3


def at_once(world: World, attempts: list[Callable[[Tx], Booking]]) -> list[str]:
    """What becomes of reservations made at one instant, in order: `won`, or the limit that refused."""
    meet = threading.Barrier(len(attempts))

    def attempt(reservation: Callable[[Tx], Booking]) -> str:
        meet.wait(20)
        try:
            world.platform.transact(reservation)
        except LimitReached as error:
            return str(error.details["limit"])
        return "won"

    with ThreadPoolExecutor(len(attempts)) as pool:
        return sorted(pool.map(attempt, attempts))


def test_the_unnamed_car_is_in_one_place_at_once(world: World) -> None:
    driver = world.user()
    outcomes = at_once(world, [reserve(driver, place, None) for place in places(world, 6)])
    assert outcomes == ["one_vehicle_one_place"] * 5 + ["won"]


def test_vehicles_of_one_plate_are_in_one_place_at_once(world: World) -> None:
    driver = world.user()
    cars = [car_of(driver, plate=plate) for plate in ("AB-12", "ab12", "ab 12", "Ab.12")]
    outcomes = at_once(world, [reserve(driver, place, car) for place, car in zip(places(world, 4), cars, strict=True)])
    assert outcomes == ["one_vehicle_one_place"] * 3 + ["won"]


def test_no_more_offers_are_held_at_once_than_allowed(world: World) -> None:
    driver, location_ids = world.user(), places(world, 6)
    attempts = [
        reserve(driver, place, None, TEN + timedelta(hours=number), hold_until=TEN - timedelta(hours=1))
        for number, place in enumerate(location_ids)
    ]
    assert at_once(world, attempts) == ["pending_bookings_per_driver"] * 4 + ["won"] * 2


def test_reserves_moves_and_cancels_at_random_never_put_a_vehicle_in_two_places(world: World) -> None:
    driver, location_ids = world.user(), places(world, 4, cancel_until_minutes=0, change_until_minutes=0)
    cars = [car_of(driver), car_of(driver)]

    def run(seed: int) -> int:
        dice, won = random.Random(seed), 0
        for _ in range(25):
            start = TEN + timedelta(minutes=15 * dice.randrange(12))
            standing = sa.select(booking_table.c.id).where(booking_table.c.status == "RESERVED")
            mine = list(world.platform.read(lambda tx, wanted=standing: list(tx.execute(wanted).scalars())))
            try:
                if mine and dice.random() < 0.35:
                    booking_id = dice.choice(mine)
                    world.platform.transact(
                        lambda tx, booking_id=booking_id, at=start: moves.reschedule_booking(
                            tx=tx, booking_id=booking_id, start=at
                        )
                    )
                elif mine and dice.random() < 0.4:
                    booking_id = dice.choice(mine)
                    world.platform.transact(
                        lambda tx, booking_id=booking_id: cancellations.cancel_booking(tx=tx, booking_id=booking_id)
                    )
                else:
                    minutes = dice.choice((15, 30, 60))
                    world.platform.transact(reserve(driver, dice.choice(location_ids), dice.choice(cars), start, minutes))
                won += 1
            except Conflict:
                continue
        return won

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(run, range(8))) > 20
    assert overlaps(world) == []
    count = sa.select(sa.func.count()).select_from(booking_table).where(booking_table.c.status == "RESERVED")
    assert world.scalar(count) <= 3


def test_requests_of_one_vehicle_that_are_decided_at_once_do_not_overlap(world: World) -> None:
    driver = world.user()
    places(world, 3)
    car = car_of(driver)
    body = {"vehicle_id": str(car), "soc": 0.6, "energy_kwh": 12, "origin": {"lat": 52.06, "lon": 5.12}}
    ids = [uuid.UUID(driver.post("/optimizer/charge-requests", body).json()["id"]) for _ in range(3)]
    queued = sa.select(outbox_message.c.id).where(outbox_message.c.type == "charge_requested")
    messages = list(world.platform.read(lambda tx: list(tx.execute(queued).scalars())))
    assert len(messages) == 3
    meet = threading.Barrier(3)

    def decide(number: int) -> None:
        meet.wait(20)
        optimizer.optimize(
            world.platform, consumer="optimize_charge_request", message_id=str(messages[number]), request_id=ids[number]
        )

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(decide, range(3)))
    statuses = sa.select(charge_request.c.status)
    outcomes = list(world.platform.read(lambda tx: list(tx.execute(statuses).scalars())))
    assert "RESERVED" in outcomes
    assert set(outcomes) <= {"RESERVED", "UNSATISFIABLE"}
    assert overlaps(world) == []
