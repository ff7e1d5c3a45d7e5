"""The ledger's rules: what may be posted, what explains a balance, what is called a difference."""

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.booking.dues import Due, DueKind
from functions.payments.ledger import comparison
from functions.payments.ledger.domain import (
    FLOWS,
    PLATFORM_FEES,
    PLATFORM_VAT,
    STRIPE,
    KindSum,
    Line,
    Posting,
    PostingKind,
    balances,
    check_lines,
    commission_lines,
    driver_account,
    owner_account,
    percent_of,
)
from functions.tariffs.bills import Price

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PARTY, OWNER_ID, BOOKING = (uuid.UUID(int=number) for number in (1, 2, 3))
DRIVER, OWNER = driver_account(PARTY), owner_account(OWNER_ID)


def posting(source: str, amount: int, *, line: int = 1, kind: str = "SESSION", debit: str = DRIVER) -> Posting:
    """A posting of a booking; the transaction is its source's."""
    transaction = uuid.uuid5(BOOKING, source)
    return Posting(uuid.uuid4(), transaction, line, AT, kind, source, debit, OWNER, "EUR", amount, BOOKING, None, None)


def due(source: str, amount: int) -> Due:
    """What a driver owes for a session."""
    price = Price.free(currency="EUR", energy_kwh=0, minutes=0).model_copy(update={"total_minor": amount})
    return Due(DueKind.SESSION, source, AT, price)


@pytest.mark.parametrize("kind", PostingKind)
def test_each_kind_says_where_its_money_may_go(kind: PostingKind) -> None:
    assert FLOWS[kind]
    assert all(debit != credit for debit, credit in FLOWS[kind])


def test_lines_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="SESSION: may not go from stripe to driver"):
        check_lines(PostingKind.SESSION, [Line(STRIPE, DRIVER, "EUR", 1)])


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_is_above_nothing(amount: int) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        check_lines(PostingKind.CAPTURE, [Line(STRIPE, DRIVER, "EUR", amount)])


def test_a_kind_that_nobody_knows_explains_nothing() -> None:
    with pytest.raises(ValueError, match="may not go"):
        check_lines("GIFT", [Line(STRIPE, DRIVER, "EUR", 1)])


def test_commission_is_a_share_with_its_own_vat_on_top() -> None:
    lines = commission_lines(2647, "EUR", OWNER, percent=5.0, vat_percent=21.0)
    assert [(line.credit, line.amount_minor) for line in lines] == [(PLATFORM_FEES, 132), (PLATFORM_VAT, 28)]


def test_no_commission_is_no_line() -> None:
    assert commission_lines(2647, "EUR", OWNER, percent=0.0, vat_percent=21.0) == []


@given(st.integers(1, 10**12), st.decimals(0, 100, places=2))
def test_a_share_is_half_up_and_never_above_the_whole(amount: int, percent: object) -> None:
    share = percent_of(amount, float(str(percent)))
    assert 0 <= share <= amount
    assert abs(share - amount * float(str(percent)) / 100) <= 0.5 + amount * 1e-12


KINDS = st.builds(KindSum, st.sampled_from(["EUR", "HUF"]), st.sampled_from([*PostingKind]), st.integers(-(10**9), 10**9))


@given(st.lists(KINDS, unique_by=lambda item: (item.currency, item.kind)))
def test_each_balance_is_the_sum_of_what_explains_it(sums: list[KindSum]) -> None:
    for balance in balances(OWNER, sums):
        assert balance.balance_minor == sum(item.amount_minor for item in balance.kinds)
        assert {item.currency for item in balance.kinds} == {balance.currency}
    assert sum(balance.balance_minor for balance in balances(OWNER, sums)) == sum(item.amount_minor for item in sums)


def test_what_was_posted_as_it_is_due_is_no_difference() -> None:
    assert comparison.of_booking(BOOKING, [due("cdr:1", 500)], [posting("cdr:1", 500)]) == []


@pytest.mark.parametrize(("expected", "actual"), [(500, 0), (0, 500), (500, 499)])
def test_what_is_missing_too_much_or_another_amount_is_one(expected: int, actual: int) -> None:
    dues = [due("cdr:1", expected)] if expected else []
    postings = [posting("cdr:1", actual)] if actual else []
    (difference,) = comparison.of_booking(BOOKING, dues, postings)
    assert (difference.kind, difference.subject) == ("BOOKING", "cdr:1")
    assert (difference.expected_minor, difference.actual_minor) == (expected, actual)


def test_a_posting_that_its_kind_does_not_explain_is_one() -> None:
    (difference,) = comparison.of_postings([posting("cdr:1", 500, debit=STRIPE)])
    assert (difference.kind, difference.actual_minor) == ("UNEXPLAINED", 500)


def test_a_transaction_that_lacks_a_line_is_one() -> None:
    lines = [posting("cdr:1", 500), posting("cdr:1", 5, line=3)]
    (difference,) = comparison.of_postings(lines)
    assert (difference.kind, difference.expected_minor, difference.actual_minor) == ("INCOMPLETE", 3, 2)


def test_the_page_of_the_ledger_has_the_same_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", page, re.MULTILINE)
    written = {kind: tuple(re.findall(r"`([a-z:]+)` → `([a-z:]+)`", ways)) for kind, ways in rows}
    assert written == {kind.value: ways for kind, ways in FLOWS.items()}
