"""Charge requests that no decision ends: they follow their booking however it ends, and fail visibly with the platform."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from azure.functions.servicebus import ServiceBusMessage

from app.host.delivery import EmbeddedDelivery, as_service_bus
from app.operations import keep_dead_letter
from app.sweeps import SWEEPS
from functions.booking.sweeps import release_expired_holds, sweep_no_shows
from functions.booking.tables import slot_claim
from functions.notify import repository
from functions.notify.records import new_delivery
from functions.notify.tables import delivery
from functions.optimizer.outcomes import fail_overdue_requests
from shared import outbox
from shared.clock import ManualClock
from tests.support.world import TYPE2, Person, World

CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)
WISH = {
    "soc": 0.3,
    "energy_kwh": 12,
    "origin": {"lat": 52.091, "lon": 5.121},
    "battery_kwh": 60,
    "connectors": [TYPE2],
    "max_power_kw": 22,
}


def ask(driver: Person, **more: Any) -> dict[str, Any]:
    answer = driver.post("/optimizer/charge-requests", WISH | more)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


def request_of(driver: Person, asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = driver.get(f"/optimizer/charge-requests/{asked['id']}").json()
    return found


def decided(driver: Person, **more: Any) -> dict[str, Any]:
    asked = ask(driver, **more)
    driver.world.drain()
    return request_of(driver, asked)


def told(driver: Person) -> list[tuple[str, str]]:
    driver.world.drain()
    return [(item["type"], item["body"]) for item in driver.get("/notify/inbox").json()["items"]]


def test_a_hold_that_is_cancelled_as_a_booking_cancels_its_request(world: World) -> None:
    driver = world.user()
    world.location()
    offered = decided(driver, auto_book=False)
    assert driver.post(f"/booking/bookings/{offered['booking_id']}/cancel").status_code == 200
    world.drain()
    assert request_of(driver, offered)["status"] == "CANCELED"


def test_a_request_is_cancelled_with_its_booking_whoever_cancels(world: World) -> None:
    world.location(evses=4)
    for role in ("driver", "admin"):
        driver = world.user()
        reserved = decided(driver)
        who = driver if role == "driver" else world.user(role)
        assert who.post(f"/booking/bookings/{reserved['booking_id']}/cancel").status_code == 200
        world.drain()
        assert request_of(driver, reserved)["status"] == "CANCELED"


def test_a_request_is_fulfilled_or_missed_with_its_booking(world: World, clock: ManualClock) -> None:
    world.location(evses=4)
    came, missed = world.user(), world.user()
    fulfilled, no_show = decided(came), decided(missed)
    clock.advance(timedelta(minutes=15))
    assert came.post(f"/booking/bookings/{fulfilled['booking_id']}/start").status_code == 200
    clock.advance(timedelta(hours=1))
    assert sweep_no_shows(world.platform) == 1
    world.drain()
    assert request_of(came, fulfilled)["status"] == "FULFILLED"
    assert request_of(missed, no_show)["status"] == "NO_SHOW"


def test_the_hold_that_gave_way_to_another_offer_is_no_matter(world: World) -> None:
    driver = world.user()
    world.location(evses=3)
    offered = decided(driver, auto_book=False)
    assert driver.post(f"/optimizer/charge-requests/{offered['id']}/accept", {"offer": 1}).status_code == 200
    world.drain()
    assert request_of(driver, offered)["status"] == "RESERVED"


def test_a_request_that_is_withdrawn_after_the_start_ends_as_its_booking(world: World, clock: ManualClock) -> None:
    driver = world.user()
    world.location()
    reserved = decided(driver)
    clock.advance(timedelta(minutes=20))
    ended = driver.post(f"/optimizer/charge-requests/{reserved['id']}/cancel").json()
    assert (
        ended["status"] == driver.get(f"/booking/bookings/{reserved['booking_id']}").json()["reservation_status"] == "NO_SHOW"
    )


def test_an_offer_whose_place_is_taken_away_is_told_as_that(world: World) -> None:
    driver, owner = world.user(), world.user("admin")
    place = world.location()
    offered = decided(driver, auto_book=False)
    tag = owner.get(f"/stations/locations/{place}").headers["etag"]
    path, why = f"/stations/locations/{place}/suspend", {"reason": "closed by the city"}
    confirmation = owner.post(path, why, if_match=tag).json()["confirmation"]
    assert owner.post(f"{path}?confirmation={confirmation}", why, if_match=tag).status_code == 200
    kind, body = told(driver)[0]
    assert (kind, body.split(" that")[0]) == ("charge_request_expired", "The operator took away the place")
    assert (request_of(driver, offered)["status"], request_of(driver, offered)["reason"]) == ("EXPIRED", "OFFER_WITHDRAWN")


def test_an_offer_that_lapses_is_told_as_that(world: World, clock: ManualClock) -> None:
    driver = world.user()
    world.location()
    offered = decided(driver, auto_book=False)
    clock.advance(timedelta(minutes=2))
    assert release_expired_holds(world.platform) == 1
    assert "was not accepted in time" in told(driver)[0][1]
    assert request_of(driver, offered)["reason"] == "OFFER_EXPIRED"


def queued(world: World, kind: str = "charge_requested") -> outbox.Message:
    return world.platform.read(lambda tx: next(item for item in outbox.due(tx.conn, now=tx.now) if item.type == kind))


def bury_embedded(world: World, message: outbox.Message) -> None:
    """The tenth delivery of the embedded bus fails: no function takes the queue."""
    assert not EmbeddedDelivery(world.platform, []).deliver(replace(message, attempts=9))


def bury_on_the_bus(world: World, message: outbox.Message) -> None:
    """The bus hands over a message that it gave up on."""
    now = world.platform.clock.now()
    world.platform.database.transact(lambda conn: outbox.settle(conn, [message.id], now=now))
    keep_dead_letter(world.platform, message.queue, as_service_bus(message))


@pytest.mark.parametrize("bury", [bury_embedded, bury_on_the_bus])
def test_a_request_whose_message_is_a_dead_letter_fails_and_books_nothing_when_it_is_revived(world: World, bury: Any) -> None:
    driver = world.user()
    world.location()
    asked = ask(driver)
    message = queued(world)
    bury(world, message)
    failed = request_of(driver, asked)
    assert (failed["status"], failed["reason"], failed["expected_by"]) == ("FAILED", "PLATFORM", None)
    assert told(driver) == [("charge_request_failed", failed["explanation"])]
    assert world.user("admin").post(f"/notify/dead-letters/{message.id}/send-again").status_code == 202
    world.drain()
    assert (request_of(driver, asked)["status"], world.scalar(CLAIMS)) == ("FAILED", 0)


def test_a_dead_letter_that_nobody_can_read_is_kept_all_the_same(world: World) -> None:
    for body in (b"[]", b"no json", b"{}"):
        letter = ServiceBusMessage(
            body=body, message_id=str(uuid.uuid4()), subject="charge_requested", application_properties={}, user_properties={}
        )
        keep_dead_letter(world.platform, outbox.CHARGE_REQUESTS, letter)
    assert len(world.platform.database.read(outbox.dead_letters)) == 3


def test_a_request_of_an_older_dead_letter_that_is_revived_when_its_time_is_over_is_too_late(
    world: World, clock: ManualClock
) -> None:
    driver = world.user()
    world.location()
    asked = ask(driver)
    message = queued(world)
    now = clock.now()
    world.platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="boom", now=now))
    clock.advance(timedelta(hours=6))
    assert world.user("admin").post(f"/notify/dead-letters/{message.id}/send-again").status_code == 202
    world.drain()
    ended = request_of(driver, asked)
    assert (ended["status"], ended["reason"], world.scalar(CLAIMS)) == ("UNSATISFIABLE", "TOO_LATE", 0)
    assert told(driver) == [("charge_request_unsatisfiable", ended["explanation"])]


def test_a_wish_for_later_is_decided_though_its_message_came_late(world: World, clock: ManualClock) -> None:
    driver = world.user()
    world.location()
    asked = ask(driver, earliest_departure="2026-03-02T15:00:00Z")
    clock.advance(timedelta(hours=6))
    world.drain()
    assert request_of(driver, asked)["status"] == "RESERVED"


def test_a_wish_is_too_late_with_its_latest_finish(world: World, clock: ManualClock) -> None:
    driver = world.user()
    world.location()
    asked = ask(driver, latest_finish="2026-03-02T08:05:00Z")
    clock.advance(timedelta(minutes=5))
    world.drain()
    assert request_of(driver, asked)["reason"] == "TOO_LATE"


def test_a_request_that_waits_too_long_fails_by_the_clock(world: World, clock: ManualClock) -> None:
    driver = world.user()
    world.location()
    asked = ask(driver)
    assert asked["expected_by"] == "2026-03-02T08:10:00Z"
    clock.advance(timedelta(minutes=10))
    assert fail_overdue_requests(world.platform) == 0
    clock.advance(timedelta(seconds=1))
    assert SWEEPS["fail_overdue_requests"].load()(world.platform) == 1
    failed = request_of(driver, asked)
    assert (failed["status"], failed["reason"]) == ("FAILED", "PLATFORM")
    world.drain()
    assert (request_of(driver, asked)["status"], world.scalar(CLAIMS)) == ("FAILED", 0), "its message comes after all"
    assert fail_overdue_requests(world.platform) == 0, "a decided one is left alone"


def test_what_a_dead_letter_had_to_send_is_given_up_until_it_is_sent_again(world: World, clock: ManualClock) -> None:
    driver = world.user()
    driver.book(world.location(), "10:00")
    message = queued(world, "booking_reserved")
    world.drain()
    clock.advance(timedelta(minutes=1))
    world.drain()
    world.platform.transact(lambda tx: tx.execute(sa.update(delivery).values(status="PENDING", settled_at=None)))
    now = world.platform.clock.now()
    state = (
        sa.update(outbox.outbox_message).where(outbox.outbox_message.c.id == message.id).values(state="SENT", settled_at=now)
    )
    world.platform.transact(lambda tx: tx.execute(state))
    keep_dead_letter(world.platform, message.queue, as_service_bus(message))
    assert world.scalar(sa.select(delivery.c.status)) == "GIVEN_UP"
    assert world.user("admin").post(f"/notify/dead-letters/{message.id}/send-again").status_code == 202
    world.drain()
    assert world.scalar(sa.select(delivery.c.status)) == "SENT"


def test_what_may_not_be_kept_is_forgotten_when_it_is_given_up(world: World) -> None:
    """The last e-mail of a deleted account, and a code: sent again there is nothing to send any more."""
    user_id, now = world.user().id, world.platform.clock.now()
    for number, keep in enumerate((False, True)):
        made = new_delivery(
            "m", user_id, channel="EMAIL", address=f"{number}@example.org", content={"text": "x", "keep": keep}, now=now
        )
        world.platform.transact(lambda tx, made=made: repository.add_delivery(tx, made))
    world.platform.transact(lambda tx: repository.give_up(tx, "m"))
    left = sa.select(delivery.c.status, delivery.c.address, delivery.c.content).order_by(delivery.c.id)
    assert world.platform.read(lambda tx: [tuple(row) for row in tx.execute(left)]) == [
        ("GIVEN_UP", "", {}),
        ("GIVEN_UP", "1@example.org", {"text": "x", "keep": True}),
    ]
    assert [item.address for item in world.platform.read(lambda tx: repository.pending(tx, "m"))] == ["1@example.org"]
