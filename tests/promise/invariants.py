"""What a booking promises, judged after every step from the rows alone. The numbers are those of the promise's list of proofs:
the seventh (promised power) comes with the grid, the eleventh (ten thousand reminders) is measured by `make bench`."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.subscriptions import EVENTS
from functions.accounts.tables import user
from functions.booking.charging import METER_TOLERANCE_KWH
from functions.booking.tables import charging_session, meter_value, strike
from functions.notify.order import word_of
from functions.notify.promises import RENDERERS
from functions.stations.domain import BROKEN
from functions.stations.tables import evse
from functions.waitlist.tables import waitlist_entry, waitlist_offer
from shared.slots import slot_of
from tests.faults.invariants import (
    DatabaseSnapshot,
    Violation,
    claims_and_bookings_agree,
    messages_have_their_effect_once,
    no_minute_held_twice,
    one_session_an_evse,
)
from tests.promise.town import ENERGY_MINOR_A_KWH, OVERTIME_MINOR_A_MINUTE, POWER_KW

MINUTE = timedelta(minutes=1)
SET_OUT = 30 * MINUTE
"""What a waiting driver has at least between an offer and its start: time to accept it and the way within the town."""
HALF_HOUR = timedelta(minutes=30)
ROUNDED_MINOR = 3
"""A bill's elements are each rounded to a minor unit."""


@dataclass
class DaySnapshot:
    """Every row that the invariants speak of, read in one transaction, and the instant."""

    now: datetime
    rows: DatabaseSnapshot
    sessions: list[Any]
    meters: Mapping[uuid.UUID, list[Any]]
    """What the meters said, by session."""
    evses: Mapping[uuid.UUID, Any]
    entries: list[Any]
    offers: list[Any]
    strikes: set[uuid.UUID]
    """Bookings that counted against their driver."""
    proven: set[str]
    """Numbers that somebody has confirmed."""

    @classmethod
    def read(cls, conn: sa.Connection, now: datetime) -> "DaySnapshot":
        """Reads them in one view."""

        def every(table: sa.Table) -> Sequence[Any]:
            return conn.execute(sa.select(table)).all()

        meters: dict[uuid.UUID, list[Any]] = defaultdict(list)
        for row in every(meter_value):
            meters[row.session_id].append(row)
        proven = sa.select(user.c.phone).where(user.c.phone_verified_at.is_not(None))
        return cls(
            now=now,
            rows=DatabaseSnapshot.read(conn),
            sessions=list(every(charging_session)),
            meters=meters,
            evses={row.id: row for row in every(evse)},
            entries=list(every(waitlist_entry)),
            offers=list(every(waitlist_offer)),
            strikes=set(conn.execute(sa.select(strike.c.booking_id)).scalars()),
            proven=set(conn.execute(proven).scalars()),
        )

    @property
    def told(self) -> set[tuple[str, str]]:
        """(type, booking id) of every message in the app."""
        return {(row.type, str(row.data.get("booking_id"))) for row in self.rows.notifications}


def one_session_and_its_claim(snapshot: DaySnapshot) -> Iterator[Violation]:
    """1. No two running sessions on an EVSE; who charges there owns the claim of now, or its owner was told."""
    invariant = "1 one session an EVSE, and the claim of now is its own"
    running = [row for row in snapshot.sessions if row.status == "ACTIVE"]
    for evse_id, count in Counter(row.evse_id for row in running).items():
        if count > 1:
            yield Violation("doubled", invariant, f"{count} sessions run on EVSE {evse_id}")
    yield from one_session_an_evse(snapshot.rows)
    slot = slot_of(snapshot.now)
    holders = {row.evse_id: row.booking_id for row in snapshot.rows.claims if slot_of(row.slot_start) == slot}
    for row in running:
        holder = holders.get(row.evse_id)
        if row.booking_id is None or holder == row.booking_id or _is_over_unseen(snapshot, row):
            continue
        if holder is None:
            yield Violation("lost", invariant, f"session {row.id} of booking {row.booking_id} runs without a claim of now")
        elif ("session_overstayed", str(row.booking_id)) not in snapshot.told:
            yield Violation("broken", invariant, f"{row.booking_id} stays in the time of {holder} and was not told to leave")
        elif snapshot.rows.bookings[holder].status == "RESERVED" and ("booking_at_risk", str(holder)) not in snapshot.told:
            yield Violation("lost", invariant, f"{row.booking_id} stays in the time of {holder}, whose driver was not told")


