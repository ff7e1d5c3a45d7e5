"""The invariants, each checked against the database and the answers that clients got. A violation names its rows."""

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from app.subscriptions import EVENTS, SUBSCRIPTIONS
from functions.booking.tables import booking, booking_request, slot_claim
from functions.notify.order import subjects_over, word_of
from functions.notify.promises import RENDERERS
from functions.notify.tables import delivery, notification
from functions.optimizer.tables import charge_request, decision
from shared.outbox import DEAD, NOTIFY, PENDING, inbox_message, outbox_message
from shared.slots import slot_after, slot_of, slot_start
from shared.web.idempotency import idempotency_key
from tests.faults.drivers import ContendingDriver, kept

HISTORY = {"booking_reserved": "reserve", "booking_rescheduled": "reschedule", "booking_canceled": "cancel"}
Kind = Literal["lost", "doubled", "broken"]


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and the rows that show it.

    `lost`: what an answer said is not there; `doubled`: it is there twice.
    """

    kind: Kind
    invariant: str
    rows: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.rows}"


@dataclass
class DatabaseSnapshot:
    """Every row that the invariants speak of, read in one transaction."""

    bookings: dict[uuid.UUID, Any]
    claims: list[Any]
    asked: dict[uuid.UUID, list[Any]]
    """What was asked of each booking, in order."""
    requests: dict[uuid.UUID, Any]
    decisions: set[uuid.UUID]
    messages: dict[uuid.UUID, Any]
    inbox: set[tuple[str, str]]
    notifications: list[Any]
    deliveries: list[Any]
    keys: dict[tuple[uuid.UUID, str, str], Any] = field(default_factory=dict)
    """Idempotency keys by user, route and key."""

    @classmethod
    def read(cls, conn: sa.Connection) -> "DatabaseSnapshot":
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


def _periods(snapshot: DatabaseSnapshot) -> Iterator[tuple[Any, int, int]]:
    """(booking, first slot, slot after the last) of every booking that holds an EVSE."""
    for row in snapshot.bookings.values():
        first, after = slot_of(row.start), slot_after(row.end)
        if row.status in ("RESERVED", "PENDING"):
            yield row, first, after
        elif row.status == "FULFILLED":
            first = slot_of(row.started_at)  # until then it may have stood at another EVSE
            yield row, first, after if row.stopped_at is None else max(first, min(after, slot_after(row.stopped_at)))


def no_minute_held_twice(snapshot: DatabaseSnapshot) -> Iterator[Violation]:
    """By the bookings' own periods, whatever the claims say; and by the claims."""
    by_evse: dict[uuid.UUID, list[tuple[int, int, Any]]] = defaultdict(list)
    for row, first, after in _periods(snapshot):
        by_evse[row.evse_id].append((first, after, row))
    for evse, held in by_evse.items():
        held.sort(key=lambda item: item[:2])
        for place, (first, after, row) in enumerate(held):
            for begin, until, other in held[place + 1 :]:
                if begin >= after:
                    break
                if first < until:
                    what = f"EVSE {evse} from {_at(begin)} to {_at(min(after, until))} by bookings {row.id} and {other.id}"
                    yield Violation("doubled", "no minute of an EVSE is held twice", what)
    counted = Counter((row.evse_id, row.slot_start) for row in snapshot.claims)
    for (evse, start), count in counted.items():
        if count > 1:
            yield Violation("doubled", "no minute of an EVSE is held twice", f"{count} claims of EVSE {evse} at {start}")


def one_session_an_evse(snapshot: DatabaseSnapshot) -> Iterator[Violation]:
    """Never do two vehicles charge at one EVSE."""
    running: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for row in snapshot.bookings.values():
        if row.status == "FULFILLED" and row.stopped_at is None:
            running[row.evse_id].append(row.id)
    for evse, ids in running.items():
        if len(ids) > 1:
            yield Violation("doubled", "one session an EVSE", f"EVSE {evse} charges for bookings {ids}")


