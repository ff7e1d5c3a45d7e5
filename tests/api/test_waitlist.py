"""The waitlist: what becomes free is held for whom it suits best, one offer a place; who says nothing passes it on."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.tables import booking, slot_claim
from functions.waitlist import offering, service
from functions.waitlist.tables import waitlist_entry, waitlist_offer
from shared.clock import ManualClock
from tests.support.stations_feed import Station, minutes
from tests.support.world import TYPE2, Person, World

WISH: dict[str, Any] = {
    "battery_kwh": 60,
    "soc": 0.5,
    "connectors": [TYPE2],
    "max_power_kw": 22,
    "energy_kwh": 11,
    "origin": {"latitude": 52.091, "longitude": 5.121},
}
WINDOW = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T14:00:00Z"}


def waits(world: World, driver: Person | None = None, *, window: dict[str, str] = WINDOW, **wish: Any) -> tuple[Person, str]:
    """Somebody who joins the waitlist."""
    options = {name: wish.pop(name) for name in ("quiet_from", "quiet_until") if name in wish}
    driver = driver or world.user()
    joined = driver.post("/waitlist", {"wish": WISH | wish, "window": window} | options)
    assert joined.status_code == 201, joined.text
    return driver, f"/waitlist/{joined.json()['id']}"


def full(world: World, **place: Any) -> tuple[Person, str, str]:
    """A place of one EVSE that somebody has booked for all of the window: who, their booking's path, and the place."""
    location = world.location(**{"evses": 1} | place)
    rival = world.user()
    answer = rival.book(location, "09:00", minutes=480)
    assert answer.status_code == 201, answer.text
    world.drain()
    return rival, f"/booking/bookings/{answer.json()['id']}", location


def cancel(world: World, rival: Person, path: str) -> None:
    """They cancel; what listens is delivered."""
    assert rival.post(f"{path}/cancel", {}).status_code == 200
    world.drain()


def state(driver: Person, path: str) -> dict[str, Any]:
    body: dict[str, Any] = driver.get(path).json()
    return body


def offers(world: World) -> int:
    open_ones = sa.select(sa.func.count()).select_from(waitlist_offer).where(waitlist_offer.c.state == "OFFERED")
    return int(world.scalar(open_ones))


def test_what_becomes_free_is_held_and_told_within_the_delivery(world: World) -> None:
    rival, path, place = full(world)
    driver, entry = waits(world)
    assert state(driver, entry)["position"] == 1
    cancel(world, rival, path)
    offered = state(driver, entry)
    assert (offered["state"], offered["position"]) == ("OFFERED", None)
    held = driver.get(f"/booking/bookings/{offered['offer']['booking_id']}").json()
    assert (held["reservation_status"], held["location_id"]) == ("PENDING", place)
    assert driver.get("/notify/inbox").json()["items"][0]["type"] == "waitlist_offered"
    booked = driver.post(f"{entry}/accept").json()
    assert (booked["id"], booked["reservation_status"]) == (held["id"], "RESERVED")
    assert state(driver, entry)["state"] == "BOOKED"


def test_one_place_is_offered_once(world: World) -> None:
    rival, path, _ = full(world)
    waiting = [waits(world, window=WINDOW | {"end": "2026-03-02T10:55:00Z"}) for _ in range(3)]
    cancel(world, rival, path)
    offering.offer_places(world.platform)
    assert offers(world) == 1, "there is room for one of them"
    states = sorted(state(driver, entry)["state"] for driver, entry in waiting)
    assert states == ["OFFERED", "WAITING", "WAITING"]


def test_the_place_goes_to_whom_it_suits_best(world: World) -> None:
    rival, path, _ = full(world)
    short = WINDOW | {"end": "2026-03-02T10:55:00Z"}
    far, far_entry = waits(world, window=short, origin={"latitude": 52.13, "longitude": 5.121})
    near, near_entry = waits(world, window=short)
    cancel(world, rival, path)
    assert (state(near, near_entry)["state"], state(far, far_entry)["state"]) == ("OFFERED", "WAITING")


