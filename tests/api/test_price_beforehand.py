"""What a cancellation or a move would cost is known before it, and is what it then costs; a booking says where it is."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.tables import booking as booking_table
from functions.stations.domain import BookingTerms
from functions.stations.tables import evse
from shared.clock import ManualClock
from shared.outbox import outbox_message
from tests.api.test_overstay import at
from tests.support.world import Person, World


def booked(world: World, start: str, **terms: Any) -> tuple[Person, str, dict[str, Any]]:
    driver = world.user()
    answer = driver.book(world.location(evses=1, terms=BookingTerms(**terms)), start).json()
    return driver, f"/booking/bookings/{answer['id']}", answer


@pytest.mark.parametrize(
    ("now", "becomes", "is_free"), [("10:59", "CANCELED", True), ("11:01", "CANCELED", False), ("12:01", "NO_SHOW", False)]
)
def test_the_price_that_is_told_is_the_price_that_is_taken(
    world: World, clock: ManualClock, now: str, becomes: str, is_free: bool
) -> None:
    driver, path, _ = booked(world, "12:00")
    at(clock, now)
    told = driver.get(f"{path}/cancellation").json()
    assert (told["becomes"], told["fee_minor"] == 0, told["currency"]) == (becomes, is_free, "EUR")
    assert (told["free_until"] is not None) is is_free
    ended = driver.post(f"{path}/cancel").json()
    assert ended["reservation_status"] == becomes
    taken = ended["canceled"]["fee_minor"] if becomes == "CANCELED" else ended["settlement"]["no_show_fee_minor"]
    assert taken == told["fee_minor"]


def test_at_a_charger_that_is_broken_it_is_free(world: World, clock: ManualClock) -> None:
    driver, path, _ = booked(world, "12:00")
    at(clock, "11:30")
    world.platform.transact(lambda tx: tx.execute(sa.update(evse).values(status="OUTOFORDER")))
    assert driver.get(f"{path}/cancellation").json()["fee_minor"] == 0


def test_what_is_over_has_no_price_and_what_is_others_is_not_there(world: World) -> None:
    driver, path, _ = booked(world, "12:00")
    assert world.user().get(f"{path}/cancellation").status_code == 404
    driver.post(f"{path}/cancel")
    assert driver.get(f"{path}/cancellation").json()["code"] == "WRONG_STATE"


def test_a_move_that_is_looked_at_moves_nothing(world: World) -> None:
    driver, path, booking = booked(world, "12:00")
    messages = sa.select(sa.func.count()).select_from(outbox_message)
    before = (driver.get(path).json(), world.scalar(messages))
    preview = driver.post(f"{path}/reschedule/preview", {"start": "2026-03-02T14:00:00Z", "duration_minutes": 120}).json()
    assert preview["period"]["start"] == "2026-03-02T14:00:00Z"
    assert preview["difference_minor"] == preview["quote"]["total_minor"] - booking["quote"]["total_minor"] > 0
    assert (driver.get(path).json(), world.scalar(messages)) == before
    assert world.user().book(booking["location_id"], "14:00").status_code == 201, "nothing is held"


def test_a_move_costs_what_was_shown(world: World) -> None:
    driver, path, _ = booked(world, "12:00")
    body = {"start": "2026-03-02T14:00:00Z", "duration_minutes": 90}
    preview = driver.post(f"{path}/reschedule/preview", body).json()
    moved = driver.post(f"{path}/reschedule", body).json()
    assert (moved["quote"], moved["period"]) == (preview["quote"], preview["period"])
    assert moved["cancel_free_until"] == preview["cancel_free_until"]


def test_a_move_that_cannot_be_says_why_beforehand(world: World, clock: ManualClock) -> None:
    driver, path, booking = booked(world, "12:00")
    world.user().book(booking["location_id"], "14:00")
    taken = driver.post(f"{path}/reschedule/preview", {"start": "2026-03-02T14:30:00Z"})
    assert (taken.status_code, taken.json()["code"]) == (409, "SLOT_TAKEN")
    at(clock, "11:30")
    late = driver.post(f"{path}/reschedule/preview", {"start": "2026-03-02T16:00:00Z"})
    assert late.json()["code"] == "TERMS_REFUSE"
    assert world.scalar(sa.select(booking_table.c.revision).order_by(booking_table.c.id).limit(1)) == 0


def test_a_booking_says_where_it_is_and_until_when_it_may_be_left(world: World) -> None:
    driver, path, booking = booked(world, "12:00", cancel_until_minutes=30, change_until_minutes=120)
    one = driver.get(path).json()
    (listed,) = driver.get("/booking/bookings").json()["items"]
    assert one == listed == booking
    place = one["location"]
    assert (place["id"], place["name"], place["time_zone"]) == (one["location_id"], "Stadhuis", "Europe/Amsterdam")
    start = datetime.fromisoformat(one["period"]["start"])
    assert datetime.fromisoformat(one["cancel_free_until"]) == start - timedelta(minutes=30)
    assert datetime.fromisoformat(one["change_until"]) == start - timedelta(minutes=120)


def test_a_booking_that_may_not_be_moved_has_no_time_for_it(world: World) -> None:
    _, _, booking = booked(world, "12:00", change_not_allowed=True)
    assert booking["change_until"] is None
