"""Bookings and charge requests against the reference model, over HTTP, on SQLite and on MariaDB.

Stateful testing: hypothesis draws what drivers and the clock do; after each step tables, statuses, quotes and events are what
the model says. `make test` draws few examples, always the same; `make faults` (FAULT_EXAMPLES) many, new ones each time.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from app.subscriptions import SUBSCRIPTIONS
from functions.accounts import service as accounts
from functions.accounts.schemas import VehicleCreate
from functions.booking import sweeps
from functions.booking.domain import OFFER_HOLD
from functions.booking.tables import booking, claim_grid, slot_claim
from functions.notify.tables import notification
from functions.optimizer import outcomes
from functions.optimizer.tables import charge_request
from functions.payments.ledger.tables import ledger_posting
from functions.stations.domain import BookingTerms
from functions.stations.enums import ConnectorType
from shared.clock import ManualClock
from shared.db import metadata
from shared.outbox import outbox_message
from shared.ratelimit import RateLimiter
from shared.slots import SLOTS_A_QUARTER, slot_of, slot_start, slots_of
from shared.web.idempotency import DECIDED
from tests.conftest import MONDAY_EIGHT
from tests.faults.drivers import kept
from tests.faults.invariants import DatabaseSnapshot, check_snapshot
from tests.faults.reference_model import (
    CHANGE_UNTIL,
    LIMIT,
    PATIENCE,
    ReferenceBooking,
    ReferenceModel,
    ReferencePool,
    ReferenceRequest,
    as_uuid,
    event_of,
    idle,
)
from tests.support.world import TYPE2, Person, World

EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "0"))
QUARTER = timedelta(minutes=15)
NO_MATTER = {"message_due", "place_freed", "session_ending"}
"""When a letter leaves, who hears of a free place and who is told that their time ends: the reference counts none of it."""
FIRST_QUEUE = {event.TYPE: listeners[0][0] for event, listeners in SUBSCRIPTIONS.items()}
"""An event has a message a queue: it is counted on the first."""
picks = st.integers(0, 10**6)
slots_ahead = st.one_of(st.integers(1, 4), st.integers(-1, 9), st.integers(5, 6), st.integers(10, 20))
lengths = st.sampled_from([15, 22, 30, 45, 61, 120])


class BookingLifecycle(RuleBasedStateMachine):
    """Three drivers, a place with two EVSEs and one with a single one, and time."""

    world: World

    @initialize()
    def begin(self) -> None:
        """An empty database on Monday, eight o'clock."""
        platform = self.world.platform

        def empty(conn: sa.Connection) -> None:
            for table in reversed(metadata.sorted_tables):
                # How claims are written is the schema's, not the example's; what is posted stays for ever.
                if table not in (claim_grid, ledger_posting):
                    conn.execute(sa.delete(table))

        platform.database.transact(empty)
        self.clock = platform.clock = ManualClock(MONDAY_EIGHT)
        unlimited = platform.settings.model_copy(update={"rate_limits": False})
        platform.limits = RateLimiter(platform.database, platform.clock, unlimited)
        terms = BookingTerms(open_bookings_per_driver=LIMIT)
        near = self.world.location(evses=2, latitude=52.09, name="Two", terms=terms)
        far = self.world.location(evses=1, latitude=52.11, name="One", terms=terms)
        self.places = [ReferencePool(near, 2), ReferencePool(far, 1)]
        self.reference = ReferenceModel(self.places)
        self.drivers: list[Person] = [self.world.user() for _ in range(3)]
        self.told: Counter[str] = Counter()
        self.last: tuple[int, str, Any, str, httpx.Response] | None = None
        self.keys = 0

    @property
    def now(self) -> datetime:
        """The instant."""
        return self.clock.now()

    def post(self, driver: int, path: str, body: Any) -> tuple[str, dict[str, Any]]:
        """A POST with a fresh key: `201`, or `409 SLOT_TAKEN`, and the document."""
        self.keys += 1
        key = f"key {self.keys}".replace(" ", "-")
        answer = self.drivers[driver].post(path, body, key=key)
        document = answer.json()
        if answer.status_code < 300 or answer.status_code in DECIDED:
            self.last = (driver, path, body, key, answer)
        if answer.status_code < 300:
            return str(answer.status_code), document
        return f"{answer.status_code} {document['code']}", document

    def car(self, driver: int) -> str:
        """A car that is nowhere yet."""
        vehicle_in = VehicleCreate(battery_kwh=60, max_power_kw=22, standards=[ConnectorType(TYPE2)])
        user_id = self.drivers[driver].id
        made = self.world.platform.transact(lambda tx: accounts.add_vehicle(tx=tx, vehicle_in=vehicle_in, user_id=user_id))
        return str(made.id)

    def booking(
        self, pick: int, fits: Callable[[ReferenceBooking], bool] = lambda item: item.status == "RESERVED"
    ) -> ReferenceBooking:
        """Some booking; four times of five one that fits."""
        everything = [*self.reference.bookings.values()]
        chosen = [item for item in everything if fits(item)] if pick % 5 else everything
        return (chosen or everything)[pick // 5 % len(chosen or everything)]

    def request(self, pick: int) -> ReferenceRequest:
        """Some charge request; four times of five one with an offer."""
        everything = [*self.reference.requests.values()]
        chosen = [item for item in everything if item.at(self.now) == "OFFERED"] if pick % 5 else everything
        return (chosen or everything)[pick // 5 % len(chosen or everything)]

    def start(self, ahead: int) -> datetime:
        """A start so many quarter hours from now, of those to come four of five in the middle of a slot."""
        return slot_start(slot_of(self.now)) + ahead * QUARTER + timedelta(minutes=max(0, ahead) % 5)

    def claimable(
        self, answer: str, place: ReferencePool, slots: set[int], *, ignoring: str | None = None, won: str = "201"
    ) -> bool:
        """Whether a claim succeeded, as it had to where the reference knows."""
        may = self.reference.may_claim(place, slots, self.now, ignoring=ignoring)
        allowed = {True: {won}, False: {"409 SLOT_TAKEN"}, None: {won, "409 SLOT_TAKEN"}}[may]
        assert answer in allowed, f"{answer}, not one of {allowed}"
        return answer == won

    # What drivers do

    @rule(driver=st.integers(0, 2), where=st.integers(0, 1), ahead=slots_ahead, minutes=lengths)
    def reserve(self, driver: int, where: int, ahead: int, minutes: int) -> None:
        """Books a place."""
        place, start = self.places[where], self.start(ahead)
        body = {"location_id": place.id, "connector": TYPE2, "start": start.isoformat(), "duration_minutes": minutes}
        answer, document = self.post(driver, "/booking/bookings", body | {"vehicle_id": self.car(driver)})
        if ahead < 0:
            assert answer == "422 INVALID"
        elif self.reference.at_limit(driver, place, self.now):
            assert answer == "409 LIMIT_REACHED"
        elif self.claimable(answer, place, set(slots_of(start, start + timedelta(minutes=minutes)))):
            assert document["quote"]["minutes"] == minutes
            self.reference.reserved(document, driver, self.now)
        else:
            assert isinstance(document["alternatives"], list)

    @rule(where=st.integers(0, 1), ahead=slots_ahead, minutes=lengths, shift=st.integers(0, 2))
    def crowd(self, where: int, ahead: int, minutes: int, shift: int) -> None:
        """Everybody wants about the same."""
        for driver in range(3):
            self.reserve(driver, where, ahead + driver * shift, minutes)
            self.tables_are_what_the_reference_says()

    @rule(ahead=st.integers(1, 4), minutes=lengths, shift=st.integers(0, 1))
    def crowd_soon(self, ahead: int, minutes: int, shift: int) -> None:
        """Everybody wants about the same, soon, at the larger place."""
        self.crowd(0, ahead, minutes, shift)

    @rule(
        driver=st.integers(0, 2),
        auto_book=st.booleans(),
        hours=st.integers(0, 3),
        energy=st.sampled_from([4, 9, 18]),
        at_once=st.integers(0, 2),
    )
    def ask(self, driver: int, auto_book: bool, hours: int, energy: int, at_once: int) -> None:
        """A charge request; two of three are delivered at once."""
        body = {
            "vehicle_id": self.car(driver),
            "soc": 0.4,
            "energy_kwh": energy,
            "origin": {"lat": 52.091, "lon": 5.121},
            "auto_book": auto_book,
            "earliest_departure": (self.now + timedelta(hours=hours)).isoformat(),
        }
        answer, document = self.post(driver, "/optimizer/charge-requests", body)
        assert (answer, document["status"]) == ("202", "QUEUED")
        departs = self.now + timedelta(hours=hours)
        self.reference.requests[document["id"]] = ReferenceRequest(document["id"], driver, auto_book, self.now, departs)
        self.reference.events[("charge_requested", document["id"])] += 1
        if at_once:
            self.deliver()

    @precondition(lambda self: self.reference.bookings)
    @rule(pick=picks, ahead=slots_ahead, minutes=lengths)
    def reschedule(self, pick: int, ahead: int, minutes: int) -> None:
        """Moves a booking."""
        item, start = self.booking(pick), self.start(ahead)
        body = {"start": start.isoformat(), "duration_minutes": minutes}
        answer, document = self.post(item.driver, f"/booking/bookings/{item.id}/reschedule", body)
        slots = set(slots_of(start, start + timedelta(minutes=minutes)))
        if item.status != "RESERVED":
            assert answer == "409 WRONG_STATE"
        elif self.now > item.start - CHANGE_UNTIL:
            assert answer == "409 TERMS_REFUSE"
        elif ahead < 0:
            assert answer == "422 INVALID"
        elif self.claimable(answer, item.place, slots, ignoring=item.id, won="200"):
            assert document["quote"]["minutes"] == minutes, "the quote is of the new period"
            self.reference.moved(item, start, start + timedelta(minutes=minutes), document["quote"], self.now)

    @precondition(lambda self: self.reference.bookings)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        """Cancels a booking."""
        item = self.booking(pick)
        answer, document = self.post(item.driver, f"/booking/bookings/{item.id}/cancel", {"reason": "TRAFFIC"})
        if item.status not in ("PENDING", "RESERVED"):
            assert answer == "409 WRONG_STATE"
            return
        assert answer == "200"
        self.reference.canceled(item, self.now)
        if item.status == "NO_SHOW":
            assert document["settlement"]["no_show_fee_minor"] == item.fee
        else:
            assert document["canceled"]["fee_minor"] == item.fee

    @precondition(lambda self: self.reference.bookings)
    @rule(pick=picks)
    def start_charging(self, pick: int) -> None:
        """Plugs in."""
        item = self.booking(pick)
        expected = self.reference.may_start(item, self.now)
        answer, _ = self.post(item.driver, f"/booking/bookings/{item.id}/start", None)
        assert answer in expected
        if answer == "200":
            self.reference.began(item, self.now)

    @precondition(lambda self: self.reference.bookings)
    @rule(pick=picks)
    def stop_charging(self, pick: int) -> None:
        """Unplugs."""
        item = self.booking(pick, lambda item: item.started is not None and item.stopped is None)
        answer, document = self.post(item.driver, f"/booking/bookings/{item.id}/stop", None)
        if item.started is None or item.stopped is not None:
            assert answer == "409 WRONG_STATE"
            return
        assert answer == "200"
        assert 0 <= document["settlement"]["total_minor"] <= item.quote["total_minor"], "never above the quote"
        self.reference.ended(item, self.now)

    @precondition(lambda self: self.reference.bookings)
    @rule(pick=picks, early=st.sampled_from([-9, 0, 3, 14]), minutes=st.sampled_from([1, 14, 15, 16, 40, 130]))
    def come_and_charge(self, pick: int, early: int, minutes: int) -> None:
        """Comes about the start, charges for some minutes, goes."""
        self.until_about_the_start(pick, early)
        self.start_charging(pick)
        self.tables_are_what_the_reference_says()
        self.wait(minutes)
        self.stop_charging(pick)

    @precondition(lambda self: self.reference.requests)
    @rule(pick=picks, offer=st.sampled_from([0, 0, 1, 2, 19]))
    def accept(self, pick: int, offer: int) -> None:
        """Takes an offer: the held one, or another."""
        request = self.request(pick)
        answer, document = self.post(request.driver, f"/optimizer/charge-requests/{request.id}/accept", {"offer": offer})
        if request.at(self.now) != "OFFERED":
            assert answer == "409 WRONG_STATE"
            return
        if offer >= len(request.offers) and offer > 0:
            assert answer == "422 INVALID"
            return
        held = self.reference.bookings[str(request.booking)]
        if held.status != "PENDING":  # cancelled by itself
            assert answer == "409 WRONG_STATE"
        elif offer == 0:
            assert answer == "200"
            self.reference.confirmed(held, self.now)
            request.status = "RESERVED"
        else:
            self._accept_another(request, held, request.offers[offer], answer, document)

    def _accept_another(
        self, request: ReferenceRequest, held: ReferenceBooking, wanted: dict[str, Any], answer: str, document: dict[str, Any]
    ) -> None:
        start, end = (datetime.fromisoformat(wanted[name]) for name in ("start", "end"))
        slots, place = set(slots_of(start, end)), self.reference.places[wanted["location_id"]]
        if slot_of(start) // SLOTS_A_QUARTER < slot_of(self.now) // SLOTS_A_QUARTER:
            assert answer == "422 INVALID"
        elif self.reference.at_limit(request.driver, place, self.now, without=held.id):
            assert answer == "409 LIMIT_REACHED"
        elif self.claimable(answer, place, slots, ignoring=held.id, won="200"):
            self.reference.canceled(held, self.now)
            booked = self.drivers[request.driver].get(f"/booking/bookings/{document['booking_id']}").json()
            assert (booked["period"]["start"], booked["charge_request_id"]) == (
                wanted["start"].replace("+00:00", "Z"),
                request.id,
            )
            self.reference.reserved(booked, request.driver, self.now, request=request.id)
            request.status, request.booking = "RESERVED", booked["id"]

    @rule(driver=st.integers(0, 2), hours=st.integers(0, 1), minutes=st.integers(0, 2), offer=st.sampled_from([0, 0, 1]))
    def ask_and_answer(self, driver: int, hours: int, minutes: int, offer: int) -> None:
        """Asks for an offer and takes it soon, or when it has just run out."""
        self.ask(driver, auto_book=False, hours=hours, energy=9, at_once=1)
        self.tables_are_what_the_reference_says()
        if minutes:
            self.wait(minutes)
        newest = len(self.reference.requests) - 1
        self.accept(5 * newest, offer)

    @precondition(lambda self: self.reference.requests)
    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        """Cancels a charge request, and what it holds."""
        request = self.request(pick)
        answer, _ = self.post(request.driver, f"/optimizer/charge-requests/{request.id}/cancel", None)
        held = self.reference.bookings.get(str(request.booking))
        if request.at(self.now) not in ("QUEUED", "OFFERED", "RESERVED"):
            assert answer == "409 WRONG_STATE"
        elif held is not None and held.status == "FULFILLED":
            assert answer == "409 CONFLICT"
        else:
            assert answer == "200"
            request.status = "CANCELED"
            if held is not None and held.status in ("PENDING", "RESERVED"):
                self.reference.canceled(held, self.now)
            if held is not None:
                request.status = held.status

    @precondition(lambda self: self.last)
    @rule()
    def repeat(self) -> None:
        """Sends the last that was decided once more, with its key: the same answer, yes or no, and nothing happens."""
        assert self.last is not None
        driver, path, body, key, first = self.last
        again = self.drivers[driver].post(path, body, key=key)
        assert (again.status_code, kept(again.json()), again.headers["idempotency-replayed"]) == (
            first.status_code,
            kept(first.json()),
            "true",
        )

    # What the platform does

    @rule()
    def deliver(self) -> None:
        """The queues are worked off."""
        waiting = [request for request in self.reference.requests.values() if request.status == "QUEUED"]
        self.world.drain()
        for request in waiting:
            self._decided(request)
        self.reference.requests_told()
        self._check_told()

    def _decided(self, request: ReferenceRequest) -> None:
        driver = self.drivers[request.driver]
        document = driver.get(f"/optimizer/charge-requests/{request.id}").json()
        if document["status"] == "UNSATISFIABLE":
            request.status = "UNSATISFIABLE"
            self.reference.events[("charge_request_unsatisfiable", request.id)] += 1
            if request.departs + PATIENCE <= self.now:
                assert document["reason"] == "TOO_LATE"
                return
            held = not request.auto_book and self.reference.at_hold_limit(request.driver, self.now)
            closed = [place for place in self.places if held or self.reference.at_limit(request.driver, place, self.now)]
            assert document["reason"] in (("LIMIT_REACHED", "ALL_FULL") if closed else ("ALL_FULL",))
            assert not any(idle(self.reference, place, self.now, 8) for place in self.places if place not in closed)
            return
        assert document["status"] == ("RESERVED" if request.auto_book else "OFFERED")
        booked = driver.get(f"/booking/bookings/{document['booking_id']}").json()
        start, end = (datetime.fromisoformat(booked["period"][name]) for name in ("start", "end"))
        slots = set(slots_of(start, end))
        place = self.reference.places[booked["location_id"]]
        assert request.departs + PATIENCE > self.now, "its time is over"
        assert request.auto_book or not self.reference.at_hold_limit(request.driver, self.now)
        assert not self.reference.at_limit(request.driver, place, self.now)
        assert self.reference.may_claim(place, slots, self.now) is not False, "a place that was full was booked"
        item = self.reference.reserved(booked, request.driver, self.now, request=request.id)
        assert item.status == ("RESERVED" if request.auto_book else "PENDING")
        request.status, request.booking, request.offers = document["status"], booked["id"], document["offers"]
        if not request.auto_book:
            request.expires = self.now + OFFER_HOLD
            self.reference.events[("charge_request_offered", request.id)] += 1

    def _check_told(self) -> None:
        """Every event that is due and is told was told once."""
        silent = ("charge_requested", "hold_expired", "reservation_ended", "booking_reminder")
        expected = Counter(event_type for event_type, _ in self.reference.events.elements() if event_type not in silent)
        rows = self.world.platform.read(lambda tx: tx.execute(sa.select(notification.c.type)).scalars().all())
        assert Counter(event_type for event_type in rows if event_type != "booking_reminder") == expected

    @rule()
    def run_timers(self) -> None:
        """The timers of bookings fire."""
        platform = self.world.platform
        sweeps.release_expired_holds(platform)
        sweeps.sweep_no_shows(platform)
        sweeps.assign_evses(platform)
        outcomes.fail_overdue_requests(platform)
        self.reference.timers(self.now)

    @rule(minutes=st.sampled_from([1, 2, 5, 14, 15, 31, 60]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.clock.advance(timedelta(minutes=minutes))

    @precondition(lambda self: self.reference.bookings)
    @rule(pick=picks, minutes=st.sampled_from([-40, -10, -5, 0, 5, 14, 15]))
    def until_about_the_start(self, pick: int, minutes: int) -> None:
        """Time passes until some minutes before or after the start of a booking."""
        at = self.booking(pick).start + timedelta(minutes=minutes)
        if at > self.now:
            self.clock.jump(at)

    # What must be true

    @invariant()
    def tables_are_what_the_reference_says(self) -> None:
        """Claims, statuses, quotes, settled EVSEs and events."""
        if not hasattr(self, "reference"):
            return
        ref = self.reference

        def read(conn: sa.Connection) -> tuple[Any, ...]:
            return (
                {str(row.id): row for row in conn.execute(sa.select(booking))},
                conn.execute(sa.select(slot_claim)).all(),
                {str(row.id): row for row in conn.execute(sa.select(charge_request))},
                conn.execute(sa.select(outbox_message.c.type, outbox_message.c.payload, outbox_message.c.queue)).all(),
                DatabaseSnapshot.read(conn),
            )

        bookings, claims, requests, messages, snapshot = self.world.platform.database.read(read)
        assert {object_id: row.status for object_id, row in bookings.items()} == {
            object_id: item.status for object_id, item in ref.bookings.items()
        }
        assert {object_id: row.status for object_id, row in requests.items()} == {
            object_id: item.status for object_id, item in ref.requests.items()
        }
        held: dict[str, set[int]] = {object_id: set() for object_id in bookings}
        for row in claims:
            held[str(row.booking_id)].add(slot_of(row.slot_start))
            assert row.evse_id == bookings[str(row.booking_id)].evse_id, "a booking's claims are on its EVSE"
        assert held == {object_id: item.slots for object_id, item in ref.bookings.items()}
        for object_id, item in ref.bookings.items():
            row = bookings[object_id]
            assert (row.start, row.end, row.quote) == (item.start, item.end, item.quote), "what was promised is frozen"
            assert (row.revealed_at is not None, row.started_at, row.stopped_at) == (item.revealed, item.started, item.stopped)
            assert (row.charge_request_id, row.user_id) == (
                item.request and as_uuid(item.request),
                self.drivers[item.driver].id,
            )
            if item.settled and item.slots and item.evse is not None:
                assert row.evse_id.bytes == item.evse, "a settled booking was moved"
            if item.status == "NO_SHOW":
                assert row.settlement["no_show_fee_minor"] == item.fee
            item.evse = row.evse_id.bytes
        first = (message for message in messages if FIRST_QUEUE.get(message.type, message.queue) == message.queue)
        told = (message for message in first if message.type not in NO_MATTER)
        assert Counter(event_of(message.type, message.payload) for message in told) == ref.events
        assert check_snapshot(snapshot) == []


def run_examples(world: World, *, examples: int) -> None:
    """Draws examples on a platform. In CI always the same ones."""

    class Here(BookingLifecycle):
        pass

    Here.world = world
    deep = EXAMPLES > 0
    chosen = settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=50 if deep else 40,
        derandomize=not deep,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if deep else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Here, settings=chosen)


@pytest.mark.timeout(3600 if EXAMPLES else 300)
def test_the_platform_does_what_the_reference_model_says_on_sqlite(world: World) -> None:
    run_examples(world, examples=18)


@pytest.mark.timeout(3600 if EXAMPLES else 300)
def test_the_platform_does_what_the_reference_model_says_on_mariadb(mariadb_world: World) -> None:
    run_examples(mariadb_world, examples=12)