def test_who_was_passed_over_three_times_goes_first(world: World) -> None:
    rival, path, _ = full(world)
    short = WINDOW | {"end": "2026-03-02T10:55:00Z"}
    far, far_entry = waits(world, window=short, origin={"latitude": 52.13, "longitude": 5.121})
    cancel_path = path
    for _ in range(3):
        near, near_entry = waits(world, window=short)
        cancel(world, rival, cancel_path)
        assert state(near, near_entry)["state"] == "OFFERED"
        taken = near.post(f"{near_entry}/accept").json()
        rival, cancel_path = near, f"/booking/bookings/{taken['id']}"
    last, last_entry = waits(world, window=short)
    cancel(world, rival, cancel_path)
    assert (state(far, far_entry)["state"], state(last, last_entry)["state"]) == ("OFFERED", "WAITING")


def test_an_offer_that_nobody_takes_passes_on(world: World, clock: ManualClock) -> None:
    rival, path, _ = full(world)
    short = WINDOW | {"end": "2026-03-02T10:55:00Z"}
    (first, first_entry), (second, second_entry) = waits(world, window=short), waits(world, window=short)
    cancel(world, rival, path)
    told = state(first, first_entry)["offer"]
    clock.advance(minutes(10))
    world.drain()
    assert state(second, second_entry)["state"] == "OFFERED"
    waiting = state(first, first_entry)
    assert (waiting["state"], waiting["offer"]) == ("WAITING", None)
    assert waiting["snoozed_until"] is not None
    late = first.post(f"{first_entry}/accept")
    assert (late.status_code, late.json()["code"]) == (409, "WRONG_STATE")
    held = first.get(f"/booking/bookings/{told['booking_id']}").json()
    assert held["reservation_status"] == "CANCELED"


def test_a_message_that_does_not_come_leaves_no_offer_open(world: World, clock: ManualClock) -> None:
    rival, path, _ = full(world)
    driver, entry = waits(world)
    cancel(world, rival, path)
    clock.advance(minutes(10))
    assert service.end_waits(world.platform) == 1
    assert offers(world) == 0
    assert state(driver, entry)["state"] == "WAITING"


def test_who_snoozes_passes_it_on_and_is_offered_nothing_for_half_an_hour(world: World, clock: ManualClock) -> None:
    rival, path, _ = full(world)
    driver, entry = waits(world)
    cancel(world, rival, path)
    assert driver.post(f"{entry}/snooze").json()["state"] == "WAITING"
    world.drain()
    assert world.scalar(sa.select(sa.func.count()).select_from(slot_claim)) == 0
    assert offering.offer_places(world.platform) == 0
    clock.advance(minutes(30))
    assert offering.offer_places(world.platform) == 1
    assert state(driver, entry)["state"] == "OFFERED"


def test_who_leaves_frees_what_was_held_for_them(world: World) -> None:
    rival, path, _ = full(world)
    driver, entry = waits(world)
    cancel(world, rival, path)
    assert driver.post(f"{entry}/leave").json()["state"] == "LEFT"
    assert world.scalar(sa.select(sa.func.count()).select_from(slot_claim)) == 0
    assert driver.post(f"{entry}/snooze").json()["code"] == "WRONG_STATE"


def test_a_place_is_held_until_its_driver_must_set_out_and_ten_minutes_at_most(world: World, clock: ManualClock) -> None:
    rival, path, _ = full(world)
    driver, entry = waits(world, window={"start": clock.now().isoformat(), "end": "2026-03-02T14:00:00Z"})
    cancel(world, rival, path)
    held = state(driver, entry)["offer"]
    start = world.scalar(sa.select(booking.c.start).where(booking.c.status == "PENDING"))
    until = (start - clock.now()).total_seconds() / 60
    expires = world.scalar(sa.select(waitlist_offer.c.expires_at))
    assert held["expires_at"] == expires.isoformat().replace("+00:00", "Z")
    assert minutes(4) <= expires - clock.now() <= min(minutes(10), minutes(until))


