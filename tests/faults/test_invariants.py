"""The fault harness can fail: each invariant is violated on purpose, and the checker names it and its rows."""

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.booking.tables import booking, booking_request, slot_claim
from functions.notify.tables import delivery, notification
from functions.optimizer.tables import charge_request, decision
from functions.stations.domain import BookingTerms
from shared import outbox
from shared.clock import ManualClock
from shared.db import new_id
from shared.outbox import inbox_message, outbox_message
from shared.settings import Settings
from shared.slots import SLOT
from shared.web.idempotency import idempotency_key
from tests.conftest import MONDAY_EIGHT
from tests.faults.drivers import Attempt, ContendingDriver
from tests.faults.invariants import DatabaseSnapshot, Violation, check_all, poison_is_visible
from tests.support.world import World

EVERYTHING: frozenset[uuid.UUID] = frozenset()


class ContentionRun:
    """Two drivers who contended for two EVSEs of an embedded platform, and all is quiet again."""

    def __init__(self, world: World) -> None:
        self.world = world
        terms = BookingTerms(open_bookings_per_driver=100)
        place = world.location(evses=2, latitude=45.0, longitude=5.1, terms=terms)
        world.location(evses=1, latitude=45.027, longitude=5.1)
        day = world.platform.clock.now() + timedelta(hours=3)
        self.drivers = [
            ContendingDriver(world.user(), [""], (place, 45.0, 5.1), day, seed, client=world.client) for seed in (1, 2)
        ]
        for _ in range(40):
            for driver in self.drivers:
                driver.attempt()
            world.drain()

    def change(self, statement: Any) -> None:
        """A write behind the platform's back; foreign keys are off."""
        with self.world.platform.database.engine.connect() as conn:
            driver = conn.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")  # before SQLAlchemy's BEGIN: inside it does nothing
            with conn.begin():
                assert conn.execute(statement).rowcount > 0
            driver.execute("PRAGMA foreign_keys=ON")

    def row(self, table: sa.Table, *where: Any) -> Any:
        """Some row."""
        rows = self.world.platform.read(
            lambda tx: tx.execute(sa.select(table).where(*where).order_by(*table.primary_key)).all()
        )
        assert rows, "the run left no such row"
        return random.Random(1).choice(rows)

    def copy(self, table: sa.Table, row: Any, **changes: Any) -> None:
        """A second row like one."""
        self.change(sa.insert(table).values(**row._asdict() | changes))

    def violations(self, poison: frozenset[uuid.UUID] = EVERYTHING) -> list[Violation]:
        """What the checker finds."""
        snapshot = self.world.platform.database.read(DatabaseSnapshot.read)
        return check_all(snapshot, self.drivers, poison=poison, mailed=None, now=self.world.platform.clock.now())


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContentionRun]:
    platform = make_platform(
        Settings(data_dir=tmp_path_factory.mktemp("contention"), message_hold_s=0), ManualClock(MONDAY_EIGHT)
    )
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform)) as client:
        yield ContentionRun(World(platform, client))
    platform.close()


@pytest.fixture
def run(finished_run: ContentionRun) -> Iterator[ContentionRun]:
    """The run as it ended; what a test breaks is mended after it."""
    database, answers = finished_run.world.platform.database, [list(driver.violations) for driver in finished_run.drivers]
    file = Path(database.address.removeprefix("sqlite:///"))
    database.dispose()
    kept = file.read_bytes()
    yield finished_run
    database.dispose()
    file.write_bytes(kept)
    for driver, violations in zip(finished_run.drivers, answers, strict=True):
        driver.violations[:] = violations


def test_after_fair_contention_no_invariant_is_violated(run: ContentionRun) -> None:
    assert run.violations() == []
    seen = sum((driver.seen for driver in run.drivers), start=type(run.drivers[0].seen)())
    wanted = {"reserve 201", "reserve 409 SLOT_TAKEN", "reschedule 200", "cancel 200", "ask 202", "withdraw 200"}
    assert wanted <= set(seen), f"there was no contention: {seen}"


Sabotage = Callable[[ContentionRun], str]
RESERVED = booking.c.status == "RESERVED"


def a_claim_without_booking(run: ContentionRun) -> str:
    canceled = run.row(booking, booking.c.status == "CANCELED")
    run.change(sa.insert(slot_claim).values(evse_id=new_id(), slot_start=canceled.start, booking_id=canceled.id))
    return f"for CANCELED booking {canceled.id}"


def a_claim_of_a_booking_that_is_not_there(run: ContentionRun) -> str:
    nobody = new_id()
    start = run.row(booking).start
    run.change(sa.insert(slot_claim).values(evse_id=new_id(), slot_start=start, booking_id=nobody))
    return f"for no booking {nobody}"


