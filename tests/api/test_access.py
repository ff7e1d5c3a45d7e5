"""How a driver gets in: a code that no row has, or a plate, each where the terms name it."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.migrate import load_tables
from functions.booking.access import TRIES, code_of
from functions.booking.sweeps import assign_evses
from functions.booking.tables import booking as booking_table
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.db import new_id
from tests.support.stations_feed import Station, instant
from tests.support.world import TYPE2, Person, World

REVISION = sa.select(booking_table.c.revision)


def at(clock: ManualClock, time: str) -> None:
    clock.jump(datetime.fromisoformat(instant(time)))


def place(world: World, *methods: str, **terms: Any) -> Station:
    station = Station.at(world, evses=1, terms=BookingTerms(supported_access_methods=methods, **terms))
    station.report("E0", "AVAILABLE", "08:00")
    return station


def book(station: Station, **more: Any) -> tuple[Person, str]:
    driver = more.pop("driver", None) or station.world.user()
    made = driver.book(station.location, "10:00", **more)
    assert made.status_code == 201, made.text
    return driver, f"/booking/bookings/{made.json()['id']}"


def enter(station: Station, value: str, method: str = "ACCESS_CODE") -> dict[str, Any]:
    path = f"/stations/evses/{station.evses['E0']}/authorize"
    answer = station.call("POST", path, {"method": method, "value": value})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def wrong(code: str, count: int) -> list[str]:
    return [f"{(int(code) + step) % 1_000_000:06d}" for step in range(1, count + 1)]


def test_a_code_is_told_with_the_evse_and_lets_its_driver_in(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE")
    driver, path = book(station)
    early = driver.get(f"{path}/access")
    assert (early.status_code, early.json()["code"]) == (409, "WRONG_STATE")
    at(clock, "09:30")
    assign_evses(world.platform)
    code = driver.get(f"{path}/access").json()["access_code"]
    assert len(code) == 6
    assert code.isdecimal()
    assert enter(station, code)["allowed"] is False, "before the terms let it start"
    at(clock, "09:55")
    station.heartbeat()
    let_in = enter(station, code)
    assert (let_in["allowed"], f"/booking/bookings/{let_in['booking_id']}") == (True, path)
    assert let_in["allowed_until"] == "2026-03-02T11:00:00Z"
    body = {"status": "ACTIVE", "start_date_time": instant("09:55"), "kwh": 0, "last_updated": instant("09:55")}
    began = station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", body).json()
    assert began["booking_id"] == let_in["booking_id"], "who was let in has arrived"
    assert driver.get(path).json()["reservation_status"] == "FULFILLED"


def test_five_wrong_codes_close_the_way_by_code_and_the_app_stays_open(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE")
    driver, path = book(station)
    at(clock, "10:00")
    station.heartbeat()
    assign_evses(world.platform)
    code = driver.get(f"{path}/access").json()["access_code"]
    assert not any(enter(station, value)["allowed"] for value in wrong(code, TRIES))
    assert enter(station, code)["allowed"] is False
    assert driver.post(f"{path}/start").status_code == 200


def test_a_right_code_after_four_wrong_ones_is_good(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE")
    driver, path = book(station)
    at(clock, "10:00")
    assign_evses(world.platform)
    code = driver.get(f"{path}/access").json()["access_code"]
    assert not any(enter(station, value)["allowed"] for value in wrong(code, TRIES - 1))
    assert enter(station, code)["allowed"] is True


@pytest.mark.parametrize(("methods", "allowed"), [(("LICENSE_PLATE",), True), (("OPEN", "ACCESS_CODE"), False)])
def test_a_plate_counts_only_where_the_terms_name_it(
    world: World, clock: ManualClock, methods: tuple[str, ...], allowed: bool
) -> None:
    station, driver = place(world, *methods), world.user()
    car = {"battery_kwh": 52, "max_power_kw": 22, "standards": [TYPE2], "plate": "AB-12-CD"}
    vehicle_id = driver.post("/accounts/me/vehicles", car).json()["id"]
    book(station, driver=driver, vehicle_id=vehicle_id)
    at(clock, "10:00")
    assert enter(station, "AB-12-CE", "LICENSE_PLATE")["allowed"] is False
    assert enter(station, "ab 12 cd", "LICENSE_PLATE")["allowed"] is allowed


def test_cars_that_pass_a_camera_close_no_way(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE", "LICENSE_PLATE")
    driver, path = book(station)
    at(clock, "10:00")
    assign_evses(world.platform)
    code, revision = driver.get(f"{path}/access").json()["access_code"], world.scalar(REVISION)
    assert not any(enter(station, f"XX{number}", "LICENSE_PLATE")["allowed"] for number in range(TRIES))
    assert enter(station, wrong(code, 1)[0])["allowed"] is False
    assert world.scalar(REVISION) == revision, "a try is nothing that its driver sees"
    assert enter(station, code)["allowed"] is True


def test_who_is_moved_in_time_has_not_come_and_has_all_their_tries(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE", change_until_minutes=0)
    driver, path = book(station)
    at(clock, "09:55")
    station.heartbeat()
    assign_evses(world.platform)
    code = driver.get(f"{path}/access").json()["access_code"]
    assert not any(enter(station, value)["allowed"] for value in wrong(code, TRIES))
    assert driver.post(f"{path}/start").json()["arrived_at"] == "2026-03-02T09:55:00Z"
    moved = driver.post(f"{path}/reschedule", {"start": "2026-03-02T12:00:00Z"})
    assert moved.status_code == 200, moved.text
    assert moved.json()["arrived_at"] is None
    at(clock, "12:00")
    station.heartbeat()
    assert enter(station, code)["allowed"] is True


def test_who_plugged_in_first_is_let_in(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE")
    driver, path = book(station)
    at(clock, "10:02")
    station.heartbeat()
    assign_evses(world.platform)
    code = driver.get(f"{path}/access").json()["access_code"]
    body = {"status": "ACTIVE", "start_date_time": instant("10:01"), "kwh": 0, "last_updated": instant("10:02")}
    assert station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", body).json()["booking_id"] is None
    assert enter(station, code)["allowed"] is True
    assert driver.get(path).json()["reservation_status"] == "FULFILLED"


def test_a_code_is_not_shown_where_the_terms_have_none_nor_to_anybody_else(world: World, clock: ManualClock) -> None:
    station = place(world, "OPEN")
    driver, path = book(station)
    at(clock, "10:00")
    assign_evses(world.platform)
    assert driver.get(f"{path}/access").json()["access_code"] is None
    for other in (world.user(), world.user("admin"), station.owner):
        assert other.get(f"{path}/access").status_code == 404


def test_no_row_has_the_code(world: World, clock: ManualClock) -> None:
    station = place(world, "ACCESS_CODE")
    driver, path = book(station)
    at(clock, "10:00")
    assign_evses(world.platform)
    world.drain()
    code = driver.get(f"{path}/access").json()["access_code"]
    driver.post(f"{path}/start", key="once")
    enter(station, code)
    with world.platform.database.reading() as conn:
        rows = [str(tuple(row)) for table in load_tables().sorted_tables for row in conn.execute(sa.select(table))]
    assert not [row for row in rows if f"'{code}'" in row or f'"{code}"' in row]


def test_codes_differ_by_booking_and_by_key() -> None:
    first, second = new_id(), new_id()
    codes = {code_of("a" * 32, first), code_of("a" * 32, second), code_of("b" * 32, first)}
    assert len(codes) == 3
