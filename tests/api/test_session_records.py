"""What is told while a session runs, and its records: sessions as the station told them, and charge detail records."""

from typing import Any

import pytest

from functions.booking import privacy
from functions.booking.overstay import watch_sessions
from shared.clock import ManualClock
from tests.api.test_metering import begun, meter, taken
from tests.api.test_overstay import at, stays, told
from tests.support.stations_feed import Station
from tests.support.world import World


@pytest.fixture
def station(world: World) -> Station:
    return Station.at(world, evses=1)


def records(driver: Any, path: str) -> list[dict[str, Any]]:
    answer = driver.get(f"{path}/cdrs")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_ten_minutes_before_the_end_a_driver_is_told_once(world: World, clock: ManualClock) -> None:
    driver, _ = stays(world, clock, world.location(evses=1))
    at(clock, "10:19")
    watch_sessions(world.platform)
    assert told(world, "session_ending") == 0
    at(clock, "10:20")
    watch_sessions(world.platform)
    watch_sessions(world.platform)
    assert told(world, "session_ending") == 1
    world.drain()
    assert driver.get("/notify/inbox").json()["items"][0]["title"] == "Nearly over: Stadhuis"


def test_who_says_that_they_are_done_is_not_told_that_their_time_ends(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    meter(station, "10:05", 1.0)
    assert driver.post(f"{path}/stop", {}).status_code == 200
    at(clock, "10:50")
    station.heartbeat()
    watch_sessions(station.world.platform)
    assert told(station.world, "session_ending") == 0


def test_a_battery_at_eighty_per_cent_is_told_once(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    for time, soc in (("10:10", 79.0), ("10:20", 80.0), ("10:25", 85.0)):
        at(clock, time)
        taken(meter(station, time, 2.0, soc=soc))
    assert told(station.world, "session_nearly_full") == 1
    (session,) = driver.get(f"{path}/sessions").json()["items"]
    assert session["soc"] == 85.0


def test_the_sessions_of_a_booking_have_what_the_meter_said(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    for time, kwh in (("10:10", 2.0), ("10:20", 4.5)):
        at(clock, time)
        taken(meter(station, time, kwh))
    (session,) = driver.get(f"{path}/sessions").json()["items"]
    assert (session["status"], session["source"], session["kwh"]) == ("ACTIVE", "STATION", 4.5)
    assert [value["kwh"] for value in session["meter_values"]] == [0.0, 2.0, 4.5]
    assert station.world.user().get(f"{path}/sessions").status_code == 404, "others' bookings are not seen"


def test_a_settled_session_has_a_charge_detail_record(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:30")
    assert records(driver, path) == [], "nothing is settled while it runs"
    taken(meter(station, "10:30", 5.0, status="COMPLETED"))
    (record,) = records(driver, path)
    booking, document = driver.get(path).json(), record["document"]
    cost = document["total_cost"]
    total = cost["before_taxes"] + sum(tax["amount"] for tax in cost["taxes"])
    assert round(total * 100) == booking["settlement"]["total_minor"]
    assert (document["total_energy"], document["credit"]) == (5.0, False)
    assert document["end_date_time"] == "2026-03-02T10:30:00Z"
    assert document["booking_id"] == booking["id"]
    assert document["total_energy_cost"]["before_taxes"] == pytest.approx(2.0, abs=0.01)


def test_a_corrected_bill_credits_the_record_before_and_has_a_new_one(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 5.0, status="COMPLETED"))
    booking_id = path.rsplit("/", 1)[1]
    assert station.owner.post(f"/booking/hosted/{booking_id}/reading", {"kwh": 3.0}).status_code == 200
    first, credit, second = records(driver, path)
    assert [item["kind"] for item in (first, credit, second)] == ["CDR", "CREDIT", "CDR"]
    assert credit["credit_of"] == first["id"] == credit["document"]["credit_reference_id"]
    assert credit["document"]["total_cost"]["before_taxes"] == -first["document"]["total_cost"]["before_taxes"]
    assert second["document"]["total_energy"] == 3.0
    assert driver.get(path).json()["settlement"]["total_minor"] < 250


def test_what_nobody_measured_says_so_in_its_record(world: World, clock: ManualClock) -> None:
    driver, path = stays(world, clock, world.location(evses=1))
    at(clock, "10:25")
    assert driver.post(f"{path}/stop").status_code == 200
    (record,) = records(driver, path)
    assert record["document"]["remark"].startswith("Nobody measured")


def test_a_copy_of_ones_data_has_the_records(world: World, clock: ManualClock) -> None:
    driver, path = stays(world, clock, world.location(evses=1))
    at(clock, "10:25")
    assert driver.post(f"{path}/stop").status_code == 200
    (copy,) = world.platform.read(lambda tx: privacy.export(tx=tx, user_id=driver.id))
    assert [record["kind"] for record in copy["cdrs"]] == ["CDR"]