def a_booking_without_its_claims(run: ContentionRun) -> str:
    row = run.row(booking, RESERVED)
    run.change(sa.delete(slot_claim).where(slot_claim.c.booking_id == row.id))
    return f"RESERVED booking {row.id} lacks"


def a_minute_held_twice(run: ContentionRun) -> str:
    row = run.row(booking, RESERVED)
    twin = new_id()
    run.copy(booking, row, id=twin, start=row.end - SLOT, end=row.end + SLOT, user_id=new_id())
    return f"{twin}"


def a_booking_gone(run: ContentionRun) -> str:
    driver = next(driver for driver in run.drivers if driver.bookings)
    booking_id = uuid.UUID(next(iter(driver.bookings)))
    for table, column in ((slot_claim, slot_claim.c.booking_id), (booking_request, booking_request.c.booking_id)):
        if run.world.scalar(sa.select(sa.func.count()).select_from(table).where(column == booking_id)):
            run.change(sa.delete(table).where(column == booking_id))
    run.change(sa.delete(booking).where(booking.c.id == booking_id))
    return f"booking {booking_id}, told"


def a_booking_moved_behind_its_drivers_back(run: ContentionRun) -> str:
    row = run.row(booking, RESERVED, booking.c.charge_request_id.is_(None))
    run.change(sa.update(booking).where(booking.c.id == row.id).values(end=row.end + SLOT))
    return f"booking {row.id} was told RESERVED"


def a_second_effect_of_one_key(run: ContentionRun) -> str:
    row = run.row(booking, RESERVED, booking.c.charge_request_id.is_(None))
    twin = new_id()
    later = timedelta(days=2)
    run.copy(booking, row, id=twin, start=row.start + later, end=row.end + later)
    return f"RESERVED booking {twin} of {row.user_id} was told to nobody"


def a_quote_that_changed(run: ContentionRun) -> str:
    row = run.row(booking, RESERVED, booking.c.charge_request_id.is_(None))
    dearer = row.quote | {"total_minor": row.quote["total_minor"] + 1}
    run.change(sa.update(booking).where(booking.c.id == row.id).values(quote=dearer))
    return f"a quote is frozen: booking {row.id}"


def a_charge_request_left_in_the_queue(run: ContentionRun) -> str:
    request = run.row(charge_request, charge_request.c.status == "RESERVED")
    run.change(sa.update(charge_request).where(charge_request.c.id == request.id).values(status="QUEUED"))
    return f"charge request {request.id} is still QUEUED"


def a_charge_request_booked_twice(run: ContentionRun) -> str:
    row = run.row(booking, RESERVED, booking.c.charge_request_id.is_not(None))
    later = timedelta(days=2)
    run.copy(booking, row, id=new_id(), start=row.start + later, end=row.end + later)
    return f"charge request {row.charge_request_id} holds bookings"


def a_decision_gone(run: ContentionRun) -> str:
    request = run.row(charge_request, charge_request.c.status == "RESERVED")
    run.change(sa.delete(decision).where(decision.c.charge_request_id == request.id))
    return f"RESERVED charge request {request.id} has no decision"


def a_message_never_consumed(run: ContentionRun) -> str:
    message = run.row(outbox_message, outbox_message.c.type == "booking_reserved")
    run.change(sa.delete(inbox_message).where(inbox_message.c.message_id == str(message.id)))
    return f"message {message.id} of notify was consumed by nobody"


def a_message_left_in_the_outbox(run: ContentionRun) -> str:
    message = run.row(outbox_message, outbox_message.c.state == "SENT")
    run.change(sa.update(outbox_message).where(outbox_message.c.id == message.id).values(state="PENDING"))
    return f"message {message.id} of {message.queue} has not left the outbox"


def a_good_message_dead(run: ContentionRun) -> str:
    message = run.row(outbox_message, outbox_message.c.state == "SENT")
    run.change(sa.update(outbox_message).where(outbox_message.c.id == message.id).values(state="DEAD", last_error="boom"))
    return "is a dead letter: boom"


def a_driver_told_twice(run: ContentionRun) -> str:
    run.copy(notification, run.row(notification, notification.c.type == "booking_reserved"), id=new_id())
    return "1 notifications too many of booking_reserved"


def a_driver_not_told(run: ContentionRun) -> str:
    sent = run.row(notification, notification.c.type == "booking_canceled")
    run.change(sa.delete(notification).where(notification.c.id == sent.id))
    return "1 notifications are missing of booking_canceled"


def an_email_twice(run: ContentionRun) -> str:
    sent = run.row(delivery)
    run.copy(delivery, sent, id=new_id())
    return f"2 EMAIL deliveries of message {sent.message_id}"


