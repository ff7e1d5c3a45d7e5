"""Sessions are metered by their station alone; what a driver says is a wish, and what they read is not priced."""

from datetime import datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from functions.booking import privacy
from functions.booking.overstay import watch_sessions
from functions.booking.sweeps import sweep_no_shows
from functions.booking.tables import booking as booking_table
from functions.booking.tables import charging_session, meter_value, slot_claim
from functions.stations.feed.silence import mark_stale_feeds
from shared.clock import ManualClock
from tests.support.stations_feed import Station, instant
from tests.support.world import Person, World

CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)


@pytest.fixture
def station(world: World) -> Station:
    """A place of one EVSE whose feed lives and says that it is free."""
    station = Station.at(world, evses=1)
    heard(station, "AVAILABLE", "08:00")
    return station


def at(clock: ManualClock, time: str) -> None:
    clock.jump(datetime.fromisoformat(instant(time)))


def heard(station: Station, status: str, time: str) -> None:
    assert station.report("E0", status, time).status_code == 200


def meter(station: Station, time: str, kwh: float, *, ref: str = "4711", start: str = "10:00", **more: Any) -> httpx.Response:
    """What the station reports of a session as of `time`."""
    body = {
        "status": "ACTIVE",
        "start_date_time": instant(start),
        "kwh": kwh,
        "last_updated": instant(time),
    } | more
    return station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/{ref}", body)


