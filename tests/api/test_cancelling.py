"""What leaving a booking costs, whoever ends it: lateness that a move does not wipe, cancels after the start, and ends that are
not the driver's own."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.sweeps import sweep_no_shows
from functions.booking.tables import booking as booking_table
from functions.stations.domain import BookingTerms
from functions.stations.enums import EvseStatus
from functions.stations.tables import evse
from shared.clock import ManualClock
from tests.support.world import Person, World

LOOSE = BookingTerms(change_until_minutes=0, cancel_until_minutes=60)
"""Terms that allow a move when it is too late to cancel free of charge."""
LATE_CANCEL, NO_SHOW = 242, 605


def at(clock: ManualClock, time: str) -> None:
    clock.jump(datetime.fromisoformat(f"2026-03-02T{time}:00+00:00"))


def cancel(person: Person, booking_id: str, **body: str) -> dict[str, Any]:
    answer = person.post(f"/booking/bookings/{booking_id}/cancel", body or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def move(person: Person, booking_id: str, start: str) -> dict[str, Any]:
    answer = person.post(f"/booking/bookings/{booking_id}/reschedule", {"start": start})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def told(world: World, person: Person) -> list[str]:
    world.drain()
    return [item["body"] for item in person.get("/notify/inbox").json()["items"]]


def test_a_booking_that_is_left_late_stays_late_wherever_it_moves(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=LOOSE)
    made = driver.book(place, "10:00").json()
    at(clock, "09:30")
    moved = move(driver, made["id"], "2026-03-07T10:00:00Z")
    assert moved["late_since"] == "2026-03-02T09:00:00Z"
    assert "moved when it was too late to cancel" in told(world, driver)[0]
    move(driver, made["id"], "2026-03-09T10:00:00Z")
    ended = cancel(driver, made["id"])
    assert (ended["canceled"]["late"], ended["canceled"]["fee_minor"]) == (True, LATE_CANCEL)


def test_a_late_move_to_a_cheaper_period_keeps_the_fee(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=LOOSE)
    made = driver.book(place, "10:00").json()
    at(clock, "09:30")
    body = {"start": "2026-03-07T10:00:00Z", "duration_minutes": 15}
    moved = driver.post(f"/booking/bookings/{made['id']}/reschedule", body).json()
    assert moved["quote"]["total_minor"] < made["quote"]["total_minor"]
    assert moved["quote"]["fees"]["late_cancel_minor"] == LATE_CANCEL
    assert cancel(driver, made["id"])["canceled"]["fee_minor"] == LATE_CANCEL


def test_a_booking_that_is_moved_in_time_is_free_to_cancel(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=LOOSE)
    made = driver.book(place, "10:00").json()
    at(clock, "09:00")
    assert move(driver, made["id"], "2026-03-07T10:00:00Z")["late_since"] is None
    assert cancel(driver, made["id"])["canceled"]["fee_minor"] == 0


def test_an_administrator_who_moves_a_booking_late_costs_its_driver_nothing(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=LOOSE)
    made = driver.book(place, "10:00").json()
    at(clock, "09:30")
    move(world.user("admin"), made["id"], "2026-03-07T10:00:00Z")
    assert cancel(driver, made["id"])["canceled"]["fee_minor"] == 0


def test_a_cancel_after_the_start_is_a_miss_and_frees_the_place_at_once(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=1)
    made = driver.book(place, "10:00").json()
    at(clock, "10:14")
    ended = cancel(driver, made["id"])
    assert (ended["reservation_status"], ended["settlement"]) == ("NO_SHOW", {"no_show_fee_minor": NO_SHOW})
    assert world.user().book(place, "10:15", minutes=30).status_code == 201
    assert "You did not come" in told(world, driver)[0]


def test_a_cancel_at_the_start_to_the_instant_is_a_late_one(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    at(clock, "10:00")
    assert cancel(driver, made["id"])["canceled"]["fee_minor"] == LATE_CANCEL


def test_at_a_charger_out_of_use_no_way_of_leaving_costs_anything(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=2)
    late, missed = driver.book(place, "10:00").json(), world.user()
    other = missed.book(place, "09:30").json()
    world.platform.transact(lambda tx: tx.execute(sa.update(evse).values(status=EvseStatus.OUTOFORDER.value)))
    at(clock, "09:40")
    assert cancel(driver, late["id"])["canceled"]["fee_minor"] == 0
    assert cancel(missed, other["id"])["canceled"]["fee_minor"] == 0


def test_the_running_quarter_is_missed_the_terms_time_after_it_was_booked(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    at(clock, "10:14")
    made = driver.book(place, "10:00").json()
    clock.advance(timedelta(minutes=15) - timedelta(seconds=1))
    assert sweep_no_shows(world.platform) == 0, "a minute later it would have been a no-show at 6.05"
    clock.advance(timedelta(seconds=1))
    assert sweep_no_shows(world.platform) == 1
    assert driver.get(f"/booking/bookings/{made['id']}").json()["reservation_status"] == "NO_SHOW"


def test_a_booking_shorter_than_the_terms_time_is_missed_at_its_end(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=1)
    assert driver.book(place, "10:00", minutes=5).status_code == 201
    said = driver.get(f"/stations/locations/{place}/booking-terms").json()["sentences"]
    assert "15 minutes after the booked start, or by its end where that is sooner" in " ".join(said)
    at(clock, "10:04")
    assert sweep_no_shows(world.platform) == 0
    at(clock, "10:05")
    assert sweep_no_shows(world.platform) == 1
    assert world.user().book(place, "10:05", minutes=5).status_code == 201


def test_a_short_booking_of_the_running_quarter_has_the_whole_time_after_it_was_booked(
    world: World, clock: ManualClock
) -> None:
    driver, place = world.user(), world.location()
    at(clock, "10:02")
    made = driver.book(place, "10:00", minutes=5).json()
    clock.advance(timedelta(minutes=1))
    ended = cancel(driver, made["id"])
    assert ended["canceled"]["fee_minor"] == made["quote"]["total_minor"] == 89, "at most what it costs"


def test_the_running_quarter_is_cancelled_as_a_late_one_not_as_a_miss(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    at(clock, "10:05")
    made = driver.book(place, "10:00").json()
    clock.advance(timedelta(minutes=1))
    assert cancel(driver, made["id"])["canceled"]["fee_minor"] == LATE_CANCEL


def test_a_move_to_the_running_quarter_is_missed_the_terms_time_after_the_move(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(terms=LOOSE)
    made = driver.book(place, "12:00").json()
    at(clock, "10:10")
    move(driver, made["id"], "2026-03-02T10:00:00Z")
    at(clock, "10:24")
    assert sweep_no_shows(world.platform) == 0
    at(clock, "10:25")
    assert sweep_no_shows(world.platform) == 1


@pytest.mark.parametrize("time", ["08:30", "09:30", "10:10"])
def test_an_administrators_cancel_is_the_platforms_and_free_at_any_time(world: World, clock: ManualClock, time: str) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    at(clock, time)
    ended = cancel(world.user("admin"), made["id"])
    assert ended["canceled"] == {
        "cancellation_reason": "UNKNOWN",
        "who_canceled": "CPO",
        "late": False,
        "cause": "ADMINISTRATOR",
        "fee_minor": 0,
    }
    assert told(world, driver)[0] == "Your booking at Stadhuis was cancelled by us, the platform, at no cost to you."


def test_an_administrators_own_booking_is_cancelled_as_anybodys(world: World, clock: ManualClock) -> None:
    admin, place = world.user("admin"), world.location()
    made = admin.book(place, "10:00").json()
    at(clock, "09:30")
    canceled = cancel(admin, made["id"])["canceled"]
    assert (canceled["who_canceled"], canceled["fee_minor"]) == ("MSP", LATE_CANCEL)


def test_each_side_has_its_own_reasons(world: World) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    refused = world.user("admin").post(f"/booking/bookings/{made['id']}/cancel", {"reason": "TRAFFIC"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")
    assert cancel(world.user("admin"), made["id"], reason="POWER_OUTAGE")["canceled"]["cancellation_reason"] == "POWER_OUTAGE"


def test_who_is_told_another_charger_after_the_start_has_the_terms_time_to_come_to_it(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    at(clock, "10:10")
    owner = world.user("admin")
    told_evse = world.scalar(sa.select(booking_table.c.evse_id))
    tag = owner.get(f"/stations/locations/{place}").headers["etag"]
    path = f"/stations/locations/{place}/evses/{told_evse}"
    listed = owner.delete(path, if_match=tag)
    confirmation = listed.json()["confirmation"]
    world.platform.transact(lambda tx: tx.execute(sa.update(booking_table).values(revealed_at=tx.now)))
    assert owner.delete(f"{path}?confirmation={confirmation}", if_match=tag).status_code in (200, 204)
    row = world.platform.read(lambda tx: tx.execute(sa.select(booking_table)).one())
    assert row.id == uuid.UUID(made["id"])
    assert row.evse_id != told_evse
    assert row.no_show_at == datetime.fromisoformat("2026-03-02T10:25:00+00:00")


GREEDY = {
    "tariffs": [
        {
            "tariff": {
                "id": "greedy",
                "currency": "EUR",
                "elements": [
                    {"price_components": [{"type": "ENERGY", "price": 0.40, "vat": 21}]},
                    *(
                        {"price_components": [{"type": "FLAT", "price": 9999}], "restrictions": {"booking": kind}}
                        for kind in ("BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES")
                    ),
                ],
            }
        }
    ]
}
FEE = 999_900


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's places, with an account."""
    owner = world.user("owner")
    world.owner_id = owner.id
    return owner