def _may_hold(row: Any, slot: int) -> bool:
    """Whether a claim outside its booking's period has its reason: an early arrival, what was before the session began, or
    who stays after their time."""
    if row.status == "RESERVED":
        return row.arrived_at is not None and slot < slot_of(row.start)
    if row.status != "FULFILLED":
        return False
    stays = row.stopped_at is None or slot < slot_after(row.stopped_at)
    return slot_of(row.start) <= slot < slot_of(row.started_at) or (slot >= slot_after(row.end) and stays)


def claims_and_bookings_agree(snapshot: DatabaseSnapshot) -> Iterator[Violation]:
    """No booking without its claims, no claim without its booking."""
    wanted = {(row.evse_id, slot, row.id) for row, first, after in _periods(snapshot) for slot in range(first, after)}
    held = {(row.evse_id, slot_of(row.slot_start), row.booking_id) for row in snapshot.claims}
    for evse, slot, owner in sorted(wanted - held):
        row = snapshot.bookings[owner]
        yield Violation(
            "lost", "no booking without its claims", f"{row.status} booking {owner} lacks {_at(slot)} on EVSE {evse}"
        )
    for evse, slot, owner in sorted(held - wanted):
        owner_row = snapshot.bookings.get(owner)
        status = "no" if owner_row is None else owner_row.status
        if owner_row is not None and owner_row.evse_id == evse and _may_hold(owner_row, slot):
            continue
        yield Violation(
            "broken", "no claim without its booking", f"{_at(slot)} on EVSE {evse} is claimed for {status} booking {owner}"
        )


def what_was_told_stands(snapshot: DatabaseSnapshot, drivers: Iterable[ContendingDriver]) -> Iterator[Violation]:
    """Every confirmed booking stands as its driver was told last, and there is none of which no driver was told."""
    invariant = "every confirmed booking stands"
    known: set[uuid.UUID] = set()
    mine: set[uuid.UUID] = set()
    for driver in drivers:
        mine.add(driver.person.id)
        for booking_id, answer in driver.bookings.items():
            known.add(uuid.UUID(booking_id))
            row = snapshot.bookings.get(uuid.UUID(booking_id))
            if row is None:
                yield Violation("lost", invariant, f"booking {booking_id}, told {answer.status}, is not there")
                continue
            told_period = (datetime.fromisoformat(answer.start), datetime.fromisoformat(answer.end))
            if (row.status, row.start, row.end) != (answer.status, *told_period):
                is_now = f"{row.status} {row.start} to {row.end}"
                what = f"booking {booking_id} was told {answer.status} {answer.start} to {answer.end}; it is {is_now}"
                yield Violation("lost", invariant, what)
            start, quote = driver.quotes[booking_id]
            if datetime.fromisoformat(start) == row.start and row.quote != quote:
                yield Violation("broken", "a quote is frozen", f"booking {booking_id} was told {quote}; it is {row.quote}")
    for row in snapshot.bookings.values():
        if row.user_id in mine and row.charge_request_id is None and row.id not in known:
            yield Violation(
                "doubled", "one key has one effect", f"{row.status} booking {row.id} of {row.user_id} was told to nobody"
            )