def taken(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def booked(station: Station, start: str = "10:00", **more: Any) -> tuple[Person, str]:
    driver = station.world.user()
    made = driver.book(station.location, start, **more)
    assert made.status_code == 201, made.text
    return driver, f"/booking/bookings/{made.json()['id']}"


def begun(station: Station, clock: ManualClock) -> tuple[Person, str]:
    """A driver who came at ten, and whose session the station knows as 4711."""
    driver, path = booked(station)
    at(clock, "10:00")
    station.heartbeat()
    assert driver.post(f"{path}/start").status_code == 200
    assert taken(meter(station, "10:00", 0))["outcome"] == "OPENED"
    return driver, path


def test_a_start_is_an_intention_until_the_station_says_charging(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:00")
    station.heartbeat()
    said = driver.post(f"{path}/start").json()
    assert (said["reservation_status"], said["session"]) == ("RESERVED", None)
    assert said["arrived_at"] == "2026-03-02T10:00:00Z"
    assert watch_sessions(station.world.platform) == 0
    at(clock, "10:02")
    heard(station, "CHARGING", "10:01")
    assert watch_sessions(station.world.platform) == 1
    assert driver.get(path).json()["reservation_status"] == "FULFILLED"


def test_who_says_they_are_there_and_does_not_charge_is_a_no_show(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:14")
    station.heartbeat()
    driver.post(f"{path}/start")
    at(clock, "10:16")
    assert sweep_no_shows(station.world.platform) == 0, "they came in time, and their station has five minutes"
    at(clock, "10:19")
    assert watch_sessions(station.world.platform) == 1
    assert sweep_no_shows(station.world.platform) == 1
    missed = driver.get(path).json()
    assert (missed["reservation_status"], missed["settlement"]["no_show_fee_minor"]) == ("NO_SHOW", 605)


def test_saying_again_that_one_is_there_does_not_stop_the_no_show_clock(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:16")
    station.heartbeat()
    driver.post(f"{path}/start")
    assert sweep_no_shows(station.world.platform) == 1


def test_the_bill_is_what_the_station_metered_whatever_the_driver_says(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:30")
    assert taken(meter(station, "10:30", 8))["outcome"] == "UPDATED"
    asked = driver.post(f"{path}/stop", {"energy_kwh": 0})
    assert asked.status_code == 200
    assert (asked.json()["session"]["stopped_at"], asked.json()["session"]["claimed_kwh"]) == (None, 0)
    at(clock, "10:32")
    ended = taken(meter(station, "10:31", 8.2, status="COMPLETED", end_date_time=instant("10:31")))
    assert (ended["outcome"], ended["allowed_until"]) == ("COMPLETED", None)
    bill = driver.get(path).json()
    assert bill["session"]["energy_kwh"] == 8.2
    assert bill["session"]["stopped_at"] == "2026-03-02T10:31:00Z"
    assert bill["settlement"]["total_minor"] == round(8.2 * 40 * 1.21)
    assert station.world.scalar(CLAIMS) == 7, "from 10:35 on it is free again"
    again = driver.post(f"{path}/stop", {"energy_kwh": 0})
    assert (again.status_code, again.json()["code"]) == (409, "WRONG_STATE")


def test_reports_count_in_the_order_of_their_own_time_and_kwh_never_fall(station: Station, clock: ManualClock) -> None:
    begun(station, clock)
    at(clock, "10:40")
    assert taken(meter(station, "10:30", 7, charging=False))["outcome"] == "UPDATED"
    assert taken(meter(station, "10:20", 7, charging=False))["outcome"] == "OLDER"
    assert taken(meter(station, "10:10", 3))["outcome"] == "OLDER"
    assert taken(meter(station, "10:30", 7, charging=False))["outcome"] == "DUPLICATE"
    assert taken(meter(station, "10:35", 2, charging=False))["outcome"] == "UPDATED"
    stored = station.world.platform.read(lambda tx: tx.execute(sa.select(charging_session)).one())
    assert (stored.kwh, stored.last_updated) == (7, datetime.fromisoformat(instant("10:35")))
    assert stored.charging_until == datetime.fromisoformat(instant("10:20")), "parking begins with the first word of it"
    assert station.world.scalar(sa.select(sa.func.count()).select_from(meter_value)) == 5


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"kwh": 50}, "kwh"),
        ({"last_updated": instant("11:40")}, "last_updated"),
        ({"status": "RESERVATION"}, "status"),
        ({"status": "COMPLETED", "end_date_time": instant("09:00")}, "end_date_time"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(station: Station, clock: ManualClock, more: dict[str, Any], field: str) -> None:
    begun(station, clock)
    at(clock, "10:10")
    refused = meter(station, "10:10", more.pop("kwh", 1), **more)
    assert refused.status_code == 422
    assert field in refused.text


def test_an_evse_that_is_free_twice_ends_a_session_that_nobody_metered(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:00")
    heard(station, "CHARGING", "10:00")
    assert driver.post(f"{path}/start").json()["reservation_status"] == "FULFILLED"
    at(clock, "10:20")
    heard(station, "AVAILABLE", "10:20")
    assert watch_sessions(station.world.platform) == 0, "once may be a flap"
    at(clock, "10:22")
    heard(station, "AVAILABLE", "10:21")
    assert watch_sessions(station.world.platform) == 1
    bill = driver.get(path).json()
    assert (bill["session"]["stopped_at"], bill["session"]["energy_kwh"]) == ("2026-03-02T10:20:00Z", None)
    assert bill["settlement"]["metered"] is False
    assert bill["settlement"]["total_minor"] == bill["quote"]["expected_minor"]


def test_who_is_done_is_believed_once_the_evse_is_free(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:00")
    heard(station, "CHARGING", "10:00")
    driver.post(f"{path}/start")
    at(clock, "10:20")
    assert driver.post(f"{path}/stop").json()["session"]["stopped_at"] is None
    heard(station, "AVAILABLE", "10:20")
    assert watch_sessions(station.world.platform) == 1
    assert driver.get(path).json()["session"]["stopped_at"] == "2026-03-02T10:20:00Z"


def test_a_metered_session_goes_on_when_its_station_falls_silent(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:10")
    taken(meter(station, "10:10", 2))
    at(clock, "10:40")
    mark_stale_feeds(station.world.platform)
    asked = driver.post(f"{path}/stop").json()
    assert (asked["session"]["stopped_at"], asked["settlement"]) == (None, None), "what is charged on would be on nobody's bill"
    assert taken(meter(station, "10:40", 9, status="COMPLETED", end_date_time=instant("10:40")))["outcome"] == "COMPLETED"
    assert driver.get(path).json()["session"]["energy_kwh"] == 9


def test_what_nobody_ended_is_over_after_a_day_and_a_late_stop_is_refused(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=1)
    path = f"/booking/bookings/{driver.book(place, '10:00').json()['id']}"
    at(clock, "10:00")
    driver.post(f"{path}/start")
    clock.advance(timedelta(hours=23, minutes=59))
    watch_sessions(world.platform)
    assert driver.get(path).json()["settlement"] is None
    clock.advance(timedelta(minutes=1))
    early = driver.post(f"{path}/stop", {"energy_kwh": 0})
    assert (early.status_code, early.json()["code"]) == (409, "WRONG_STATE")
    assert watch_sessions(world.platform) == 1
    bill = driver.get(path).json()
    assert bill["settlement"]["total_minor"] == bill["quote"]["expected_minor"] > 0
    clock.advance(timedelta(days=3))
    late = driver.post(f"{path}/stop", {"energy_kwh": 0})
    assert (late.status_code, late.json()["code"]) == (409, "WRONG_STATE")


def test_a_session_whose_meter_fell_silent_costs_what_it_had_counted(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 4))
    clock.advance(timedelta(days=1))
    assert watch_sessions(station.world.platform) == 1
    bill = driver.get(path).json()
    assert (bill["session"]["energy_kwh"], bill["session"]["stopped_at"]) == (4, "2026-03-02T10:30:00Z")


def test_an_owner_reads_the_meter_and_after_the_bill_only_lower(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    booking_id = path.rpartition("/")[2]
    at(clock, "10:00")
    heard(station, "CHARGING", "10:00")
    driver.post(f"{path}/start")
    at(clock, "10:30")
    heard(station, "AVAILABLE", "10:30")
    driver.post(f"{path}/stop", {"energy_kwh": 0})
    bill = driver.get(path).json()["settlement"]["total_minor"]
    reading = f"/booking/hosted/{booking_id}/reading"
    assert station.owner.post(reading, {"kwh": 50}).status_code == 422, "22 kW for half an hour are 11"
    lower = station.owner.post(reading, {"kwh": 6})
    assert lower.status_code == 200, lower.text
    assert lower.json()["settlement"]["total_minor"] == round(6 * 40 * 1.21) < bill
    higher = station.owner.post(reading, {"kwh": 7})
    assert (higher.status_code, higher.json()["code"]) == (409, "CONFLICT")
    assert driver.get(path).json()["session"]["energy_kwh"] == 6
    assert driver.post(reading, {"kwh": 1}).status_code == 403
    assert station.world.user("owner").post(reading, {"kwh": 1}).status_code == 404


def test_a_reading_while_it_runs_is_what_is_billed(world: World, clock: ManualClock) -> None:
    owner, driver = world.user("owner"), world.user()
    world.owner_id = owner.id
    place = world.location(evses=1)
    path = f"/booking/bookings/{driver.book(place, '10:00').json()['id']}"
    at(clock, "10:00")
    driver.post(f"{path}/start")
    at(clock, "10:30")
    assert owner.post(f"/booking/hosted/{path.rpartition('/')[2]}/reading", {"kwh": 3}).status_code == 200
    bill = driver.post(f"{path}/stop", {"energy_kwh": 1}).json()
    assert bill["settlement"]["total_minor"] == round(3 * 40 * 1.21)


def test_what_a_station_meters_nobody_overwrites_while_it_runs(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 4))
    answer = station.owner.post(f"/booking/hosted/{path.rpartition('/')[2]}/reading", {"kwh": 8})
    assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE")
    assert taken(meter(station, "10:31", 4.2, status="COMPLETED"))["outcome"] == "COMPLETED"
    assert driver.get(path).json()["session"]["energy_kwh"] == 4.2


def test_a_bill_that_stands_is_not_written_again(station: Station, clock: ManualClock) -> None:
    """Code that knows of no sessions may have ended the booking's part alone."""
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 4))
    ended = sa.update(booking_table).values(stopped_at=clock.now())
    station.world.platform.transact(lambda tx: tx.execute(ended))
    at(clock, "10:45")
    taken(meter(station, "10:45", 9, status="COMPLETED"))
    bill = driver.get(path).json()
    assert (bill["session"]["stopped_at"], bill["settlement"]) == ("2026-03-02T10:30:00Z", None)
    assert station.world.scalar(sa.select(charging_session.c.running_evse_id)) is None


@pytest.mark.parametrize("more", [{"start": "08:30"}, {"booking_id": "00000000-0000-4000-8000-000000000000"}])
def test_what_is_not_theirs_is_not_put_on_their_bill(station: Station, clock: ManualClock, more: dict[str, Any]) -> None:
    driver, path = booked(station)
    at(clock, "10:00")  # its feed is silent since 08:00
    mark_stale_feeds(station.world.platform)
    assert driver.post(f"{path}/start").json()["reservation_status"] == "FULFILLED"
    at(clock, "10:10")
    meter(station, "10:10", 1, **({"start": "10:05"} | more))
    assert station.world.scalar(sa.select(charging_session.c.ref).where(charging_session.c.booking_id.is_not(None))) is None


def test_a_session_without_a_booking_is_stored_and_answered(station: Station, clock: ManualClock) -> None:
    world = station.world
    booked(station, "11:00")
    at(clock, "10:00")
    walk_in = taken(meter(station, "10:00", 0))
    assert (walk_in["booking_id"], walk_in["outcome"]) == (None, "OPENED")
    assert walk_in["allowed_until"] == "2026-03-02T11:00:00Z", "then somebody has booked"
    at(clock, "10:30")
    assert taken(meter(station, "10:30", 5, status="COMPLETED"))["outcome"] == "COMPLETED"
    assert taken(meter(station, "10:30", 5, status="COMPLETED"))["outcome"] == "DUPLICATE"
    assert world.scalar(sa.select(charging_session.c.running_evse_id)) is None


def test_who_plugs_in_first_and_says_so_then_is_no_walk_in(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:02")
    walk_in = taken(meter(station, "10:02", 0, start="10:01"))
    assert walk_in["booking_id"] is None
    assert driver.post(f"{path}/start").json()["reservation_status"] == "FULFILLED"
    at(clock, "10:20")
    assert f"/booking/bookings/{taken(meter(station, '10:20', 2, start='10:01'))['booking_id']}" == path


def test_a_second_session_ends_the_first_whose_end_was_not_reported(station: Station, clock: ManualClock) -> None:
    begun(station, clock)
    at(clock, "10:50")
    taken(meter(station, "10:20", 4))
    overlapping = meter(station, "10:30", 1, ref="4712", start="10:15")
    assert (overlapping.status_code, overlapping.json()["code"]) == (409, "CONFLICT")
    assert taken(meter(station, "10:40", 1, ref="4712", start="10:30"))["outcome"] == "OPENED"
    assert taken(meter(station, "10:25", 5))["outcome"] == "CLOSED"
    running = sa.select(sa.func.count()).where(charging_session.c.running_evse_id.is_not(None))
    assert station.world.scalar(running) == 1


def test_a_station_that_was_cut_off_sends_what_it_kept(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    clock.advance(timedelta(hours=2))  # its feed is silent since 08:00
    mark_stale_feeds(station.world.platform)
    assert driver.post(f"{path}/start").json()["reservation_status"] == "FULFILLED", "nobody else can say so"
    at(clock, "10:20")
    bill = driver.post(f"{path}/stop").json()["settlement"]
    assert (bill["metered"], bill["total_minor"]) == (False, driver.get(path).json()["quote"]["expected_minor"])
    at(clock, "10:30")
    late = taken(meter(station, "10:20", 3, status="COMPLETED", end_date_time=instant("10:20")))
    assert (f"/booking/bookings/{late['booking_id']}", late["outcome"]) == (path, "CLOSED")
    corrected = driver.get(path).json()
    assert corrected["settlement"]["total_minor"] == round(3 * 40 * 1.21) < bill["total_minor"], "lower than was expected"
    assert taken(meter(station, "10:22", 7, status="COMPLETED", end_date_time=instant("10:20")))["outcome"] == "CLOSED"
    assert driver.get(path).json() == corrected, "and never higher"


def test_a_copy_of_ones_data_has_what_was_metered(station: Station, clock: ManualClock) -> None:
    driver, _ = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 4))
    (copy,) = station.world.platform.read(lambda tx: privacy.export(tx=tx, user_id=driver.id))
    ((value, last),) = [session["meter_values"] for session in copy["sessions"]]
    assert (value["kwh"], last["kwh"]) == (0, 4)


def test_a_key_of_another_place_reports_nothing_here(station: Station, clock: ManualClock) -> None:
    other = Station.at(station.world, name="Other")
    at(clock, "10:00")
    body = {"status": "ACTIVE", "start_date_time": instant("10:00"), "kwh": 0, "last_updated": instant("10:00")}
    path = f"/stations/evses/{station.evses['E0']}/sessions/1"
    assert other.call("PUT", path, body).status_code == 404
    assert station.call("PUT", path, body, key="evcsk_nonsense").status_code == 401


def test_who_sees_somebody_at_their_charger_gets_another_and_not_that_session(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=2)
    heard(station, "AVAILABLE", "08:00")
    at(clock, "09:40")
    station.heartbeat()
    driver, path = booked(station)
    at(clock, "09:55")
    station.heartbeat()
    (evse_uid,) = world.platform.read(lambda tx: tx.execute(sa.select(booking_table.c.evse_uid)).scalars().all())
    assert evse_uid == "E0"
    heard(station, "CHARGING", "09:54")
    assert taken(meter(station, "09:55", 0, start="09:54"))["booking_id"] is None
    moved = taken(driver.post(f"{path}/start", {"occupied": True}))
    assert moved["evse_uid"] == "E1"
    assert taken(meter(station, "09:56", 0.2, start="09:54"))["booking_id"] is None


def test_who_sees_somebody_where_nothing_else_is_free_is_told_so_and_pays_nothing(station: Station, clock: ManualClock) -> None:
    driver, path = booked(station)
    at(clock, "10:00")
    heard(station, "CHARGING", "09:54")
    assert taken(meter(station, "10:00", 0, start="09:54"))["booking_id"] is None
    refused = driver.post(f"{path}/start", {"occupied": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")
    at(clock, "10:16")
    taken(meter(station, "10:16", 2, start="09:54"))
    sweep_no_shows(station.world.platform)
    ended = driver.get(path).json()
    assert (ended["canceled"]["cancellation_reason"], ended["canceled"]["fee_minor"]) == ("BLOCKED", 0)


def test_who_is_sent_on_where_nobody_can_tell_says_there_that_they_have_come(world: World, clock: ManualClock) -> None:
    place = world.location(evses=2)
    driver = world.user()
    path = f"/booking/bookings/{driver.book(place, '10:00').json()['id']}"
    at(clock, "10:00")
    sent_on = taken(driver.post(f"{path}/start", {"occupied": True}))
    assert (sent_on["evse_uid"], sent_on["reservation_status"], sent_on["session"]) == ("E1", "RESERVED", None)
    assert taken(driver.post(f"{path}/start"))["reservation_status"] == "FULFILLED"
