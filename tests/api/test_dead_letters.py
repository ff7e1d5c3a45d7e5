"""Dead letters: administrators see what could not be delivered and why, and send it again; nobody else does."""

import uuid
from typing import Any

import sqlalchemy as sa

from shared import outbox
from shared.audit import audit_entry
from shared.outbox import inbox_message
from tests.support.world import Person, World


def bury(world: World, payload: dict[str, object]) -> uuid.UUID:
    message = world.platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "booking_reserved", payload))
    now = world.platform.clock.now()
    world.platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="KeyError: 'user_id'", now=now))
    return message.id


def listed(person: Person, **params: object) -> tuple[list[str], str | None]:
    page = person.get("/notify/dead-letters", **params).json()
    return [item["id"] for item in page["items"]], page["next_cursor"]


def test_administrators_see_what_failed_by_pages_and_nobody_else_does(world: World) -> None:
    ids = [str(bury(world, {"n": number})) for number in range(3)]
    admin = world.user("admin")
    first, cursor = listed(admin, limit=2)
    rest, end = listed(admin, limit=2, cursor=cursor)
    assert (first + rest, end) == (ids[::-1], None)
    (newest, *_) = admin.get("/notify/dead-letters").json()["items"]
    assert (newest["queue"], newest["type"], newest["payload"]) == ("notify", "booking_reserved", {"n": 2})
    assert newest["last_error"] == "KeyError: 'user_id'"
    for role in ("driver", "owner"):
        assert world.user(role).get("/notify/dead-letters").status_code == 403
        assert world.user(role).post(f"/notify/dead-letters/{ids[0]}/send-again").status_code == 403
    assert world.client.get("/api/v1/notify/dead-letters").status_code == 401


def test_one_is_sent_again_and_has_its_effect(world: World) -> None:
    driver, admin = world.user(), world.user("admin")
    booked = driver.book(world.location(), "10:00").json()
    message = world.platform.read(
        lambda tx: next(item for item in outbox.due(tx.conn, now=tx.now) if item.type == "booking_reserved")
    )
    now = world.platform.clock.now()
    world.platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="boom", now=now))
    world.drain()
    assert driver.get("/notify/inbox").json()["items"] == []
    answer = admin.post(f"/notify/dead-letters/{message.id}/send-again")
    assert (answer.status_code, answer.json()["id"]) == (202, str(message.id))
    world.drain()
    (told,) = driver.get("/notify/inbox").json()["items"]
    assert told["data"]["booking_id"] == booked["id"]
    assert listed(admin) == ([], None)
    again = admin.post(f"/notify/dead-letters/{message.id}/send-again")
    assert (again.status_code, again.json()["code"]) == (404, "NOT_FOUND")
    statement = sa.select(audit_entry).where(audit_entry.c.object_id == message.id)
    (entry,) = world.platform.read(lambda tx: tx.execute(statement).all())
    assert (entry.action, entry.actor_id, entry.before["last_error"]) == ("send_again", admin.id, "boom")


def test_what_the_bus_gave_up_on_is_kept_once_with_the_last_failure(world: World) -> None:
    platform, now = world.platform, world.platform.clock.now()
    sent = platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {"n": 1}))
    given: dict[str, Any] = {
        "queue": outbox.NOTIFY,
        "event_type": "t",
        "payload": {"n": 1},
        "deliveries": 10,
        "reason": "MaxDelivery",
        "now": now,
    }

    def keep(message_id: uuid.UUID) -> bool:
        return platform.database.transact(lambda conn: outbox.keep_dead(conn, message_id, **given))

    assert not keep(sent.id), "it is still to leave: the copy that died is an older one"
    platform.database.transact(lambda conn: outbox.settle(conn, [sent.id], now=now))
    platform.database.transact(lambda conn: outbox.note_failure(conn, sent.id, error="ValueError: no such event"))
    foreign = uuid.uuid4()
    assert (keep(sent.id), keep(sent.id)) == (True, False)
    assert (keep(foreign), keep(foreign)) == (True, False)
    dead = {item.id: item.last_error for item in platform.database.read(outbox.dead_letters)}
    assert dead == {sent.id: "ValueError: no such event", foreign: "MaxDelivery"}
    assert world.scalar(sa.select(sa.func.count()).select_from(inbox_message)) == 0
