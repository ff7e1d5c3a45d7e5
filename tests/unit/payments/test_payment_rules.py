"""The rules of payments: sums do not depend on the order in which we hear, and steps end at what is due."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.booking.paying import PaymentState
from functions.payments.domain import (
    EventType,
    Payment,
    PaymentEvent,
    Purpose,
    Step,
    Todo,
    fold,
    mend_until,
    next_step,
    payment_of,
    settled_state,
    summary,
)
from shared.adapters.stripe_amounts import chargeable

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PLANNED = Payment(
    id=uuid.UUID(int=1),
    booking_id=uuid.UUID(int=2),
    user_id=uuid.UUID(int=3),
    location_id=uuid.UUID(int=4),
    purpose=Purpose.BOOKING,
    seq=1,
    currency="EUR",
    asked_minor=1000,
    due_minor=None,
    held_minor=0,
    captured_minor=0,
    refunded_minor=0,
    state=PaymentState.PLANNED,
    intent_id=None,
    method_id=uuid.UUID(int=5),
    authorise_at=NOW,
    capture_before=None,
    mend_until=None,
    failure=None,
    checkout_id=None,
    checkout_url=None,
    checkout_until=None,
    created_at=NOW,
    updated_at=NOW,
)
HELD = replace(PLANNED, held_minor=1000, state=PaymentState.HELD, intent_id="pi_1")


@given(st.permutations(["HELD", "CAPTURED", "FEE", "REFUNDED"]), st.integers(1, 1000), st.integers(1, 1000))
def test_the_sums_do_not_depend_on_the_order_in_which_we_hear(order: list[str], held: int, refunded: int) -> None:
    amounts = {"HELD": held, "CAPTURED": held, "FEE": 9, "REFUNDED": refunded}
    refs = {"HELD": "pi_1", "CAPTURED": "pi_1", "FEE": "txn_1", "REFUNDED": "re_1"}
    totals = fold([PaymentEvent(EventType(kind), amounts[kind], refs[kind]) for kind in order])
    assert (totals.held_minor, totals.captured_minor, totals.refunded_minor, totals.intent_id) == (0, held, refunded, "pi_1")


def test_a_hold_that_was_let_go_leaves_another_one_standing() -> None:
    events = [PaymentEvent(EventType.RELEASED, 0, "pi_1"), PaymentEvent(EventType.HELD, 500, "pi_1")]
    assert fold(events).held_minor == 0
    assert fold([*events, PaymentEvent(EventType.HELD, 700, "pi_2")]) == fold([PaymentEvent(EventType.HELD, 700, "pi_2")])


def _done(payment: Payment, todo: Todo) -> Payment:
    """A payment after a step that the provider has done."""
    match todo.step:
        case Step.HOLD:
            changed = replace(payment, held_minor=todo.amount_minor)
        case Step.CAPTURE:
            changed = replace(payment, held_minor=0, captured_minor=todo.amount_minor)
        case Step.CANCEL:
            changed = replace(payment, held_minor=0)
        case Step.REFUND:
            changed = replace(payment, refunded_minor=payment.refunded_minor + todo.amount_minor)
        case _:
            changed = replace(payment, checkout_id=None)
    return replace(changed, state=settled_state(changed))


@given(st.sampled_from([PLANNED, HELD]), st.integers(0, 1500), st.lists(st.integers(0, 1500), max_size=3), st.booleans())
def test_steps_end_with_what_is_due_taken_of_what_was_held_and_nothing_held(
    payment: Payment, due: int, lowered: list[int], has_page: bool
) -> None:
    payment = replace(payment, checkout_id="cs_1" if has_page else None)
    for amount in [due, *lowered]:
        due = min(due, amount)
        payment = replace(payment, due_minor=due)
        payment = replace(payment, state=settled_state(payment))
        for _ in range(5):
            todo = next_step(payment, NOW)
            payment = payment if todo is None else _done(payment, todo)
        assert next_step(payment, NOW) is None
        assert payment.held_minor == 0
        assert payment.captured_minor - payment.refunded_minor <= due
    first = [due, *lowered][0]
    if not lowered and payment.captured_minor == 0:
        assert chargeable(first, "EUR") == 0


@pytest.mark.parametrize(
    ("payment", "step"),
    [
        (PLANNED, Todo(Step.HOLD, 1000)),
        (replace(PLANNED, authorise_at=NOW + timedelta(minutes=1)), None),
        (replace(PLANNED, method_id=None), None),
        (HELD, None),
        (replace(HELD, due_minor=400), Todo(Step.CAPTURE, 400)),
        (replace(HELD, due_minor=1400), Todo(Step.CAPTURE, 1000)),
        (replace(HELD, due_minor=49), Todo(Step.CANCEL)),
        (replace(HELD, due_minor=0), Todo(Step.CANCEL)),
        (replace(PLANNED, due_minor=0, checkout_id="cs_1"), Todo(Step.EXPIRE)),
        (replace(PLANNED, due_minor=300, failure="card_declined"), None),
        (replace(HELD, held_minor=0, captured_minor=900, refunded_minor=100, due_minor=500), Todo(Step.REFUND, 300)),
    ],
)
def test_what_is_done_next(payment: Payment, step: Todo | None) -> None:
    assert next_step(payment, NOW) == step


def test_what_is_due_and_cannot_be_charged_is_owed() -> None:
    assert settled_state(replace(PLANNED, due_minor=300, method_id=None)) is PaymentState.OWED
    assert settled_state(replace(PLANNED, due_minor=300, failure="card_declined")) is PaymentState.OWED
    assert settled_state(replace(PLANNED, due_minor=49, method_id=None)) is PaymentState.RELEASED


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 30))
def test_a_declined_card_may_always_be_mended_for_a_while(start_h: int, cancel_h: int, minutes: int) -> None:
    start, patience = NOW + timedelta(hours=start_h), timedelta(minutes=minutes)
    until = mend_until(NOW, start, start - timedelta(hours=cancel_h), patience)
    assert NOW + patience <= until <= max(start, NOW + patience)


def test_a_page_that_is_over_is_not_shown() -> None:
    waiting = replace(PLANNED, state=PaymentState.NEEDED, checkout_url="https://x", checkout_until=NOW + timedelta(minutes=1))
    assert summary(waiting, None, NOW).pay_url == "https://x"
    assert summary(waiting, None, NOW + timedelta(minutes=1)).pay_url is None


@pytest.mark.parametrize("reference", [None, "", "user_1", "payment_", "payment_nonsense"])
def test_a_reference_that_is_not_ours_names_no_payment(reference: str | None) -> None:
    assert payment_of(reference) is None
    assert payment_of(PLANNED.reference) == PLANNED.id