def charge_requests_end_once(snapshot: DatabaseSnapshot, drivers: Iterable[ContendingDriver]) -> Iterator[Violation]:
    """Each is there as told, decided, and holds what its status says, once."""
    invariant = "every charge request is decided once"
    live: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for row in snapshot.bookings.values():
        if row.charge_request_id is not None and row.status in ("RESERVED", "PENDING", "FULFILLED"):
            live[row.charge_request_id].append(row)
    known: set[uuid.UUID] = set()
    mine: set[uuid.UUID] = set()
    for driver in drivers:
        mine.add(driver.person.id)
        for answered_id, answer in driver.requests.items():
            known.add(uuid.UUID(answered_id))
            row = snapshot.requests.get(uuid.UUID(answered_id))
            if row is None:
                yield Violation("lost", invariant, f"charge request {answered_id}, told {answer['status']}, is not there")
            elif answer["status"] in ("CANCELED", "RESERVED") and row.status != answer["status"]:
                yield Violation(
                    "lost", invariant, f"charge request {answered_id} was told {answer['status']}; it is {row.status}"
                )
            elif answer["status"] == "RESERVED" and str(row.booking_id) != answer["booking_id"]:
                yield Violation(
                    "lost",
                    invariant,
                    f"charge request {answered_id} was told booking {answer['booking_id']}; it has {row.booking_id}",
                )
    for request_id, row in snapshot.requests.items():
        held = live.get(request_id, [])
        ids = [item.id for item in held]
        if row.status == "QUEUED":
            yield Violation("lost", invariant, f"charge request {request_id} is still QUEUED")
        if len(held) > 1:
            yield Violation("doubled", invariant, f"charge request {request_id} holds bookings {ids}")
        wanted = {"RESERVED": "RESERVED", "OFFERED": "PENDING"}.get(row.status)
        if wanted is None and held:
            yield Violation("broken", invariant, f"{row.status} charge request {request_id} holds bookings {ids}")
        if wanted is not None and [(item.id, item.status) for item in held] != [(row.booking_id, wanted)]:
            yield Violation(
                "lost",
                invariant,
                f"{row.status} charge request {request_id} should hold {row.booking_id} as {wanted}, not {ids}",
            )
        if row.status in ("RESERVED", "OFFERED", "UNSATISFIABLE", "EXPIRED") and request_id not in snapshot.decisions:
            yield Violation("lost", invariant, f"{row.status} charge request {request_id} has no decision")
        if row.user_id in mine and request_id not in known:
            yield Violation(
                "doubled", "one key has one effect", f"charge request {request_id} of {row.user_id} was told to nobody"
            )


def messages_have_their_effect_once(
    snapshot: DatabaseSnapshot, *, poison: frozenset[uuid.UUID], mailed: Mapping[str, int] | None, now: datetime
) -> Iterator[Violation]:
    """Each due message left the outbox and was consumed; what it tells was told once, and mailed once."""
    invariant = "every outbox message had its effect exactly once"
    expected: Counter[str] = Counter()
    for message_id, row in snapshot.messages.items():
        name = f"{row.type} message {message_id} of {row.queue}"
        if message_id in poison:
            if row.state != DEAD:
                yield Violation("broken", "poison is dead-lettered and visible", f"{name} is {row.state}")
            continue
        if row.state == PENDING:
            if row.available_at <= now:
                yield Violation("lost", invariant, f"{name} has not left the outbox")
            continue
        if row.state == DEAD and "not_json" in row.payload:
            continue  # another's, put into the queue: `poison_is_visible` counts them
        if row.state == DEAD:
            yield Violation("lost", invariant, f"{name} is a dead letter: {row.last_error}")
            continue
        consumers = [handler.name for queue, handler in SUBSCRIPTIONS[EVENTS[row.type]] if queue == row.queue]
        consumed = all((consumer, str(message_id)) in snapshot.inbox for consumer in consumers)
        if not consumed and row.type != "message_due" and not _needless(row, snapshot):
            yield Violation("lost", invariant, f"{name} was consumed by nobody")
        if consumed and row.queue == NOTIFY and row.type != "booking_reminder":
            expected[_event(row.type, row.payload)] += 1
    shown: Counter[str] = Counter()
    for row in snapshot.notifications:
        if row.type != "booking_reminder":
            shown[_event(row.type, row.data)] += 1
    for what, count in (expected - shown).items():
        yield Violation("lost", invariant, f"{count} notifications are missing of {what}")
    for what, count in (shown - expected).items():
        yield Violation("doubled", invariant, f"{count} notifications too many of {what}")
    yield from _deliveries(snapshot, invariant, poison, mailed)