def put(person: Person, place: str, what: str, body: Any) -> Any:
    path = f"/stations/locations/{place}"
    return person.put(f"{path}/{what}", body, if_match=person.get(path).headers["etag"])


def late_fee(world: World, clock: ManualClock, place: str, start: str) -> tuple[int, int]:
    """What a late cancel costs there now, and the quote's total."""
    driver = world.user()
    made = driver.book(place, start).json()
    clock.jump(datetime.fromisoformat(made["period"]["start"]) - timedelta(minutes=5))
    return cancel(driver, made["id"])["canceled"]["fee_minor"], made["quote"]["total_minor"]


def test_no_fee_is_above_what_the_booking_costs_whatever_the_tariff_says(
    world: World, clock: ManualClock, owner: Person
) -> None:
    place = world.location()
    assert put(owner, place, "tariffs", GREEDY).status_code == 200
    fee, quote = late_fee(world, clock, place, "10:00")
    assert fee == quote
    driver = world.user()
    made = driver.book(place, "12:00").json()
    at(clock, "12:15")
    assert sweep_no_shows(world.platform) == 1
    missed = driver.get(f"/booking/bookings/{made['id']}").json()
    assert missed["settlement"]["no_show_fee_minor"] == made["quote"]["total_minor"]
    said = driver.get(f"/stations/locations/{place}/booking-terms").json()["sentences"]
    assert "No such fee is more than what your booking costs at most." in said


def test_an_administrator_allows_more_and_new_tariffs_of_the_owner_take_it_back(
    world: World, clock: ManualClock, owner: Person
) -> None:
    place, allowed = world.location(), {"fees_above_quote": True}
    assert put(owner, place, "tariffs", GREEDY).status_code == 200
    refused = put(owner, place, "booking-terms", allowed)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "fees_above_quote")
    assert put(world.user("admin"), place, "booking-terms", allowed).status_code == 200
    assert put(owner, place, "booking-terms", allowed | {"cancel_until_minutes": 30}).status_code == 200, "owners keep it"
    assert late_fee(world, clock, place, "10:00")[0] == FEE
    assert put(owner, place, "tariffs", GREEDY).status_code == 200
    fee, quote = late_fee(world, clock, place, "14:00")
    assert fee == quote
