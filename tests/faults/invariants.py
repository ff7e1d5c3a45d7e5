"""The promises, each checked against the database and what the clients were told. A broken one names its rows."""

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from app.subscriptions import EVENTS
from functions.booking.tables import booking, booking_request, slot_claim
from functions.notify.domain import RENDERERS
from functions.notify.tables import delivery, notification
from functions.optimizer.tables import charge_request, decision
from shared.outbox import CHARGE_REQUESTS, DEAD, NOTIFY, PENDING, inbox_message, outbox_message
from shared.slots import slot_after, slot_of, slot_start
from shared.web.idempotency import idempotency_key
from tests.faults.drivers import Driver

CONSUMERS = {CHARGE_REQUESTS: "optimize_charge_request", NOTIFY: "send_notifications"}
HISTORY = {"booking_reserved": "reserve", "booking_rescheduled": "reschedule", "booking_canceled": "cancel"}
Kind = Literal["lost", "doubled", "broken"]


@dataclass(frozen=True)
class Broken:
    """A promise that does not hold, and the rows that show it. `lost`: what was told is not there; `doubled`: twice there."""

    kind: Kind
    promise: str
    rows: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.rows}"


@dataclass
class Books:
    """Every row that the promises speak of."""

    bookings: dict[uuid.UUID, Any]
    claims: list[Any]
    asked: dict[uuid.UUID, list[Any]]
    requests: dict[uuid.UUID, Any]
    decisions: set[uuid.UUID]
    messages: dict[uuid.UUID, Any]
    inbox: set[tuple[str, str]]
    notifications: list[Any]
    deliveries: list[Any]
    keys: dict[tuple[uuid.UUID, str, str], Any] = field(default_factory=dict)

    @classmethod
    def read(cls, conn: sa.Connection) -> "Books":
        """Reads them in one view."""

        def rows(table: sa.Table) -> Sequence[Any]:
            return conn.execute(sa.select(table)).all()

        asked: dict[uuid.UUID, list[Any]] = defaultdict(list)
        for row in conn.execute(sa.select(booking_request).order_by(booking_request.c.id)):
            asked[row.booking_id].append(row)
        return cls(
            bookings={row.id: row for row in rows(booking)},
            claims=list(rows(slot_claim)),
            asked=asked,
            requests={row.id: row for row in rows(charge_request)},
            decisions={row.charge_request_id for row in rows(decision)},
            messages={row.id: row for row in rows(outbox_message)},
            inbox={(row.consumer, row.message_id) for row in rows(inbox_message)},
            notifications=list(rows(notification)),
            deliveries=list(rows(delivery)),
            keys={(row.user_id, row.route, row.key): row for row in rows(idempotency_key)},
        )


def _at(slot: int) -> str:
    return slot_start(slot).isoformat(timespec="minutes")


def _periods(books: Books) -> Iterator[tuple[Any, int, int]]:
    """(booking, first slot, slot after the last) of every booking that holds an EVSE."""
    for row in books.bookings.values():
        first, after = slot_of(row.start), slot_of(row.end)
        if row.status in ("RESERVED", "PENDING"):
            yield row, first, after
        elif row.status == "FULFILLED":
            first = min(first, slot_of(row.started_at))
            yield row, first, after if row.stopped_at is None else max(first, min(after, slot_after(row.stopped_at)))


def no_minute_held_twice(books: Books) -> Iterator[Broken]:
    """By the bookings' own periods, whatever the claims say; and by the claims."""
    by_evse: dict[uuid.UUID, list[tuple[int, int, Any]]] = defaultdict(list)
    for row, first, after in _periods(books):
        by_evse[row.evse_id].append((first, after, row))
    for evse, held in by_evse.items():
        held.sort(key=lambda item: item[:2])
        for place, (first, after, row) in enumerate(held):
            for begin, until, other in held[place + 1 :]:
                if begin >= after:
                    break
                if first < until:
                    what = f"EVSE {evse} from {_at(begin)} to {_at(min(after, until))} by bookings {row.id} and {other.id}"
                    yield Broken("doubled", "no minute of an EVSE is held twice", what)
    counted = Counter((row.evse_id, row.slot_start) for row in books.claims)
    for (evse, start), count in counted.items():
        if count > 1:
            yield Broken("doubled", "no minute of an EVSE is held twice", f"{count} claims of EVSE {evse} at {start}")