@pytest.mark.parametrize(
    ("at", "window_start", "offered"),
    [
        ("2026-03-02T22:30:00+00:00", "2026-03-03T10:00:00Z", 0),
        ("2026-03-02T22:30:00+00:00", "2026-03-03T05:00:00Z", 1),
        ("2026-03-03T06:00:00+00:00", "2026-03-03T10:00:00Z", 1),
    ],
    ids=["at night", "at night, for before the night is over", "in the morning"],
)
def test_nobody_is_woken_unless_their_window_begins_by_then(
    world: World, clock: ManualClock, at: str, window_start: str, offered: int
) -> None:
    world.location(evses=1)
    clock.jump(clock.now().fromisoformat(at))
    waits(world, window={"start": window_start, "end": "2026-03-03T14:00:00Z"})
    assert offering.offer_places(world.platform) == offered


def test_a_window_that_passes_in_vain_is_told(world: World, clock: ManualClock) -> None:
    full(world)
    driver, entry = waits(world)
    clock.advance(timedelta(hours=6))
    assert service.end_waits(world.platform) == 1
    world.drain()
    assert state(driver, entry)["state"] == "OVER"
    assert driver.get("/notify/inbox").json()["items"][0]["type"] == "waitlist_over"


def test_nothing_is_offered_that_the_drivers_limits_would_refuse(world: World) -> None:
    rival, path, _ = full(world)
    driver, entry = waits(world)
    other = world.location(name="Other", latitude=52.3)
    for start in ("09:00", "11:00", "13:00"):
        assert driver.book(other, start, minutes=120).status_code == 201, "their unnamed car is busy all the time"
    cancel(world, rival, path)
    assert state(driver, entry)["state"] == "WAITING"


def test_five_entries_are_enough(world: World) -> None:
    driver = world.user()
    for _ in range(5):
        waits(world, driver)
    refused = driver.post("/waitlist", {"wish": WISH, "window": WINDOW})
    assert (refused.status_code, refused.json()["code"]) == (409, "LIMIT_REACHED")


def together(*acts: Any) -> None:
    """Runs calls at once, and waits for all."""
    barrier = threading.Barrier(len(acts))

    def run(act: Any) -> None:
        barrier.wait()
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def doubles(world: World) -> int:
    """Entries with more than one open offer."""
    grouped = (
        sa.select(waitlist_offer.c.entry_id).where(waitlist_offer.c.state == "OFFERED").group_by(waitlist_offer.c.entry_id)
    )
    doubled = grouped.having(sa.func.count() > 1).subquery()
    return int(world.scalar(sa.select(sa.func.count()).select_from(doubled)))


def test_two_places_that_become_free_at_once_are_offered_once_each(world: World) -> None:
    short = WINDOW | {"end": "2026-03-02T10:55:00Z"}
    places = [full(world, name=f"Place {number}") for number in range(2)]
    for _ in range(3):
        waits(world, window=short)
    for rival, path, _ in places:
        assert rival.post(f"{path}/cancel", {}).status_code == 200
    together(*(lambda place=place: offering.offer_at(world.platform, _id(place)) for _, _, place in places))
    assert (offers(world), doubles(world)) == (2, 0)


def test_two_deliveries_of_one_place_offer_it_once(world: World) -> None:
    short = WINDOW | {"end": "2026-03-02T10:55:00Z"}
    rival, path, place = full(world)
    for _ in range(2):
        waits(world, window=short)
    assert rival.post(f"{path}/cancel", {}).status_code == 200
    together(*(lambda: offering.offer_at(world.platform, _id(place)) for _ in range(2)))
    assert (offers(world), doubles(world)) == (1, 0)


def test_who_books_meanwhile_wins(world: World) -> None:
    short = WINDOW | {"end": "2026-03-02T10:55:00Z"}
    rival, path, place = full(world)
    driver, entry = waits(world, window=short)
    seen = world.platform.read(lambda tx: offering._waiting(tx, location_id=_id(place)))
    assert seen == [], "nothing is free yet"
    assert rival.post(f"{path}/cancel", {}).status_code == 200
    assert world.user().book(place, "10:00", minutes=60).status_code == 201
    world.drain()
    assert state(driver, entry)["state"] == "WAITING"
    assert offers(world) == 0