def _event(event_type: str, payload: Any) -> str:
    return f"{event_type} {json.dumps(payload, sort_keys=True)}"


def _needless(message: Any, snapshot: DatabaseSnapshot) -> bool:
    """A charge request that was withdrawn before its message came is not decided, and nothing is recorded."""
    if message.type != "charge_requested":
        return False
    request_id = uuid.UUID(message.payload["charge_request_id"])
    request = snapshot.requests.get(request_id)
    return request is not None and request.status == "CANCELED" and request_id not in snapshot.decisions


def _is_mailed(event_type: str, payload: dict[str, Any]) -> bool:
    event = EVENTS[event_type]
    return RENDERERS[event](event.of_payload(payload)).email


def _last_words(snapshot: DatabaseSnapshot) -> dict[str, int]:
    """The highest revision told of each subject by a letter that overtakes earlier ones on it; a reminder overtakes none."""
    said: dict[str, int] = {}
    for row in snapshot.notifications:
        word = word_of(EVENTS[row.type].of_payload(row.data)) if EVENTS.get(row.type) in RENDERERS else None
        if word is not None and row.type != "booking_reminder":
            said[word.subject] = max(word.revision, said.get(word.subject, -1))
    return said


def _is_overtaken(event_type: str, payload: dict[str, Any], last_words: Mapping[str, int]) -> bool:
    """Whether a later word was said, so that no letter has to go outside."""
    word = word_of(EVENTS[event_type].of_payload(payload))
    return word is not None and word.revision < _last(word.subject, last_words)


def _last(subject: str, last_words: Mapping[str, int]) -> int:
    return max(last_words.get(over, -1) for over in subjects_over(subject))


def _deliveries(
    snapshot: DatabaseSnapshot, invariant: str, poison: frozenset[uuid.UUID], mailed: Mapping[str, int] | None
) -> Iterator[Violation]:
    by_message: Counter[tuple[str, str]] = Counter()
    last_words = _last_words(snapshot)
    for row in snapshot.deliveries:
        by_message[(row.message_id, row.channel)] += 1
        if row.status == "DROPPED" and row.revision < _last(row.subject, last_words):
            continue
        if row.status != "SENT":
            yield Violation("lost", invariant, f"{row.channel} delivery {row.id} is {row.status}: {row.error}")
        elif mailed is not None and row.channel == "EMAIL" and mailed.get(str(row.id), 0) != 1:
            times = mailed.get(str(row.id), 0)
            yield Violation("doubled" if times else "lost", invariant, f"e-mail delivery {row.id} was accepted {times} times")
    for (message, channel), count in by_message.items():
        if count > 1:
            yield Violation("doubled", invariant, f"{count} {channel} deliveries of message {message}")
    for message_id, row in snapshot.messages.items():
        consumed = (
            ("send_notifications", str(message_id)) in snapshot.inbox
            and message_id not in poison
            and EVENTS.get(row.type) in RENDERERS
        )
        mails = consumed and row.type != "booking_reminder" and _is_mailed(row.type, row.payload)
        mails = mails and not _is_overtaken(row.type, row.payload, last_words)
        if mails and by_message[(str(message_id), "EMAIL")] == 0:
            yield Violation("lost", invariant, f"{row.type} message {message_id} has no e-mail")
    if mailed is not None:
        known = {str(row.id) for row in snapshot.deliveries}
        for operation_id in mailed.keys() - known:
            yield Violation("doubled", invariant, f"an e-mail was accepted of which no delivery is known: {operation_id}")