def claims_and_bookings_agree(books: Books) -> Iterator[Broken]:
    """No booking without its claims, no claim without its booking."""
    wanted = {(row.evse_id, slot, row.id) for row, first, after in _periods(books) for slot in range(first, after)}
    held = {(row.evse_id, slot_of(row.slot_start), row.booking_id) for row in books.claims}
    for evse, slot, owner in sorted(wanted - held):
        row = books.bookings[owner]
        yield Broken("lost", "no booking without its claims", f"{row.status} booking {owner} lacks {_at(slot)} on EVSE {evse}")
    for evse, slot, owner in sorted(held - wanted):
        found = books.bookings.get(owner)
        status = "no" if found is None else found.status
        yield Broken(
            "broken", "no claim without its booking", f"{_at(slot)} on EVSE {evse} is claimed for {status} booking {owner}"
        )


def what_was_told_stands(books: Books, drivers: Iterable[Driver]) -> Iterator[Broken]:
    """Every confirmed booking stands as its driver was told last, and there are none that he was not told of."""
    promise = "every confirmed booking stands"
    known: set[uuid.UUID] = set()
    mine: set[uuid.UUID] = set()
    for driver in drivers:
        mine.add(driver.person.id)
        for id, told in driver.bookings.items():
            known.add(uuid.UUID(id))
            row = books.bookings.get(uuid.UUID(id))
            if row is None:
                yield Broken("lost", promise, f"booking {id}, told {told.status}, is not there")
                continue
            told_period = (datetime.fromisoformat(told.start), datetime.fromisoformat(told.end))
            if (row.status, row.start, row.end) != (told.status, *told_period):
                is_now = f"{row.status} {row.start} to {row.end}"
                what = f"booking {id} was told {told.status} {told.start} to {told.end}; it is {is_now}"
                yield Broken("lost", promise, what)
            start, quote = driver.quotes[id]
            if datetime.fromisoformat(start) == row.start and row.quote != quote:
                yield Broken("broken", "a quote is frozen", f"booking {id} was told {quote}; it is {row.quote}")
    for row in books.bookings.values():
        if row.user_id in mine and row.charge_request_id is None and row.id not in known:
            yield Broken(
                "doubled", "one key has one effect", f"{row.status} booking {row.id} of {row.user_id} was told to nobody"
            )


def charge_requests_end_once(books: Books, drivers: Iterable[Driver]) -> Iterator[Broken]:
    """Each is there as told, decided, and holds what its status says, once."""
    promise = "every charge request is decided once"
    live: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for row in books.bookings.values():
        if row.charge_request_id is not None and row.status in ("RESERVED", "PENDING", "FULFILLED"):
            live[row.charge_request_id].append(row)
    known: set[uuid.UUID] = set()
    mine: set[uuid.UUID] = set()
    for driver in drivers:
        mine.add(driver.person.id)
        for id, told in driver.requests.items():
            known.add(uuid.UUID(id))
            row = books.requests.get(uuid.UUID(id))
            if row is None:
                yield Broken("lost", promise, f"charge request {id}, told {told['status']}, is not there")
            elif told["status"] in ("CANCELED", "RESERVED") and row.status != told["status"]:
                yield Broken("lost", promise, f"charge request {id} was told {told['status']}; it is {row.status}")
            elif told["status"] == "RESERVED" and str(row.booking_id) != told["booking_id"]:
                yield Broken(
                    "lost", promise, f"charge request {id} was told booking {told['booking_id']}; it has {row.booking_id}"
                )
    for request_id, row in books.requests.items():
        held = live.get(request_id, [])
        ids = [item.id for item in held]
        if row.status == "QUEUED":
            yield Broken("lost", promise, f"charge request {request_id} is still QUEUED")
        if len(held) > 1:
            yield Broken("doubled", promise, f"charge request {request_id} holds bookings {ids}")
        wanted = {"RESERVED": "RESERVED", "OFFERED": "PENDING"}.get(row.status)
        if wanted is None and held:
            yield Broken("broken", promise, f"{row.status} charge request {request_id} holds bookings {ids}")
        if wanted is not None and [(item.id, item.status) for item in held] != [(row.booking_id, wanted)]:
            yield Broken(
                "lost", promise, f"{row.status} charge request {request_id} should hold {row.booking_id} as {wanted}, not {ids}"
            )
        if row.status in ("RESERVED", "OFFERED", "UNSATISFIABLE", "EXPIRED") and request_id not in books.decisions:
            yield Broken("lost", promise, f"{row.status} charge request {request_id} has no decision")
        if row.user_id in mine and request_id not in known:
            yield Broken("doubled", "one key has one effect", f"charge request {request_id} was told to nobody")


