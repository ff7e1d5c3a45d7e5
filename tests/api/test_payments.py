"""Paying for bookings through the API, on the loopback Stripe: cards held, captured, given free; declines, 3-D Secure, failures
after the effect, webhooks twice and out of order."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import sweeps
from devhost.stack.stripe import Fault, LoopbackStripe
from functions.payments.tables import payment_attempt, provider_event
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.platform import Platform
from tests.conftest import embedded_platform
from tests.support.world import API, Person, World

VISA, DECLINES, LATER, ASKS_WHO = "4242424242424242", "4000000000000002", "4000000000000341", "4000002760003184"
HOLD = BookingTerms(payment="HOLD")


@pytest.fixture
def stripe(clock: ManualClock) -> Iterator[LoopbackStripe]:
    with LoopbackStripe(clock) as instance:
        yield instance


@pytest.fixture
def platform(tmp_path: Path, clock: ManualClock, stripe: LoopbackStripe) -> Iterator[Platform]:
    """One that pays at the loopback Stripe."""
    instance = embedded_platform(tmp_path / "data", clock, **stripe.settings())
    yield instance
    instance.close()


class Payer:
    """A driver with a place that takes payment, and what they do."""

    def __init__(self, world: World, stripe: LoopbackStripe) -> None:
        self.world, self.stripe = world, stripe
        self.person: Person = world.user()
        self.place = world.location(terms=HOLD)

    def settle(self) -> None:
        """Delivers everything: our queues, and the provider's webhooks."""
        for _ in range(4):
            self.world.drain()
            self.stripe.deliver(self.post)
        self.world.drain()

    def post(self, body: bytes, signature: str) -> int:
        """A webhook at our door."""
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        answer = self.world.client.post(f"{API}/payments/webhooks/stripe", content=body, headers=headers)
        return int(answer.status_code)

    def book(self, start: str = "11:00") -> str:
        """A booking that waits to be paid for."""
        answer = self.person.book(self.place, start)
        assert answer.status_code == 201, answer.text
        self.settle()
        booking_id: str = answer.json()["id"]
        return booking_id

    def booking(self, booking_id: str) -> dict[str, Any]:
        """A booking as it is now."""
        document: dict[str, Any] = self.person.get(f"/booking/bookings/{booking_id}").json()
        return document

    def state(self, booking_id: str) -> tuple[str, str]:
        """(reservation status, state of its payment)."""
        booking = self.booking(booking_id)
        return booking["reservation_status"], booking["payment"]["state"]

    def pay(self, booking_id: str, **more: Any) -> Any:
        """POST pay."""
        return self.person.post(f"/payments/bookings/{booking_id}/pay", {"return_url": "/bookings/1"} | more)

    def pay_on_page(self, booking_id: str, number: str = VISA) -> None:
        """Pays on the provider's page."""
        self.stripe.pay(self.pay(booking_id).json()["pay_url"], number)
        self.settle()

    def save_card(self, number: str = VISA) -> str:
        """Saves a card. Its id."""
        self.stripe.pay(self.person.post("/payments/setups", {"return_url": "/cards"}).json()["url"], number)
        self.settle()
        method_id: str = self.person.get("/payments/methods").json()["items"][-1]["id"]
        return method_id

    def intents(self) -> list[dict[str, Any]]:
        """Everything that was asked for at the provider, the newest first."""
        return self.stripe.objects.all_of("payment_intent")

    def transaction(self, booking_id: str) -> dict[str, Any]:
        """The booking's latest payment."""
        items = self.person.get("/payments/transactions", booking_id=booking_id).json()["items"]
        document: dict[str, Any] = self.person.get(f"/payments/transactions/{items[0]['id']}").json()
        return document

    def sweep(self, *names: str) -> None:
        """Runs sweeps, and what they cause."""
        for name in names:
            sweeps.run(name, self.world.platform)
            self.settle()

    def charge(self, booking_id: str, clock: ManualClock, *, until: str = "12:00") -> None:
        """Charges over the booked time, unmetered."""
        _go(clock, _at("11:00"))
        assert self.person.post(f"/booking/bookings/{booking_id}/start").status_code == 200
        _go(clock, _at(until))
        assert self.person.post(f"/booking/bookings/{booking_id}/stop").status_code == 200
        self.settle()