def test_one_of_two_accepts_wins(world: World) -> None:
    rival, path, _ = full(world)
    driver, entry = waits(world)
    cancel(world, rival, path)
    answers: list[int] = []
    together(*(lambda: answers.append(driver.post(f"{entry}/accept").status_code) for _ in range(2)))
    assert sorted(answers) == [200, 409]
    assert world.scalar(sa.select(waitlist_entry.c.state)) == "BOOKED"


def test_a_copy_of_ones_data_has_the_entries_and_leaving_takes_them(world: World) -> None:
    from functions.waitlist import privacy

    driver, _ = waits(world)
    (copy,) = world.platform.read(lambda tx: privacy.export(tx=tx, user_id=driver.id))
    assert copy["offers"] == []
    world.platform.transact(lambda tx: privacy.erase(tx=tx, user_id=driver.id))
    assert driver.get("/waitlist").json()["items"] == []


def _id(place: str) -> Any:
    import uuid

    return uuid.UUID(place)


def test_what_is_held_and_breaks_is_taken_back_and_its_driver_waits_on(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    station.report("E0", "AVAILABLE", "08:00")
    rival = world.user()
    booked = rival.book(station.location, "09:00", minutes=480).json()["id"]
    driver, entry = waits(world)
    cancel(world, rival, f"/booking/bookings/{booked}")
    assert state(driver, entry)["state"] == "OFFERED"
    clock.advance(minutes(1))
    station.report("E0", "OUTOFORDER", "08:01")
    world.drain()
    assert (state(driver, entry)["state"], state(driver, entry)["snoozed_until"], offers(world)) == ("WAITING", None, 0)
    assert driver.get("/notify/inbox").json()["items"][0]["type"] == "waitlist_withdrawn"
    assert driver.post(f"{entry}/accept").json()["code"] == "WRONG_STATE"


def asks(world: World, driver: Person, **more: Any) -> dict[str, Any]:
    """A charge request in the window, decided."""
    times = {"earliest_departure": WINDOW["start"], "latest_finish": WINDOW["end"]}
    asked = driver.post("/optimizer/charge-requests", WISH | times | more)
    assert asked.status_code == 202, asked.text
    world.drain()
    body: dict[str, Any] = driver.get(f"/optimizer/charge-requests/{asked.json()['id']}").json()
    return body


def test_a_charge_request_waits_where_all_is_full_and_its_driver_said_so(world: World) -> None:
    rival, path, _ = full(world)
    driver = world.user()
    assert asks(world, driver, join_waitlist=True)["reason"] == "ALL_FULL"
    (entry,) = driver.get("/waitlist").json()["items"]
    assert (entry["state"], entry["window"]) == ("WAITING", WINDOW)
    assert "waitlist_joined" in {item["type"] for item in driver.get("/notify/inbox").json()["items"]}
    cancel(world, rival, path)
    (entry,) = driver.get("/waitlist").json()["items"]
    assert entry["state"] == "OFFERED"


@pytest.mark.parametrize("said", [{}, {"join_waitlist": False}])
def test_a_charge_request_does_not_wait_unless_its_driver_said_so(world: World, said: dict[str, Any]) -> None:
    full(world)
    driver = world.user()
    assert asks(world, driver, **said)["reason"] == "ALL_FULL"
    assert driver.get("/waitlist").json()["items"] == []


def test_a_charge_request_that_nothing_there_would_suit_does_not_wait(world: World) -> None:
    full(world)
    driver = world.user()
    assert asks(world, driver, connectors=["CHADEMO"], join_waitlist=True)["reason"] != "ALL_FULL"
    assert driver.get("/waitlist").json()["items"] == []


def test_a_charge_request_is_no_entry_above_the_five(world: World) -> None:
    full(world)
    driver = world.user()
    for _ in range(5):
        waits(world, driver)
    assert asks(world, driver, join_waitlist=True)["reason"] == "ALL_FULL"
    assert len(driver.get("/waitlist").json()["items"]) == 5