def messages_have_their_effect_once(
    books: Books, *, poison: frozenset[uuid.UUID], mailed: Mapping[str, int] | None, now: datetime
) -> Iterator[Broken]:
    """Each due message left the outbox and was consumed; what it tells was told once, and mailed once."""
    promise = "every outbox message had its effect exactly once"
    told: Counter[str] = Counter()
    for id, row in books.messages.items():
        name = f"{row.type} message {id} of {row.queue}"
        if id in poison:
            if row.state != DEAD:
                yield Broken("broken", "poison is dead-lettered and visible", f"{name} is {row.state}")
            continue
        if row.state == PENDING:
            if row.available_at <= now:
                yield Broken("lost", promise, f"{name} has not left the outbox")
            continue
        if row.state == DEAD and "not_json" in row.payload:
            continue  # another's, put into the queue: `poison_is_visible` counts them
        if row.state == DEAD:
            yield Broken("lost", promise, f"{name} is a dead letter: {row.last_error}")
            continue
        consumed = (CONSUMERS[row.queue], str(id)) in books.inbox
        if not consumed and not _needless(row, books):
            yield Broken("lost", promise, f"{name} was consumed by nobody")
        if consumed and row.queue == NOTIFY and row.type != "booking_reminder":
            told[_event(row.type, row.payload)] += 1
    shown: Counter[str] = Counter()
    for row in books.notifications:
        if row.type != "booking_reminder":
            shown[_event(row.type, row.data)] += 1
    for what, count in (told - shown).items():
        yield Broken("lost", promise, f"{count} notifications are missing of {what}")
    for what, count in (shown - told).items():
        yield Broken("doubled", promise, f"{count} notifications too many of {what}")
    yield from _deliveries(books, promise, poison, mailed)


def _event(type: str, payload: Any) -> str:
    return f"{type} {json.dumps(payload, sort_keys=True)}"


def _needless(message: Any, books: Books) -> bool:
    """A charge request that was withdrawn before its message came is not decided, and nothing is recorded."""
    if message.type != "charge_requested":
        return False
    id = uuid.UUID(message.payload["charge_request_id"])
    found = books.requests.get(id)
    return found is not None and found.status == "CANCELED" and id not in books.decisions


def _is_mailed(event_type: str, payload: dict[str, Any]) -> bool:
    kind = EVENTS[event_type]
    return RENDERERS[kind](kind.of_payload(payload)).email


def _deliveries(books: Books, promise: str, poison: frozenset[uuid.UUID], mailed: Mapping[str, int] | None) -> Iterator[Broken]:
    by_message: Counter[tuple[str, str]] = Counter()
    for row in books.deliveries:
        by_message[(row.message_id, row.channel)] += 1
        if row.status != "SENT":
            yield Broken("lost", promise, f"{row.channel} delivery {row.id} is {row.status}: {row.error}")
        elif mailed is not None and row.channel == "EMAIL" and mailed.get(str(row.id), 0) != 1:
            times = mailed.get(str(row.id), 0)
            yield Broken("doubled" if times else "lost", promise, f"e-mail delivery {row.id} was accepted {times} times")
    for (message, channel), count in by_message.items():
        if count > 1:
            yield Broken("doubled", promise, f"{count} {channel} deliveries of message {message}")
    for id, row in books.messages.items():
        consumed = ("send_notifications", str(id)) in books.inbox and id not in poison and EVENTS.get(row.type) in RENDERERS
        mails = consumed and row.type != "booking_reminder" and _is_mailed(row.type, row.payload)
        if mails and by_message[(str(id), "EMAIL")] == 0:
            yield Broken("lost", promise, f"{row.type} message {id} has no e-mail")
    if mailed is not None:
        known = {str(row.id) for row in books.deliveries}
        for operation_id in mailed.keys() - known:
            yield Broken("doubled", promise, f"an e-mail was accepted of which no delivery is known: {operation_id}")


