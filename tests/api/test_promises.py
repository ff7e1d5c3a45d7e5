"""Promises by week: kept, broken by who was still there, withdrawn by the operator, missed; what the driver cancels is none."""

from datetime import timedelta
from typing import Any

from functions.booking.overstay import watch_sessions
from functions.booking.sweeps import assign_evses, sweep_no_shows
from shared.clock import ManualClock
from tests.api.test_overstay import at, book
from tests.support.world import World


def weeks(world: World, count: int = 1) -> list[dict[str, Any]]:
    answer = world.user("admin").get("/booking/promises", weeks=count)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["weeks"]
    return found


def counts(week: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in week.items() if name != "week" and value}


def test_who_finds_their_charger_free_is_a_promise_kept_and_what_is_to_come_is_none_yet(
    world: World, clock: ManualClock
) -> None:
    place = world.location(evses=1)
    driver, path = book(world, place, "10:00")
    book(world, place, "12:00")
    at(clock, "10:02")
    driver.post(f"{path}/start")
    (week,) = weeks(world)
    assert week["week"] == "2026-03-02"
    assert counts(week) == {"planned": 1, "told": 1, "kept": 1}


def test_who_waits_for_somebody_who_is_still_there_has_a_broken_promise(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    stays, first = book(world, place, "10:00")
    waits, second = book(world, place, "10:30")
    at(clock, "10:00")
    stays.post(f"{first}/start")
    at(clock, "10:31")
    watch_sessions(world.platform)
    assert waits.post(f"{second}/start").status_code == 409
    at(clock, "10:38")
    assert stays.post(f"{first}/stop").status_code == 200
    assert waits.post(f"{second}/start").json()["reservation_status"] == "FULFILLED"
    assert counts(weeks(world)[0]) == {"planned": 2, "told": 2, "kept": 1, "broken_5": 1}


def test_five_minutes_are_kept(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    stays, first = book(world, place, "10:00")
    waits, second = book(world, place, "10:30")
    at(clock, "10:00")
    stays.post(f"{first}/start")
    at(clock, "10:35")
    stays.post(f"{first}/stop")
    at(clock, "10:44")
    waits.post(f"{second}/start")
    assert counts(weeks(world)[0]) == {"planned": 2, "told": 2, "kept": 2}


def test_what_the_operator_ends_is_withdrawn_and_what_the_driver_ends_promised_nothing(
    world: World, clock: ManualClock
) -> None:
    place = world.location(evses=1)
    stays, first = book(world, place, "10:00")
    book(world, place, "10:30")
    changes, third = book(world, place, "11:30")
    assert changes.post(f"{third}/cancel", {"reason": "TRAFFIC"}).status_code == 200
    at(clock, "10:00")
    stays.post(f"{first}/start")
    at(clock, "10:46")
    assert sweep_no_shows(world.platform) == 1, "somebody is still there: the operator's side ends it"
    at(clock, "12:00")
    assert counts(weeks(world)[0]) == {"planned": 2, "told": 1, "kept": 1, "withdrawn": 1}


def test_who_does_not_come_to_a_free_charger_missed_a_promise_that_was_kept(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    book(world, place, "10:00")
    at(clock, "09:45")
    assign_evses(world.platform)
    at(clock, "10:16")
    assert sweep_no_shows(world.platform) == 1
    assert counts(weeks(world)[0]) == {"planned": 1, "told": 1, "kept": 1, "missed": 1}


def test_weeks_are_those_asked_for_the_present_one_first(world: World, clock: ManualClock) -> None:
    place = world.location(evses=1)
    driver, path = book(world, place, "10:00")
    at(clock, "10:00")
    driver.post(f"{path}/start")
    driver.post(f"{path}/stop")
    clock.advance(timedelta(days=7))
    found = weeks(world, 3)
    assert [item["week"] for item in found] == ["2026-03-09", "2026-03-02", "2026-02-23"]
    assert [item["planned"] for item in found] == [0, 1, 0]
    for wrong in (0, 54):
        answer = world.user("admin").get("/booking/promises", weeks=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "weeks")