def an_email_never_sent(run: ContentionRun) -> str:
    sent = run.row(delivery)
    run.change(sa.update(delivery).where(delivery.c.id == sent.id).values(status="PENDING"))
    return f"EMAIL delivery {sent.id} is PENDING"


def an_event_told_of_nothing(run: ContentionRun) -> str:
    message = run.row(outbox_message, outbox_message.c.type == "booking_canceled")
    run.copy(outbox_message, message, id=new_id())
    return f"booking {message.payload['booking_id']}"


def a_key_forgotten(run: ContentionRun) -> str:
    key = run.row(idempotency_key)
    run.change(sa.delete(idempotency_key).where(idempotency_key.c.key == key.key))
    return "nothing is stored of"


def a_key_that_tells_something_else(run: ContentionRun) -> str:
    key = run.row(idempotency_key)
    run.change(sa.update(idempotency_key).where(idempotency_key.c.key == key.key).values(body='{"id": "another"}'))
    return '{"id": "another"} is stored of'


@pytest.mark.parametrize(
    "sabotage",
    [
        a_claim_without_booking,
        a_claim_of_a_booking_that_is_not_there,
        a_booking_without_its_claims,
        a_minute_held_twice,
        a_booking_gone,
        a_booking_moved_behind_its_drivers_back,
        a_second_effect_of_one_key,
        a_quote_that_changed,
        a_charge_request_left_in_the_queue,
        a_charge_request_booked_twice,
        a_decision_gone,
        a_message_never_consumed,
        a_message_left_in_the_outbox,
        a_good_message_dead,
        a_driver_told_twice,
        a_driver_not_told,
        an_email_twice,
        an_email_never_sent,
        an_event_told_of_nothing,
        a_key_forgotten,
        a_key_that_tells_something_else,
    ],
    ids=lambda sabotage: sabotage.__name__,
)
def test_a_violated_invariant_is_named(run: ContentionRun, sabotage: Sabotage) -> None:
    names = sabotage(run)
    said = [str(item) for item in run.violations()]
    assert any(names in line for line in said), f"{names!r} is not named in {said}"


def test_an_answer_that_is_not_fair_is_named(run: ContentionRun) -> None:
    driver = run.drivers[0]
    path = "/booking/bookings"
    body = {"start": driver.day.isoformat()}
    same = {"location_id": driver.place[0], "period": {"start": driver.day.isoformat(), "end": (driver.day + SLOT).isoformat()}}
    for answer in (
        {"code": "SLOT_TAKEN", "alternatives": []},
        {"code": "SLOT_TAKEN", "alternatives": [same]},
        {"code": "WRONG_STATE", "detail": "It is CANCELED."},
    ):
        driver._remember(Attempt(driver.person.id, "reserve", path, body, status=409, answer=answer))
    said = [item.rows for item in run.violations() if item.invariant.startswith("every loser")]
    assert [line.split(":")[0] for line in said] == [
        "a loser without alternatives",
        "an alternative that is none",
        "an answer that should not be",
    ]


def test_a_change_may_be_too_late_but_not_before_its_time(run: ContentionRun) -> None:
    """An alternative that a driver took may begin sooner than its terms allow changes: being refused then is fair."""
    driver, now = run.drivers[0], run.world.platform.clock.now()
    booking_id, answer = next(
        (booking_id, answer) for booking_id, answer in driver.bookings.items() if answer.status == "RESERVED"
    )
    start = datetime.fromisoformat(answer.start)

    def refused(until: datetime) -> list[str]:
        answer = {"code": "TERMS_REFUSE", "change_until": until.isoformat()}
        path = f"/booking/bookings/{booking_id}/reschedule"
        driver._remember(Attempt(driver.person.id, "reschedule", path, {}, status=409, answer=answer))
        return [item.rows for item in run.violations() if item.invariant.startswith("every loser")]

    assert refused(now - timedelta(seconds=1)) == []
    assert len(refused(min(now + timedelta(minutes=1), start - SLOT))) == 1, "there was time yet"
    assert len(refused(start)) == 2, "a deadline at the start is none"


def test_poison_that_is_not_dead_or_not_shown_is_named(run: ContentionRun) -> None:
    message = run.world.platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "nonsense", {}))
    poison = frozenset({message.id})
    assert [str(item) for item in run.violations(poison)] == [
        f"poison is dead-lettered and visible: nonsense message {message.id} of notify is PENDING"
    ]
    admin, pages = run.world.user("admin"), run.world.platform.clock
    for _ in range(10):
        run.world.drain()
        pages.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    shown = admin.get("/notify/dead-letters").json()["items"]
    assert list(poison_is_visible(poison, 0, shown)) == []
    assert run.violations(poison) == []
    assert "is not among the dead letters" in str(next(poison_is_visible(poison, 0, [])))
    assert "1 messages of others" in str(next(poison_is_visible(EVERYTHING, 1, [])))