def history_is_told(books: Books) -> Iterator[Broken]:
    """What was asked of each booking, what happened to it and what was told of it are one story."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for row in books.messages.values():
        if row.type in HISTORY and "booking_id" in row.payload:
            told[row.payload["booking_id"]][HISTORY[row.type]] += 1
    for id, row in books.bookings.items():
        story = told[str(id)]
        changes = len(books.asked[id]) - 1
        canceled = sum(bool(item.canceled) for item in books.asked[id])
        held_first = row.charge_request_id is not None and row.status in ("PENDING", "CANCELED")
        confirmed = min(1, story["reserve"]) if held_first else 1
        wanted = {"reserve": confirmed, "reschedule": changes - canceled, "cancel": canceled}
        if any(story[name] != count for name, count in wanted.items()):
            kind: Kind = "doubled" if any(story[name] > count for name, count in wanted.items()) else "lost"
            yield Broken(kind, "one change, one event", f"{row.status} booking {id}: {wanted} asked, {dict(story)} told")


def keys_tell_what_happened(books: Books, drivers: Iterable[Driver]) -> Iterator[Broken]:
    """Every success was stored with its key as it was told, and no key holds an answer that nobody got."""
    promise = "a key tells what happened"
    for driver in drivers:
        known = {}
        for attempt in driver.attempts:
            known[("POST /api/v1" + attempt.path, attempt.key)] = attempt
        stored = {(route, key): row for (user, route, key), row in books.keys.items() if user == driver.person.id}
        for name, attempt in known.items():
            row = stored.get(name)
            if attempt.won and row is None:
                yield Broken("lost", promise, f"nothing is stored of {attempt}")
            elif row is not None and not attempt.won:
                yield Broken("doubled", promise, f"{row.status} is stored of {attempt}")
            elif row is not None and (row.status, json.loads(row.body)) != (attempt.status, attempt.answer):
                yield Broken("broken", promise, f"{row.body[:200]} is stored of {attempt}")
        for route, key in stored.keys() - known.keys():
            yield Broken("doubled", promise, f"key {key} of {route} belongs to no attempt")


def answers_were_fair(drivers: Iterable[Driver]) -> Iterator[Broken]:
    """What the answers themselves showed: losers got alternatives, repeats the same answer, nobody an unexpected error."""
    for driver in drivers:
        for what in driver.broken:
            yield Broken("broken", "every loser got a 409 with alternatives, everybody an answer", what)


def poison_is_visible(poison: frozenset[uuid.UUID], foreign: int, shown: Sequence[Mapping[str, Any]]) -> Iterator[Broken]:
    """What can never be delivered is dead-lettered, and administrators read it."""
    promise = "poison is dead-lettered and visible"
    ids = {uuid.UUID(item["id"]) for item in shown}
    for id in poison - ids:
        yield Broken("lost", promise, f"message {id} is not among the dead letters")
    strange = sum("not_json" in item["payload"] for item in shown)
    if strange != foreign:
        yield Broken("lost", promise, f"{foreign} messages of others were put in the queues, {strange} are shown")


def check_books(books: Books) -> list[Broken]:
    """The promises that the database alone can break."""
    return [*no_minute_held_twice(books), *claims_and_bookings_agree(books), *history_is_told(books)]


def check_all(
    books: Books,
    drivers: Sequence[Driver],
    *,
    poison: frozenset[uuid.UUID],
    mailed: Mapping[str, int] | None,
    now: datetime,
) -> list[Broken]:
    """Every promise on every row."""
    return [
        *check_books(books),
        *what_was_told_stands(books, drivers),
        *charge_requests_end_once(books, drivers),
        *messages_have_their_effect_once(books, poison=poison, mailed=mailed, now=now),
        *keys_tell_what_happened(books, drivers),
        *answers_were_fair(drivers),
    ]