def _is_over_unseen(snapshot: DaySnapshot, session: Any) -> bool:
    """Whether nobody can say that somebody is still there: a session by its driver's word alone, an hour after its end."""
    booking = snapshot.rows.bookings[session.booking_id]
    return session.ref is None and snapshot.now - booking.end >= timedelta(hours=1)


def out_of_use_is_told(snapshot: DaySnapshot) -> Iterator[Violation]:
    """2. What is booked at an EVSE that is out of use is moved, at risk and told, or ended, within one delivery."""
    invariant = "2 what is booked at a broken charger is moved, told or ended"
    told = snapshot.told
    for row in snapshot.rows.bookings.values():
        if row.status != "RESERVED" or snapshot.evses[row.evse_id].status not in BROKEN:
            continue
        if row.assurance != "AT_RISK":
            yield Violation("broken", invariant, f"booking {row.id} at {row.evse_uid} is {row.assurance}")
        elif ("booking_at_risk", str(row.id)) not in told:
            yield Violation("lost", invariant, f"booking {row.id} is at risk and its driver was not told")


def nobody_pays_more(snapshot: DaySnapshot) -> Iterator[Violation]:
    """3. No bill is above the quote within the period, what comes after goes by the stated rates, and what the operator caused
    costs nothing."""
    invariant = "3 nobody pays more than the quote and the stated rates"
    for row in snapshot.rows.bookings.values():
        canceled = row.canceled or {}
        if canceled.get("who_canceled") == "CPO" and canceled.get("fee_minor"):
            yield Violation("broken", invariant, f"booking {row.id}, ended by the operator, costs {canceled['fee_minor']}")
        settlement = row.settlement or {}
        if "no_show_fee_minor" in settlement and settlement["no_show_fee_minor"] > row.quote["total_minor"]:
            yield Violation("broken", invariant, f"missing booking {row.id} costs {settlement['no_show_fee_minor']}")
        if row.stopped_at is None or "total_minor" not in settlement:
            continue
        most = min(row.quote["total_minor"], row.price_cap_minor or row.quote["total_minor"])
        free_until = row.end + timedelta(minutes=row.terms["idle_grace_minutes"])
        after = max(0.0, (row.stopped_at - free_until) / MINUTE)
        stated = after * OVERTIME_MINOR_A_MINUTE + after / 60 * POWER_KW * ENERGY_MINOR_A_KWH if after else 0.0
        if settlement["total_minor"] > most + stated + (ROUNDED_MINOR + OVERTIME_MINOR_A_MINUTE if after else 0):
            bill = f"{settlement['total_minor']}, at most {most} and {stated:.0f} for {after:.0f} min"
            yield Violation("broken", invariant, f"booking {row.id} costs {bill}")


def nobody_misses_what_was_not_there(snapshot: DaySnapshot) -> Iterator[Violation]:
    """3. Who could not have charged, since somebody else was there or the charger was broken, neither pays nor has a strike."""
    invariant = "3 nobody pays for what the operator caused"
    sessions = defaultdict(list)
    for row in snapshot.sessions:
        sessions[row.evse_id].append(row)
    for row in snapshot.rows.bookings.values():
        if row.status != "NO_SHOW":
            continue
        others = [
            item
            for item in sessions[row.evse_id]
            if item.booking_id != row.id and item.started_at <= row.start and (item.ended_at or snapshot.now) >= row.no_show_at
        ]
        if others:
            yield Violation("broken", invariant, f"booking {row.id} was missed while session {others[0].id} held its charger")