def _go(clock: ManualClock, to: datetime) -> None:
    clock.advance(to - clock.now())


def _at(time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


@pytest.fixture
def payer(world: World, stripe: LoopbackStripe) -> Payer:
    return Payer(world, stripe)


def test_a_place_is_held_until_it_is_paid_for_and_then_stands(payer: Payer) -> None:
    booking_id = payer.book()
    assert payer.state(booking_id) == ("PENDING", "NEEDED")
    paying = payer.pay(booking_id).json()
    assert payer.pay(booking_id).json() == paying
    assert payer.booking(booking_id)["payment"]["pay_url"] == paying["pay_url"]
    payer.stripe.pay(paying["pay_url"])
    payer.settle()
    shown = payer.booking(booking_id)
    assert payer.state(booking_id) == ("RESERVED", "HELD")
    assert shown["payment"]["amount_minor"] == shown["quote"]["total_minor"] == paying["amount_minor"]
    assert (shown["payment"]["method"], shown["payment"]["pay_url"], shown["hold_expires_at"]) == ("visa 4242", None, None)


def test_what_was_used_is_captured_and_the_rest_is_free(payer: Payer, clock: ManualClock) -> None:
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    held = payer.booking(booking_id)["payment"]["amount_minor"]
    payer.charge(booking_id, clock)
    total = payer.booking(booking_id)["settlement"]["total_minor"]
    assert 0 < total <= held
    transaction = payer.transaction(booking_id)
    assert (transaction["status"], transaction["captured_minor"], transaction["held_minor"]) == ("CAPTURED", total, 0)
    assert [event["type"] for event in transaction["events"]] == ["HELD", "CAPTURED", "FEE"]
    assert payer.intents()[0]["amount_received"] == total


def test_what_a_corrected_bill_takes_back_is_paid_back_once_and_the_ledger_agrees(payer: Payer, clock: ManualClock) -> None:
    owner = payer.world.user("owner")
    payer.world.owner_id = owner.id
    payer.place = payer.world.location(terms=HOLD)
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    payer.charge(booking_id, clock)
    before = payer.booking(booking_id)["settlement"]["total_minor"]
    assert owner.post(f"/booking/hosted/{booking_id}/reading", {"kwh": 2.0}).status_code == 200
    payer.settle()
    total = payer.booking(booking_id)["settlement"]["total_minor"]
    transaction = payer.transaction(booking_id)
    assert 0 < total < before
    assert (transaction["captured_minor"], transaction["refunded_minor"]) == (before, before - total)
    listed = payer.world.user("admin").get("/payments/ledger", booking_id=booking_id, limit=100).json()["items"]
    sums: Counter[str] = Counter()
    for posting in listed:
        sums[posting["credit"].partition(":")[0]] += posting["amount_minor"]
        sums[posting["debit"].partition(":")[0]] -= posting["amount_minor"]
    fee = sum(posting["amount_minor"] for posting in listed if posting["kind"] == "PROVIDER_FEE")
    assert sums["driver"] == 0, "they have paid what they owe"
    assert -sums["stripe"] == total - fee > 0
    assert sums["owner"] == total - sum(sums[account] for account in sums if account == "platform") - fee


def test_a_place_that_nobody_pays_for_is_free_once_the_page_is_closed(payer: Payer, clock: ManualClock) -> None:
    booking_id = payer.book()
    url = payer.pay(booking_id).json()["pay_url"]
    clock.advance(timedelta(minutes=11))
    payer.sweep("release_expired_holds")
    assert payer.state(booking_id)[0] == "PENDING", "the page is still open"
    payer.sweep("release_unpaid")
    assert payer.state(booking_id) == ("CANCELED", "FAILED")
    with pytest.raises(Exception, match="no longer open"):
        payer.stripe.pay(url)
    assert payer.pay(booking_id).status_code == 409


def test_what_was_paid_while_its_time_ran_out_counts(payer: Payer, clock: ManualClock) -> None:
    booking_id = payer.book()
    payer.stripe.behaviour.silent = True
    payer.pay_on_page(booking_id)
    assert payer.state(booking_id) == ("PENDING", "NEEDED")
    clock.advance(timedelta(minutes=11))
    payer.sweep("release_unpaid")
    assert payer.state(booking_id) == ("RESERVED", "HELD")


def test_cancelled_in_time_nothing_stays_held(payer: Payer) -> None:
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    payer.person.post(f"/booking/bookings/{booking_id}/cancel")
    payer.settle()
    assert payer.state(booking_id) == ("CANCELED", "RELEASED")
    assert [intent["status"] for intent in payer.intents()] == ["canceled"]


def test_cancelled_while_the_page_is_open_the_page_is_closed(payer: Payer) -> None:
    booking_id = payer.book()
    url = payer.pay(booking_id).json()["pay_url"]
    payer.person.post(f"/booking/bookings/{booking_id}/cancel")
    payer.settle()
    assert payer.state(booking_id) == ("CANCELED", "RELEASED")
    with pytest.raises(Exception, match="no longer open"):
        payer.stripe.pay(url)


@pytest.mark.parametrize(("at", "ends"), [("10:30", "CANCELED"), ("11:16", "NO_SHOW")])
def test_left_late_or_missed_the_frozen_fee_is_taken_of_what_is_held(
    payer: Payer, clock: ManualClock, at: str, ends: str
) -> None:
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    _go(clock, _at(at))
    if ends == "CANCELED":
        payer.person.post(f"/booking/bookings/{booking_id}/cancel")
        payer.settle()
    else:
        payer.sweep("sweep_no_shows")
    booking = payer.booking(booking_id)
    fees = booking["quote"]["fees"]
    fee = fees["late_cancel_minor"] if ends == "CANCELED" else fees["no_show_minor"]
    assert (booking["reservation_status"], booking["payment"]["state"], booking["payment"]["amount_minor"]) == (
        ends,
        "CAPTURED",
        fee,
    )


def test_a_saved_card_is_charged_a_day_before_the_start(payer: Payer, clock: ManualClock) -> None:
    payer.save_card()
    booking_id = payer.book("2026-03-05T11:00:00Z")
    assert payer.state(booking_id) == ("RESERVED", "PLANNED")
    assert payer.booking(booking_id)["payment"]["authorise_at"] == "2026-03-04T11:00:00Z"
    _go(clock, datetime(2026, 3, 4, 10, 59, tzinfo=UTC))
    payer.sweep("authorise_upcoming")
    assert payer.intents() == []
    _go(clock, datetime(2026, 3, 4, 11, 1, tzinfo=UTC))
    payer.sweep("authorise_upcoming", "authorise_upcoming")
    assert payer.state(booking_id) == ("RESERVED", "HELD")
    assert len(payer.intents()) == 1


def test_booked_far_ahead_without_a_card_the_page_saves_one_and_holds_nothing(payer: Payer) -> None:
    booking_id = payer.book("2026-03-05T11:00:00Z")
    payer.pay_on_page(booking_id)
    assert payer.state(booking_id) == ("RESERVED", "PLANNED")
    assert payer.intents() == []
    assert [card["last4"] for card in payer.person.get("/payments/methods").json()["items"]] == ["4242"]


@pytest.mark.parametrize("number", [LATER, ASKS_WHO])
def test_declined_a_day_before_its_driver_is_asked_and_mends_it_on_the_page(
    payer: Payer, clock: ManualClock, number: str
) -> None:
    payer.save_card(number)
    booking_id = payer.book("2026-03-05T11:00:00Z")
    _go(clock, datetime(2026, 3, 4, 11, 1, tzinfo=UTC))
    payer.sweep("authorise_upcoming")
    assert payer.state(booking_id) == ("RESERVED", "ACTION_NEEDED")
    assert payer.booking(booking_id)["payment"]["mend_until"] == "2026-03-05T09:00:00Z"
    told = payer.person.get("/notify/inbox").json()["items"]
    assert any(item["title"].startswith("Please pay") for item in told)
    payer.pay_on_page(booking_id)
    assert payer.state(booking_id) == ("RESERVED", "HELD")


def test_declined_and_not_mended_the_booking_ends_at_no_cost(payer: Payer, clock: ManualClock) -> None:
    payer.save_card(LATER)
    booking_id = payer.book("2026-03-05T11:00:00Z")
    _go(clock, datetime(2026, 3, 4, 11, 1, tzinfo=UTC))
    payer.sweep("authorise_upcoming")
    _go(clock, datetime(2026, 3, 5, 9, 1, tzinfo=UTC))
    payer.sweep("release_unpaid")
    booking = payer.booking(booking_id)
    assert payer.state(booking_id) == ("CANCELED", "FAILED")
    assert (booking["canceled"]["fee_minor"], booking["canceled"]["cause"]) == (0, "PAYMENT_FAILED")


def test_each_other_saved_card_is_tried_once_before_its_driver_is_asked(payer: Payer, clock: ManualClock) -> None:
    payer.save_card(LATER)
    payer.save_card(VISA)
    booking_id = payer.book("2026-03-05T11:00:00Z")
    _go(clock, datetime(2026, 3, 4, 11, 1, tzinfo=UTC))
    payer.sweep("authorise_upcoming")
    assert payer.state(booking_id) == ("RESERVED", "HELD")
    assert payer.booking(booking_id)["payment"]["method"] == "visa 4242"


def test_a_saved_card_pays_at_once_and_one_that_is_declined_is_refused_with_its_reason(payer: Payer) -> None:
    booking_id = payer.book()
    card = payer.save_card(LATER)
    refused = payer.pay(booking_id, method_id=card)
    assert (refused.status_code, refused.json()["code"], refused.json()["decline"]) == (
        402,
        "PAYMENT_DECLINED",
        "card_declined",
    )
    good = payer.save_card(VISA)
    assert payer.pay(booking_id, method_id=good).json()["state"] == "HELD"
    assert payer.state(booking_id) == ("RESERVED", "HELD")


def test_a_card_whose_bank_wants_the_person_leads_to_the_page(payer: Payer) -> None:
    booking_id = payer.book()
    card = payer.save_card(ASKS_WHO)
    paying = payer.pay(booking_id, method_id=card).json()
    assert paying["state"] == "NEEDED"
    payer.stripe.pay(paying["pay_url"], ASKS_WHO)
    payer.settle()
    assert payer.state(booking_id) == ("RESERVED", "HELD")


def test_the_card_of_somebody_else_pays_for_nothing(payer: Payer, world: World) -> None:
    booking_id = payer.book()
    other = Payer(world, payer.stripe)
    assert payer.pay(booking_id, method_id=other.save_card()).status_code == 404
    assert other.pay(booking_id).status_code == 404


def test_a_hold_whose_answer_was_a_failure_after_the_effect_is_found_and_not_made_twice(payer: Payer) -> None:
    payer.save_card()
    payer.stripe.behaviour.faults.append(Fault("POST /v1/payment_intents"))
    booking_id = payer.book()
    assert payer.state(booking_id) == ("RESERVED", "HELD")
    assert len(payer.intents()) == 1


def test_a_hold_that_failed_before_its_effect_is_tried_under_the_next_key(payer: Payer, clock: ManualClock) -> None:
    payer.save_card()
    payer.stripe.behaviour.faults.append(Fault("POST /v1/payment_intents", after=False))
    booking_id = payer.book()
    assert payer.state(booking_id) == ("PENDING", "NEEDED")
    clock.advance(timedelta(minutes=1))
    payer.settle()
    assert payer.state(booking_id) == ("RESERVED", "HELD")
    numbers = payer.world.platform.read(
        lambda tx: tx.execute(sa.select(payment_attempt.c.number, payment_attempt.c.outcome)).all()
    )
    assert [tuple(row) for row in numbers] == [(1, "UNKNOWN"), (2, "DONE")]


def test_a_capture_that_failed_after_its_effect_is_taken_once(payer: Payer, clock: ManualClock) -> None:
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    payer.stripe.behaviour.faults.append(Fault("/capture"))
    payer.charge(booking_id, clock)
    assert payer.state(booking_id)[1] == "CAPTURED"
    total = payer.booking(booking_id)["settlement"]["total_minor"]
    assert [moved["amount"] for moved in payer.stripe.objects.all_of("balance_transaction")] == [total]


def test_webhooks_that_come_twice_and_out_of_order_have_their_effect_once(payer: Payer, clock: ManualClock) -> None:
    payer.stripe.behaviour.times, payer.stripe.behaviour.backwards = 2, True
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    payer.charge(booking_id, clock)
    assert [event["type"] for event in payer.transaction(booking_id)["events"]] == ["HELD", "CAPTURED", "FEE"]
    kept, handled = payer.world.platform.read(
        lambda tx: tx.execute(sa.select(sa.func.count(), sa.func.count(provider_event.c.handled_at))).one()
    )
    assert kept == handled == len(payer.stripe.objects.happened)


def test_overtime_beyond_the_hold_is_a_payment_of_its_own(payer: Payer, clock: ManualClock) -> None:
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    payer.charge(booking_id, clock, until="14:30")
    settlement = payer.booking(booking_id)["settlement"]
    taken = sum(item["captured_minor"] for item in _all(payer, booking_id))
    assert taken == settlement["total_minor"]


def _all(payer: Payer, booking_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = payer.person.get("/payments/transactions", booking_id=booking_id).json()["items"]
    return items


def test_a_webhook_that_is_not_signed_is_refused(payer: Payer) -> None:
    assert payer.post(b'{"id": "evt_1"}', "t=1,v1=00") == 400
    assert payer.world.scalar(sa.select(sa.func.count()).select_from(provider_event)) == 0


def test_a_card_that_a_booking_counts_on_is_not_removed(payer: Payer) -> None:
    card = payer.save_card()
    booking_id = payer.book("2026-03-05T11:00:00Z")
    assert payer.person.delete(f"/payments/methods/{card}").status_code == 409
    payer.person.post(f"/booking/bookings/{booking_id}/cancel")
    payer.settle()
    assert payer.person.delete(f"/payments/methods/{card}").status_code == 204
    assert payer.person.get("/payments/methods").json()["items"] == []


def test_where_nothing_is_asked_for_bookings_are_as_ever(payer: Payer, world: World) -> None:
    booking = payer.person.book(world.location(name="Free of holds"), "11:00").json()
    assert (booking["reservation_status"], booking["payment"]) == ("RESERVED", None)
    payer.settle()
    assert payer.stripe.behaviour.calls == []


def test_owners_and_administrators_see_the_payments_that_are_theirs_to_see(payer: Payer, world: World) -> None:
    booking_id = payer.book()
    payment_id = payer.transaction(booking_id)["id"]
    for role, items in (("admin", 1), ("owner", 0), ("driver", 0)):
        person = world.user(role)
        assert len(person.get("/payments/transactions").json()["items"]) == items
        assert person.get(f"/payments/transactions/{payment_id}").status_code == (200 if items else 404)
    world.owner_id = owner_id = world.user("owner").id
    theirs = Payer(world, payer.stripe)
    theirs.book("12:00")
    assert len(Person(world, owner_id, "owner").get("/payments/transactions").json()["items"]) == 1


def test_no_key_and_no_card_number_is_in_the_logs_or_the_database(
    payer: Payer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    booking_id = payer.book()
    payer.pay_on_page(booking_id)
    payer.charge(booking_id, clock)
    stored = b"".join(path.read_bytes() for path in payer.world.platform.settings.data_dir.rglob("*") if path.is_file())
    secrets = [payer.stripe.api_key, payer.stripe.webhook_secret, VISA]
    assert not any(secret in caplog.text or secret.encode() in stored for secret in secrets)
    assert not re.search(r"\b4242 ?4242\b", caplog.text)
