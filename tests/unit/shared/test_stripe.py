"""The payment provider's adapter, the real SDK against the loopback Stripe."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.stack.stripe import Fault, LoopbackStripe
from shared.adapters.payments import Asked, BadSignature, CardDeclined, IntentState, OutcomeUnknown, StateChanged
from shared.adapters.stripe import Stripe
from shared.adapters.stripe_amounts import DIGITS, LEAST, STEPS, chargeable, to_minor, to_provider
from shared.clock import ManualClock
from shared.errors import Unavailable
from shared.money import CURRENCIES
from shared.settings import Settings
from tests.conftest import MONDAY_EIGHT

VISA, DECLINES, LATER, ASKS_WHO = "4242424242424242", "4000000000000002", "4000000000000341", "4000002760003184"


@pytest.fixture(scope="module")
def loopback() -> Iterator[LoopbackStripe]:
    with LoopbackStripe(ManualClock(MONDAY_EIGHT)) as instance:
        yield instance


@pytest.fixture
def provider(loopback: LoopbackStripe) -> Stripe:
    loopback.behaviour.faults.clear()
    return Stripe(Settings.model_validate(loopback.settings()), ManualClock(MONDAY_EIGHT))


@pytest.fixture
def asked(provider: Stripe, request: pytest.FixtureRequest) -> Asked:
    name = request.node.name
    return Asked(f"payment_{name}", provider.create_customer(reference=name, key=f"customer:{name}"), 1234, "EUR", "Charging")


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**9))
def test_an_amount_there_and_back_is_never_more_and_loses_less_than_a_step(currency: str, minor: int) -> None:
    back = to_minor(to_provider(minor, currency), currency)
    assert back <= minor
    lost = 100 if currency in ("MGA",) else STEPS.get(currency, 1)
    assert minor - back < lost
    assert to_provider(minor, currency) % STEPS.get(currency, 1) == 0


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**7))
def test_an_amount_of_the_provider_comes_back_as_it_was(currency: str, steps: int) -> None:
    amount = steps * STEPS.get(currency, 1)
    assert to_provider(to_minor(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1234, "EUR", 1234),
        (1234, "JPY", 1234),
        (12, "ISK", 1200),
        (123456, "HUF", 123456),
        (1239, "KWD", 1230),
        (1250, "MGA", 12),
    ],
)
def test_the_providers_special_cases(minor: int, currency: str, amount: int) -> None:
    assert to_provider(minor, currency) == amount


def test_the_tables_name_currencies_and_what_is_below_the_least_is_not_charged() -> None:
    assert {*DIGITS, *STEPS} <= set(CURRENCIES)
    assert (chargeable(49, "EUR"), chargeable(50, "EUR")) == (0, LEAST["EUR"])
    assert (chargeable(499, "KWD"), chargeable(509, "KWD")) == (0, 500)


def test_a_hold_is_captured_once_for_less_and_its_fee_is_known(provider: Stripe, asked: Asked) -> None:
    held = provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold")
    assert (held.state, held.held_minor, held.captured_minor) == (IntentState.HELD, 1234, 0)
    assert held.capture_before is not None
    taken = provider.capture(held.provider_id, amount_minor=1000, currency="EUR", key=f"{asked.reference}:capture")
    assert (taken.state, taken.held_minor, taken.captured_minor, taken.fee_minor) == (IntentState.CAPTURED, 0, 1000, 40)
    assert taken.fee_ref
    with pytest.raises(StateChanged):
        provider.capture(held.provider_id, amount_minor=100, currency="EUR", key=f"{asked.reference}:again")
    assert provider.intents_of(asked.reference) == [taken]


def test_the_same_key_has_its_effect_once_and_with_another_amount_is_refused(
    provider: Stripe, loopback: LoopbackStripe, asked: Asked
) -> None:
    first = provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold")
    assert provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold") == first
    assert len(loopback.objects.all_of("payment_intent", transfer_group=asked.reference)) == 1
    other = Asked(asked.reference, asked.customer, 999, "EUR", "Charging")
    with pytest.raises(Unavailable):
        provider.hold(other, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold")


def test_a_hold_that_is_let_go_holds_nothing(provider: Stripe, asked: Asked) -> None:
    held = provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold")
    assert provider.cancel(held.provider_id, key=f"{asked.reference}:cancel").state is IntentState.CANCELED
    assert provider.intent(held.provider_id).held_minor == 0


@pytest.mark.parametrize(
    ("card", "code"), [("chargeDeclined", "card_declined"), ("authenticationRequired", "authentication_required")]
)
def test_a_card_that_declines_says_why(provider: Stripe, asked: Asked, card: str, code: str) -> None:
    with pytest.raises(CardDeclined) as declined:
        provider.hold(asked, method=f"pm_card_{card}", off_session=True, key=f"{asked.reference}:hold")
    assert declined.value.code == code
    assert declined.value.needs_person == (code == "authentication_required")
    assert declined.value.intent_id is not None
    assert provider.intent(declined.value.intent_id).state is IntentState.OPEN


def test_a_failure_after_the_effect_is_kept_under_its_key_and_the_intent_is_found_by_its_reference(
    provider: Stripe, loopback: LoopbackStripe, asked: Asked
) -> None:
    loopback.behaviour.faults.append(Fault("POST /v1/payment_intents"))
    for _ in range(2):  # the second is the replay of the first
        with pytest.raises(OutcomeUnknown):
            provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold")
    assert [intent.state for intent in provider.intents_of(asked.reference)] == [IntentState.HELD]


def test_the_sdk_tries_again_under_the_same_key_where_the_provider_says_so(
    provider: Stripe, loopback: LoopbackStripe, asked: Asked
) -> None:
    loopback.behaviour.faults.append(Fault("POST /v1/payment_intents", after=False, status=503, should_retry=True, kept=False))
    assert provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold").held_minor == 1234


def test_a_page_saves_a_card_that_can_be_charged_later(provider: Stripe, loopback: LoopbackStripe, asked: Asked) -> None:
    setup = Asked(asked.reference, asked.customer, 0, "EUR", "Save a card")
    url = "http://127.0.0.1/back"
    opened = provider.open_checkout(setup, saves_card=True, return_url=url, cancel_url=url, key=f"{asked.reference}:setup")
    assert opened.state == "open"
    assert opened.url is not None
    loopback.pay(opened.url)
    complete = provider.checkout(opened.provider_id)
    assert complete.method is not None
    assert (complete.state, complete.method.last4, complete.method.expires) == ("complete", "4242", "2034-12")
    held = provider.hold(asked, method=complete.method.provider_id, off_session=True, key=f"{asked.reference}:hold")
    assert held.method == complete.method
    provider.detach(complete.method.provider_id)


def test_a_page_holds_a_payment_and_is_complete_though_it_is_to_expire(
    provider: Stripe, loopback: LoopbackStripe, asked: Asked
) -> None:
    url = "http://127.0.0.1/back"
    opened = provider.open_checkout(asked, saves_card=True, return_url=url, cancel_url=url, key=f"{asked.reference}:pay")
    assert opened.url is not None
    loopback.pay(opened.url, ASKS_WHO)
    complete = provider.expire_checkout(opened.provider_id)
    assert complete.intent is not None
    assert (complete.state, complete.intent.held_minor) == ("complete", 1234)


def test_a_page_that_is_expired_takes_no_card(provider: Stripe, loopback: LoopbackStripe, asked: Asked) -> None:
    url = "http://127.0.0.1/back"
    opened = provider.open_checkout(asked, saves_card=True, return_url=url, cancel_url=url, key=f"{asked.reference}:pay")
    assert provider.expire_checkout(opened.provider_id).state == "expired"
    assert opened.url is not None
    with pytest.raises(Exception, match="no longer open"):
        loopback.pay(opened.url)


def test_a_refund_is_of_what_was_captured(provider: Stripe, asked: Asked) -> None:
    held = provider.hold(asked, method="pm_card_visa", off_session=True, key=f"{asked.reference}:hold")
    provider.capture(held.provider_id, amount_minor=1000, currency="EUR", key=f"{asked.reference}:capture")
    refund = provider.refund(held.provider_id, amount_minor=400, currency="EUR", key=f"{asked.reference}:refund:1")
    assert provider.refunds(held.provider_id) == [(refund, 400)]
    with pytest.raises(StateChanged):
        provider.refund(held.provider_id, amount_minor=700, currency="EUR", key=f"{asked.reference}:refund:2")


def _event() -> bytes:
    return json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}).encode()


def test_a_webhook_that_is_signed_is_read(provider: Stripe, loopback: LoopbackStripe) -> None:
    assert provider.read_webhook(_event(), loopback.signature(_event())).object_id == "pi_1"


@pytest.mark.parametrize("away", [-301, 301])
def test_a_webhook_too_old_or_too_new_is_refused(provider: Stripe, loopback: LoopbackStripe, away: int) -> None:
    at = loopback.objects.now() + away
    with pytest.raises(BadSignature, match="too old, or too new"):
        provider.read_webhook(_event(), loopback.signature(_event(), at=at))


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "nonsense"])
def test_a_webhook_of_somebody_else_is_refused(provider: Stripe, signature: str) -> None:
    with pytest.raises(BadSignature):
        provider.read_webhook(_event(), signature)


def test_a_provider_that_is_away_or_knows_no_such_key_is_unavailable(loopback: LoopbackStripe) -> None:
    for changed in ({"stripe_api_base": "http://127.0.0.1:9"}, {"stripe_api_key": "sk_test_other"}):
        other = Stripe(Settings.model_validate(loopback.settings() | changed), ManualClock(MONDAY_EIGHT))
        with pytest.raises(Unavailable) as refused:
            other.intent("pi_1")
        assert "sk_test" not in refused.value.detail


def test_without_a_key_nothing_can_be_paid() -> None:
    with pytest.raises(Unavailable, match="STRIPE_API_KEY: must be set"):
        Stripe(Settings(), ManualClock(MONDAY_EIGHT))


def test_a_loopback_remembers_its_objects_from_one_run_to_the_next(tmp_path: Path) -> None:
    clock, file = ManualClock(MONDAY_EIGHT), tmp_path / "stripe.json"
    with LoopbackStripe(clock, file=file) as first:
        customer = Stripe(Settings.model_validate(first.settings()), clock).create_customer(reference="a", key="k")
    assert LoopbackStripe(clock, file=file).objects.get(customer, "customer")["metadata"] == {"reference": "a"}