def one_open_offer_a_place(snapshot: DaySnapshot) -> Iterator[Violation]:
    """4. One place, one open offer, and each is held by a booking."""
    invariant = "4 one place, one open offer"
    open_ones = [row for row in snapshot.offers if row.state == "OFFERED"]
    for entry_id, count in Counter(row.entry_id for row in open_ones).items():
        if count > 1:
            yield Violation("doubled", invariant, f"{count} offers are open to entry {entry_id}")
    for row in open_ones:
        booking = snapshot.rows.bookings.get(row.booking_id)
        if row.expires_at > snapshot.now and (booking is None or booking.status != "PENDING"):
            yield Violation("lost", invariant, f"offer {row.id} is open and nothing is held by {row.booking_id}")
        if row.expires_at + 2 * MINUTE <= snapshot.now:
            yield Violation("broken", invariant, f"offer {row.id} is open since its end, {row.expires_at}")
    offered = {row.entry_id for row in open_ones}
    for row in snapshot.entries:
        if (row.state == "OFFERED") != (row.id in offered):
            yield Violation("broken", invariant, f"entry {row.id} is {row.state}; it has an offer: {row.id in offered}")


def nothing_free_is_kept_from_who_waits(snapshot: DaySnapshot) -> Iterator[Violation]:
    """4. While an entry waits that is awake, no charger of the town is free for its time.

    By the claims alone, with room to spare: what the platform might rightly call too short is no violation.
    """
    invariant = "4 what is free is offered to who waits"
    claimed: dict[uuid.UUID, set[int]] = defaultdict(set)
    for row in snapshot.rows.claims:
        claimed[row.evse_id].add(slot_of(row.slot_start))
    engaged = {row.evse_id for row in snapshot.sessions if row.status == "ACTIVE"}
    for row in snapshot.entries:
        asleep = row.snoozed_until is not None and row.snoozed_until > snapshot.now
        if row.state != "WAITING" or asleep or row.quiet_from != row.quiet_until or _has_another(snapshot, row):
            continue
        begin = max(row.window_begin + SET_OUT, snapshot.now + SET_OUT)
        need = timedelta(hours=row.wish["energy_kwh"] / (0.8 * row.wish["max_power_kw"])) + SET_OUT
        latest = row.window_end - need
        for evse_id, item in snapshot.evses.items():
            first = begin if evse_id not in engaged else max(begin, snapshot.now + 2 * HALF_HOUR)
            if item.status == "AVAILABLE" and first <= latest and _has_gap(claimed[evse_id], first, latest, need):
                yield Violation("lost", invariant, f"entry {row.id} waits though EVSE {evse_id} is free from {first} on")
                break


def _has_gap(claimed: set[int], first: datetime, latest: datetime, need: timedelta) -> bool:
    """Whether so long a time without a claim begins in [first, latest]."""
    slots = range(slot_of(first), slot_of(latest) + 1)
    length = slot_of(first + need) - slot_of(first) + 1
    return any(claimed.isdisjoint(range(slot, slot + length)) for slot in slots)


def _has_another(snapshot: DaySnapshot, entry: Any) -> bool:
    """Whether the driver has another booking around the window: their car is in one place at a time."""
    return any(
        row.user_id == entry.user_id
        and row.status in ("PENDING", "RESERVED", "FULFILLED")
        and row.end > entry.window_begin - 2 * HALF_HOUR
        and row.start < entry.window_end + 2 * HALF_HOUR
        for row in snapshot.rows.bookings.values()
    )


STANDS = {
    "booking_reserved": {"RESERVED"},
    "booking_rescheduled": {"RESERVED"},
    "booking_relocated": {"RESERVED"},
    "booking_canceled": {"CANCELED"},
    "booking_no_show": {"NO_SHOW"},
    "session_stopped": {"FULFILLED"},
}
"""What a booking is while a message of a kind is the last word on it."""


