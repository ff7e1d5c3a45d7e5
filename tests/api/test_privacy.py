"""Leaving: a copy of everything about a person, and the deletion of their account with what is kept of it."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from devhost.host.pages import mailbox
from functions.accounts.passwords import hash_password
from functions.accounts.tables import (
    account_token,
    consent,
    identity,
    phone_verification,
    refresh_token,
    session,
    user,
    vehicle,
)
from functions.booking.tables import booking, slot_claim
from functions.notify.tables import delivery, notification
from functions.optimizer.tables import charge_request, decision
from shared import outbox
from shared.audit import audit_entry
from shared.clock import ManualClock
from shared.db import metadata
from shared.web.idempotency import idempotency_key
from tests.support.authorisation_objects import WISH
from tests.support.people import PASSWORD, bearer, log_in, newcomer
from tests.support.world import API, TYPE2, World

PLATE = "AB-12-CD"


def call(world: World, method: str, path: str, tokens: dict[str, Any], body: Any = None, **headers: str) -> Any:
    return world.client.request(method, f"{API}{path}", json=body, headers=bearer(tokens) | headers)


def settled(world: World) -> dict[str, Any]:
    """Ada with a vehicle, a booking, a decided charge request and messages."""
    tokens = newcomer(world)
    car = {"battery_kwh": 52, "max_power_kw": 22, "standards": [TYPE2], "plate": PLATE}
    made = call(world, "POST", "/accounts/me/vehicles", tokens, car, **{"Idempotency-Key": "once"})
    assert made.status_code == 201
    place = {
        "location_id": world.location(),
        "connector": TYPE2,
        "start": "2026-03-02T12:00:00Z",
        "duration_minutes": 60,
        "vehicle_id": made.json()["id"],
    }
    assert call(world, "POST", "/booking/bookings", tokens, place).status_code == 201
    assert call(world, "POST", "/optimizer/charge-requests", tokens, WISH).status_code == 202
    world.drain()
    asked = call(world, "POST", "/accounts/me/phone", tokens, {"number": "+31612345678", "password": PASSWORD})
    assert asked.status_code == 202, asked.text
    return tokens


def unzipped(answer: Any) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {
            name: json.loads(archive.read(name)) if name.endswith(".json") else archive.read(name).decode()
            for name in archive.namelist()
        }


def test_the_export_holds_everything_and_nothing_of_others(world: World) -> None:
    stranger = world.user()
    hidden = stranger.book(world.location(name="Elsewhere"), "13:00").json()["id"]
    tokens = settled(world)
    answer = call(world, "GET", "/accounts/me/export", tokens)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    found = unzipped(answer)
    names = [
        "profile",
        "vehicles",
        "bookings",
        "charge_requests",
        "waitlist",
        "notifications",
        "ledger",
        "documents",
        "sessions",
        "audit",
        "ratings",
        "payments",
        "staff",
    ]
    assert sorted(found) == sorted(["README.txt", *(f"{name}.json" for name in names)])
    assert all(f"{name}.json" in found["README.txt"] for name in names)
    assert found["profile.json"]["email"] == "ada@example.org"
    assert [one["document"] for one in found["profile.json"]["consents"]] == ["terms", "privacy"]
    assert found["profile.json"]["phone_to_confirm"]["number"] == "+31612345678"
    assert found["vehicles.json"][0]["plate"] == PLATE
    assert len(found["bookings.json"]) == 2
    assert found["bookings.json"][0]["booking_requests"][0]["request_status"] == "ACCEPTED"
    assert found["charge_requests.json"][0]["wish"]["latitude"] == WISH["origin"]["lat"]
    assert found["charge_requests.json"][0]["whole_decision"]["candidates"]
    assert {item["type"] for item in found["notifications.json"]["in_app"]} == {"booking_reserved"}
    assert "Confirm your e-mail address" in {item["subject"] for item in found["notifications.json"]["sent"]}
    assert found["sessions.json"][0]["user_agent"]
    everything = json.dumps(found)
    for secret in ("password_hash", "token_hash", "address_hash"):
        assert secret not in everything
    assert all(len(one["text_hash"]) == 64 for one in found["profile.json"]["consents"]), "which text they accepted"
    subjects = {one["subject"] for one in found["notifications.json"]["told"]}
    assert {f"booking/{item['id']}" for item in found["bookings.json"]} >= subjects
    assert subjects
    assert "argon2" not in everything
    assert tokens["refresh_token"] not in everything
    assert str(stranger.id) not in everything
    assert hidden not in everything


def test_the_export_has_the_audit_about_oneself(world: World) -> None:
    tokens, admin = newcomer(world), world.user("admin")
    user_id = call(world, "GET", "/accounts/me", tokens).json()["id"]
    admin.patch(f"/accounts/users/{user_id}", {"role": "owner", "reason": "asked for it"})
    fresh = log_in(world.client).json()
    (entry,) = unzipped(call(world, "GET", "/accounts/me/export", fresh))["audit.json"]
    assert (entry["action"], entry["after"]) == ("user.update", {"role": "owner", "reason": "asked for it"})


def test_open_bookings_stand_in_the_way_and_are_listed(world: World) -> None:
    tokens = settled(world)
    refused = call(world, "POST", "/accounts/me/deletion", tokens, {"password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    listed = {item["id"] for item in refused.json()["bookings"]}
    stored = call(world, "GET", "/booking/bookings", tokens).json()["items"]
    assert listed == {item["id"] for item in stored}
    assert {item["reservation_status"] for item in stored} == {"RESERVED"}
    assert call(world, "GET", "/accounts/me", tokens).status_code == 200


def test_a_deleted_account_leaves_bookings_of_nobody(world: World, clock: ManualClock) -> None:
    tokens = settled(world)
    me = call(world, "GET", "/accounts/me", tokens).json()
    done = call(world, "POST", "/accounts/me/deletion", tokens, {"password": PASSWORD, "cancel_bookings": True})
    assert done.status_code == 204, done.text
    gone = call(world, "GET", "/accounts/me", tokens)
    assert (gone.status_code, gone.json()["code"]) == (401, "UNAUTHENTICATED"), "the access token ends at once"
    assert log_in(world.client).status_code == 401
    assert world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401

    of_the_account = (user, session, refresh_token, account_token, phone_verification, identity, vehicle)
    agreed = world.platform.read(lambda tx: tx.execute(sa.select(consent)).all())
    assert {(row.document, row.address_hash) for row in agreed} == {("terms", None), ("privacy", None)}
    for table in (*of_the_account, notification, idempotency_key, decision):
        assert world.scalar(sa.select(sa.func.count()).select_from(table)) == 0, table.name
    rows = world.platform.read(lambda tx: tx.execute(sa.select(booking)).all())
    assert len(rows) == 2
    assert {row.status for row in rows} == {"CANCELED"}
    (pseudonym,) = {row.user_id for row in (*rows, *agreed)}
    assert pseudonym.version == 4
    assert {row.vehicle_id for row in rows} == {None}
    assert world.scalar(sa.select(sa.func.count()).select_from(slot_claim)) == 0, "what was booked is free again"
    asked = world.platform.read(lambda tx: tx.execute(sa.select(charge_request)).one())
    assert (asked.user_id, asked.vehicle_id) == (pseudonym, None)
    assert (asked.wish["latitude"], asked.wish["longitude"]) == (52.1, 5.1), "where they set out is blunt"

    world.drain()
    assert mailbox(world.platform)[0].subject == "Your account is deleted"
    clock.advance(timedelta(hours=4))
    world.drain()
    assert mailbox(world.platform)[0].subject == "Your account is deleted", "no reminder of what was cancelled"
    assert world.platform.database.read(outbox.dead_letters) == []

    def holding(*words: str) -> set[str]:
        def read(tx: Any) -> set[str]:
            return {
                table.name
                for table in metadata.sorted_tables
                if any(word in repr(tx.execute(sa.select(table)).all()).lower() for word in words)
            }

        return world.platform.read(read)

    assert holding("ada@example.org", PLATE.lower(), "+31612345678") <= {"outbox_message"}, "sent messages, for seven days"
    assert holding(me["id"]) <= {"outbox_message", "delivery", "audit_entry"}, "an id that is nobody's"


def test_sent_messages_are_gone_after_a_week(world: World, clock: ManualClock) -> None:
    tokens = settled(world)
    call(world, "POST", "/accounts/me/deletion", tokens, {"password": PASSWORD, "cancel_bookings": True})
    clock.advance(timedelta(hours=4))
    world.drain()
    clock.advance(timedelta(days=7, seconds=1))
    world.platform.relay_outbox()
    assert world.scalar(sa.select(sa.func.count()).select_from(outbox.outbox_message)) == 0
    statement = sa.select(delivery.c.address, delivery.c.content)
    assert world.platform.read(lambda tx: [tuple(row) for row in tx.execute(statement)]) == [("", {})]


def test_the_audit_keeps_the_id_and_not_the_name_of_who_deleted(world: World) -> None:
    tokens = newcomer(world)
    user_id = call(world, "GET", "/accounts/me", tokens).json()["id"]
    assert call(world, "POST", "/accounts/me/deletion", tokens, {"password": PASSWORD}).status_code == 204
    row = world.platform.read(lambda tx: tx.execute(sa.select(audit_entry)).one())
    assert (row.action, str(row.object_id), row.before) == ("user.delete", user_id, {"role": "driver"})


def test_a_running_session_an_owned_location_and_the_last_administrator_stand_in_the_way(world: World) -> None:
    tokens = newcomer(world)
    body = {"location_id": world.location(), "connector": TYPE2, "start": "2026-03-02T08:00:00Z", "duration_minutes": 60}
    made = call(world, "POST", "/booking/bookings", tokens, body).json()
    assert call(world, "POST", f"/booking/bookings/{made['id']}/start", tokens).status_code == 200
    refused = call(world, "POST", "/accounts/me/deletion", tokens, {"password": PASSWORD, "cancel_bookings": True})
    assert refused.status_code == 409
    assert [item["id"] for item in refused.json()["bookings"]] == [made["id"]]
    assert "stop the session" in refused.json()["detail"]

    owner = world.user("owner")
    with_password = {"password": PASSWORD, "cancel_bookings": False}
    hashed = sa.update(user).where(user.c.role != "driver").values(password_hash=hash_password(PASSWORD))
    world.platform.transact(lambda tx: tx.execute(hashed))
    world.owner_id = owner.id
    place = world.location(name="Mine")
    refused = owner.post("/accounts/me/deletion", with_password)
    assert refused.json()["locations"] == [{"id": place, "name": "Mine"}]

    admin = world.user("admin")
    world.platform.transact(lambda tx: tx.execute(hashed))
    assert admin.post("/accounts/me/deletion", with_password).status_code == 409
    world.user("admin")
    assert admin.post("/accounts/me/deletion", with_password).status_code == 204


@pytest.mark.parametrize("body", [{}, {"password": "wrong"}, {"password": None}])
def test_nobody_deletes_an_account_without_its_password(world: World, body: dict[str, Any]) -> None:
    tokens = newcomer(world)
    refused = call(world, "POST", "/accounts/me/deletion", tokens, body)
    assert (refused.status_code, refused.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert world.scalar(sa.select(sa.func.count()).select_from(user)) == 1


def test_the_address_is_free_again(world: World) -> None:
    tokens = newcomer(world)
    call(world, "POST", "/accounts/me/deletion", tokens, {"password": PASSWORD})
    world.drain()
    fresh = newcomer(world)
    assert call(world, "GET", "/booking/bookings", fresh).json()["items"] == []