def history_is_told(snapshot: DatabaseSnapshot) -> Iterator[Violation]:
    """What was asked of each booking, what happened to it and what was told of it agree."""
    events: dict[str, Counter[str]] = defaultdict(Counter)
    for row in snapshot.messages.values():
        if row.queue == NOTIFY and row.type in HISTORY and "booking_id" in row.payload:  # an event has a message a queue
            events[row.payload["booking_id"]][HISTORY[row.type]] += 1
    for booking_id, row in snapshot.bookings.items():
        events_of_booking = events[str(booking_id)]
        changes = len(snapshot.asked[booking_id]) - (row.asked_start is None)
        canceled = sum(bool(item.canceled) for item in snapshot.asked[booking_id])
        held_first = row.charge_request_id is not None and row.status in ("PENDING", "CANCELED")
        confirmed = min(1, events_of_booking["reserve"]) if held_first else 1
        wanted = {"reserve": confirmed, "reschedule": changes - canceled, "cancel": canceled}
        if any(events_of_booking[name] != count for name, count in wanted.items()):
            kind: Kind = "doubled" if any(events_of_booking[name] > count for name, count in wanted.items()) else "lost"
            yield Violation(
                kind,
                "one change, one event",
                f"{row.status} booking {booking_id}: {wanted} asked, {dict(events_of_booking)} told",
            )


def keys_tell_what_happened(snapshot: DatabaseSnapshot, drivers: Iterable[ContendingDriver]) -> Iterator[Violation]:
    """All that was decided was stored with its key as it was told, and no key holds an answer that nobody got."""
    invariant = "a key tells what happened"
    for driver in drivers:
        known = {}
        for attempt in driver.attempts:
            known[("POST /api/v1" + attempt.path, attempt.key)] = attempt
        stored = {(route, key): row for (user, route, key), row in snapshot.keys.items() if user == driver.person.id}
        for name, attempt in known.items():
            row = stored.get(name)
            if attempt.decided and row is None:
                yield Violation("lost", invariant, f"nothing is stored of {attempt}")
            elif row is not None and row.status != attempt.status:
                yield Violation("doubled", invariant, f"{row.status} is stored of {attempt}")
            elif row is not None and json.loads(row.body) != kept(attempt.answer):
                yield Violation("broken", invariant, f"{row.body[:200]} is stored of {attempt}")
        for route, key in stored.keys() - known.keys():
            yield Violation("doubled", invariant, f"key {key} of {route} belongs to no attempt")


def answers_were_fair(drivers: Iterable[ContendingDriver]) -> Iterator[Violation]:
    """What the answers themselves showed: losers got alternatives, repeats the same answer, nobody an unexpected error."""
    for driver in drivers:
        for what in driver.violations:
            yield Violation("broken", "every loser got a 409 with alternatives, everybody an answer", what)


def poison_is_visible(poison: frozenset[uuid.UUID], foreign: int, shown: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """What can never be delivered is dead-lettered, and administrators read it."""
    invariant = "poison is dead-lettered and visible"
    ids = {uuid.UUID(item["id"]) for item in shown}
    for message_id in poison - ids:
        yield Violation("lost", invariant, f"message {message_id} is not among the dead letters")
    strange = sum("not_json" in item["payload"] for item in shown)
    if strange != foreign:
        yield Violation("lost", invariant, f"{foreign} messages of others were put in the queues, {strange} are shown")


def check_snapshot(snapshot: DatabaseSnapshot) -> list[Violation]:
    """The invariants that the database alone can violate."""
    return [
        *no_minute_held_twice(snapshot),
        *one_session_an_evse(snapshot),
        *claims_and_bookings_agree(snapshot),
        *history_is_told(snapshot),
    ]


def check_all(
    snapshot: DatabaseSnapshot,
    drivers: Sequence[ContendingDriver],
    *,
    poison: frozenset[uuid.UUID],
    mailed: Mapping[str, int] | None,
    now: datetime,
) -> list[Violation]:
    """Every invariant on every row."""
    return [
        *check_snapshot(snapshot),
        *what_was_told_stands(snapshot, drivers),
        *charge_requests_end_once(snapshot, drivers),
        *messages_have_their_effect_once(snapshot, poison=poison, mailed=mailed, now=now),
        *keys_tell_what_happened(snapshot, drivers),
        *answers_were_fair(drivers),
    ]