def the_last_word_is_the_last_state(snapshot: DaySnapshot) -> Iterator[Violation]:
    """5. What a driver was told last of a booking is how it stands: its period, and how it ended."""
    invariant = "5 the last word is the last state"
    last: dict[str, tuple[int, Any]] = {}
    for row in snapshot.rows.notifications:
        word = word_of(EVENTS[row.type].of_payload(row.data)) if EVENTS.get(row.type) in RENDERERS else None
        if word is None or not word.subject.startswith("booking/") or row.type == "booking_reminder":
            continue
        booking_id = row.data["booking_id"]
        if booking_id not in last or word.revision > last[booking_id][0]:
            last[booking_id] = (word.revision, row)
    for booking_id, (_, row) in last.items():
        booking = snapshot.rows.bookings[uuid.UUID(booking_id)]
        period = (datetime.fromisoformat(row.data["start"]), datetime.fromisoformat(row.data["end"]))
        if period != (booking.start, booking.end):
            yield Violation("lost", invariant, f"{row.type} told {period}; {booking_id} is {booking.start} to {booking.end}")
        ended = booking.status in ("CANCELED", "NO_SHOW") or booking.stopped_at is not None
        stands = STANDS.get(row.type)
        if ended and row.type not in ("booking_canceled", "booking_no_show", "session_stopped"):
            # Whose booking goes on elsewhere is told of that one.
            if booking.rebooked_to is None:
                yield Violation("lost", invariant, f"{booking_id} is {booking.status}; the last word on it is {row.type}")
        elif stands is not None and booking.status not in stands | ({"FULFILLED"} if "RESERVED" in stands else set()):
            yield Violation("lost", invariant, f"{booking_id} is {booking.status}; the last word on it is {row.type}")


def what_is_priced_was_metered(snapshot: DaySnapshot) -> Iterator[Violation]:
    """6. kWh that are priced were metered, or are the quote's."""
    invariant = "6 kWh priced were metered or are the quote's"
    by_booking = {row.booking_id: row for row in snapshot.sessions if row.booking_id is not None}
    for row in snapshot.rows.bookings.values():
        settlement = row.settlement or {}
        if "energy_kwh" not in settlement:
            continue
        session = by_booking.get(row.id)
        read = max((value.kwh for value in snapshot.meters.get(session.id, ())), default=None) if session else None
        if not settlement.get("metered", True):
            if settlement["total_minor"] > row.quote["expected_minor"]:
                yield Violation("broken", invariant, f"booking {row.id}, not metered, costs {settlement['total_minor']}")
        elif read is None or abs(settlement["energy_kwh"] - read) > 0.001 + METER_TOLERANCE_KWH / 1000:
            yield Violation("broken", invariant, f"booking {row.id} is billed {settlement['energy_kwh']} kWh, metered {read}")


def texts_go_to_confirmed_numbers(snapshot: DaySnapshot, sms: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """10. No SMS to a number that nobody confirmed."""
    for message in sms:
        if message["to"] not in snapshot.proven:
            what = f"to {message['to']}: {message['text'][:60]}"
            yield Violation("broken", "10 no SMS to a number that nobody confirmed", what)


def judge(
    snapshot: DaySnapshot, *, mailed: Mapping[str, int], sms: Sequence[Mapping[str, Any]], delivered: bool = False
) -> list[Violation]:
    """Every invariant on every row; with `delivered` only those that hold before the minute's sweeps have run."""
    at_once = [
        *no_minute_held_twice(snapshot.rows),
        *out_of_use_is_told(snapshot),
        *nobody_pays_more(snapshot),
        *what_is_priced_was_metered(snapshot),
        *texts_go_to_confirmed_numbers(snapshot, sms),
    ]
    if delivered:
        return at_once
    return [
        *at_once,
        *one_session_and_its_claim(snapshot),
        *claims_and_bookings_agree(snapshot.rows),
        *nobody_misses_what_was_not_there(snapshot),
        *one_open_offer_a_place(snapshot),
        *nothing_free_is_kept_from_who_waits(snapshot),
        *the_last_word_is_the_last_state(snapshot),
        *messages_have_their_effect_once(snapshot.rows, poison=frozenset(), mailed=mailed, now=snapshot.now),
    ]
