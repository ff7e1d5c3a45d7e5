"""Idempotency-Keys: one effect and one answer a key, whether yes or no; what is not decided is not kept."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from functions.booking.tables import slot_claim
from shared.audit import audit_entry
from shared.clock import ManualClock
from shared.errors import AppError, ConfirmationNeeded, IdempotencyKeyReused, every_error
from shared.outbox import outbox_message
from shared.web.idempotency import idempotency_key, is_decided, prune_idempotency, request_hash
from tests.support.key_races import a_late_first_sending_is_told_what_the_repeat_was, kept, twins_get_one_answer, wish
from tests.support.world import API, TYPE2, World
from tests.unit.operators.test_image_sanitizer import picture

CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)
KEYS = sa.select(sa.func.count()).select_from(idempotency_key)


def test_an_idempotency_key_has_one_effect(world: World) -> None:
    driver, place = world.user(), world.location(evses=5)
    body = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "duration_minutes": 60}
    first = driver.post("/booking/bookings", body, key="k1")
    again = driver.post("/booking/bookings", body, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert world.scalar(CLAIMS) == 12
    other = driver.post("/booking/bookings", body | {"duration_minutes": 30}, key="k1")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    own = world.user().post("/booking/bookings", body, key="k1")
    assert own.json()["id"] != first.json()["id"], "keys are a user's own"


def test_a_late_first_sending_is_told_what_the_repeat_was(world: World) -> None:
    a_late_first_sending_is_told_what_the_repeat_was(world)


def test_twins_at_once_get_one_answer(world: World) -> None:
    won, refused = twins_get_one_answer(world)
    assert won + refused == 12


def test_a_refusal_leaves_nothing_but_its_answer(world: World) -> None:
    place, blocker, owner = world.location(evses=1), world.user(), world.user("owner")
    blocker.book(place, "10:00")
    counts = [sa.select(sa.func.count()).select_from(table) for table in (outbox_message, audit_entry, slot_claim)]
    before = [world.scalar(count) for count in counts]
    assert owner.post("/booking/bookings", wish(place), key="k").status_code == 409
    assert [world.scalar(count) for count in counts] == before
    assert world.scalar(KEYS) == 1


def test_what_does_not_exist_and_what_has_changed_is_kept_too(world: World) -> None:
    driver = world.user()
    missing = driver.post("/booking/bookings/00000000-0000-7000-8000-000000000000/cancel", key="k")
    again = driver.post("/booking/bookings/00000000-0000-7000-8000-000000000000/cancel", key="k")
    assert missing.status_code == 404
    assert kept(again) == kept(missing)
    assert again.headers["idempotency-replayed"] == "true"


def test_a_photo_refused_before_it_is_decoded_is_kept_as_any_refusal(world: World) -> None:
    owner = world.user("owner")
    world.owner_id = owner.id
    path = f"{API}/stations/locations/{world.location()}/photos"

    def send(if_match: str, **query: str) -> Any:
        headers = owner.headers() | {"Content-Type": "image/png", "If-Match": if_match, "Idempotency-Key": "k"}
        return world.client.post(path, content=picture("PNG"), headers=headers, params=query)

    stale = send('"9"')
    assert (stale.status_code, stale.json()["code"]) == (412, "PRECONDITION_FAILED")
    late = send("*")
    assert kept(late) == kept(stale), "the key was told no"
    other = send("*", caption="The door")
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED", "another query is another request"


def test_what_is_not_decided_is_not_kept(world: World) -> None:
    place, driver = world.location(), world.user()
    past = driver.post("/booking/bookings", wish(place, "2026-02-02T10:00:00Z"), key="k")
    assert past.status_code == 422
    assert world.scalar(KEYS) == 0
    made = driver.post("/booking/bookings", wish(place), key="k")
    assert (made.status_code, "idempotency-replayed" in made.headers) == (201, False)


def test_which_refusals_are_decided() -> None:
    decided = {kind.code for kind in every_error() if is_decided(kind())}
    assert decided >= {
        "NOT_FOUND",
        "CONFLICT",
        "SLOT_TAKEN",
        "WRONG_STATE",
        "TERMS_REFUSE",
        "LIMIT_REACHED",
        "PRECONDITION_FAILED",
    }
    assert not is_decided(ConfirmationNeeded()), "a question is no answer"
    assert not is_decided(IdempotencyKeyReused()), "said of the key, not of the wish"
    assert {kind.status for kind in every_error() if is_decided(kind())} <= {402, 404, 409, 412}
    assert not is_decided(AppError())


def test_the_hash_is_of_the_whole_request() -> None:
    route, long = "POST /api/v1/x", "POST /api/v1/" + "x" * 200
    hashes = [
        request_hash(route=route, query=b"", body=b"{}"),
        request_hash(route=route, query=b"a=1", body=b"{}"),
        request_hash(route=route, query=b"a=2", body=b"{}"),
        request_hash(route=route, query=b"", body=b"{ }"),
        request_hash(route=long, query=b"", body=b"{}"),
        request_hash(route=long + "y", query=b"", body=b"{}"),
    ]
    assert len(set(hashes)) == len(hashes)


def test_answers_are_kept_for_a_day(world: World, clock: ManualClock) -> None:
    place, driver = world.location(evses=1), world.user()
    driver.post("/booking/bookings", wish(place), key="k")
    clock.advance(timedelta(hours=24))
    assert world.platform.transact(prune_idempotency) == 0
    clock.advance(timedelta(seconds=1))
    assert world.platform.transact(prune_idempotency) == 1
