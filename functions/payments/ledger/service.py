"""Use cases of the ledger: posting what happens to bookings and to money, each source once for ever, and reading it."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from functions.booking import dues
from functions.booking import service as bookings
from functions.booking.domain import Booking
from functions.booking.dues import Due, DueKind
from functions.booking.events import BookingEvent
from functions.payments.events import (
    DisputeChanged,
    MoneyMoved,
    PaymentCaptured,
    PaymentRefunded,
    ProviderFee,
    TransferPaid,
)
from functions.payments.ledger import repository
from functions.payments.ledger.domain import (
    DISPUTES,
    PLATFORM_COSTS,
    PLATFORM_PROMISE,
    STRIPE,
    Balance,
    Line,
    Posting,
    PostingKind,
    balances,
    check_lines,
    commission_lines,
    credit_account,
    driver_account,
    owner_account,
)
from functions.stations import service as stations
from shared.db import new_id
from shared.errors import Invalid, Unauthenticated
from shared.platform import Platform
from shared.tx import Tx

DISPUTE_STATES = ("OPENED", "WON", "LOST")


def post(
    *,
    tx: Tx,
    source: str,
    kind: str,
    lines: Sequence[Line],
    booking_id: uuid.UUID | None,
    at: datetime | None = None,
) -> bool:
    """Posts a transaction; the same source twice does nothing. Returns whether it was new.

    `at` is when it happened (None: now). Raises ValueError for lines that their kind does not allow (`domain.FLOWS`).
    """
    check_lines(kind, lines)
    booking = None if booking_id is None else _booking(tx, booking_id)
    return _post(tx, source, kind, lines, booking, at)


def _post(tx: Tx, source: str, kind: str, lines: Sequence[Line], booking: Booking | None, at: datetime | None) -> bool:
    check_lines(kind, lines)
    transaction_id = new_id()
    postings = [
        Posting(
            id=new_id(),
            transaction_id=transaction_id,
            line=number,
            at=at or tx.now,
            kind=kind,
            source=source,
            **vars(line),
            booking_id=None if booking is None else booking.id,
            location_id=None if booking is None else booking.location_id,
            tariff_id=None if booking is None else booking.tariff_id,
        )
        for number, line in enumerate(lines, start=1)
    ]
    return repository.add(tx, postings)


def _booking(tx: Tx, booking_id: uuid.UUID) -> Booking | None:
    return bookings.bookings_by_id(tx=tx, booking_ids=[booking_id]).get(booking_id)


def handle_booking(platform: Platform, *, consumer: str, message_id: str, event: BookingEvent) -> None:
    """Posts what a booking has come to."""
    platform.consume(partial(_post_booking, booking_id=event.booking_id), consumer=consumer, message_id=message_id)


def _post_booking(tx: Tx, *, booking_id: uuid.UUID) -> int:
    booking = _booking(tx, booking_id)
    return 0 if booking is None else post_dues(tx=tx, booking=booking)


def post_dues(*, tx: Tx, booking: Booking) -> int:
    """Posts everything owed for a booking that was not posted before, each with its commission. Returns how many were new.

    It goes by what is stored, not by the event that woke it: events may come twice, late, and in any order.
    """
    owner = owner_account(stations.get_location(tx=tx, location_id=booking.location_id).owner_id)
    listed = dues.dues_of(tx=tx, booking=booking)
    return sum(_post_due(tx, booking, owner, due) for due in listed)


def _post_due(tx: Tx, booking: Booking, owner: str, due: Due) -> bool:
    party, price = repository.party_of(tx, booking.user_id), due.price
    if due.kind is DueKind.PROMISE_CREDIT:
        line = Line(PLATFORM_PROMISE, credit_account(party), price.currency, price.total_minor)
        return _post(tx, due.source, due.kind, [line], booking, due.at)
    if due.takes_back is not None:
        return _take_back(tx, booking, due, due.takes_back)
    line = Line(driver_account(party), owner, price.currency, price.total_minor)
    if not _post(tx, due.source, due.kind, [line], booking, due.at):
        return False
    settings = tx.settings
    commission = commission_lines(
        price.total_minor,
        price.currency,
        owner,
        percent=settings.commission_percent,
        vat_percent=settings.commission_vat_percent,
    )
    if commission:
        _post(tx, _commission_of(due.source), PostingKind.COMMISSION, commission, booking, due.at)
    return True


def _take_back(tx: Tx, booking: Booking, due: Due, source: str) -> bool:
    """Reverses what was posted of a record and of its commission, whatever owner and rate there are by now."""
    lines = _reversed(tx, source)
    if not lines or not _post(tx, due.source, due.kind, lines, booking, due.at):
        return False
    commission = _reversed(tx, _commission_of(source))
    if commission:
        _post(tx, _commission_of(due.source), PostingKind.COMMISSION_CREDIT, commission, booking, due.at)
    return True


def _reversed(tx: Tx, source: str) -> list[Line]:
    postings = repository.of_source(tx, source)
    return [Line(posting.credit, posting.debit, posting.currency, posting.amount_minor) for posting in postings]


def _commission_of(source: str) -> str:
    return f"{source}:commission"


def handle_money(platform: Platform, *, consumer: str, message_id: str, event: MoneyMoved) -> None:
    """Posts what has moved at the provider."""
    platform.consume(partial(post_money, event=event), consumer=consumer, message_id=message_id)


def post_money(tx: Tx, *, event: MoneyMoved) -> bool:
    """Posts one movement of money at the provider, once by its reference. Returns whether it was new."""
    booking = _booking(tx, event.booking_id)
    # Their rows are of the booking's driver, who may have left since: then of whom stands for them.
    party = repository.party_of(tx, event.user_id if booking is None else booking.user_id)
    source, kind, ways = _movement(event, driver_account(party), owner_account(event.owner_id))
    lines = [Line(debit, credit, event.currency, event.amount_minor) for debit, credit in ways]
    check_lines(kind, lines)
    return _post(tx, source, kind, lines, booking, event.at)


def _movement(event: MoneyMoved, driver: str, owner: str) -> tuple[str, PostingKind, list[tuple[str, str]]]:
    """The source, the kind and the ways (debit, credit) of a movement."""
    ref = event.provider_ref
    if isinstance(event, PaymentCaptured):
        return f"capture:{ref}", PostingKind.CAPTURE, [(STRIPE, driver)]
    if isinstance(event, PaymentRefunded):
        return f"refund:{ref}", PostingKind.REFUND, [*_granted(event, driver, owner), (driver, STRIPE)]
    if isinstance(event, TransferPaid):
        return f"transfer:{ref}", PostingKind.TRANSFER, [(owner, STRIPE)]
    if isinstance(event, ProviderFee):
        return f"provider_fee:{ref}", PostingKind.PROVIDER_FEE, [(PLATFORM_COSTS, STRIPE)]
    assert isinstance(event, DisputeChanged), event.TYPE
    ways = {"OPENED": (DISPUTES, STRIPE), "WON": (STRIPE, DISPUTES), "LOST": (owner, DISPUTES)}
    if event.state not in ways:
        raise ValueError(f"state: {event.state!r} is none of {', '.join(DISPUTE_STATES)}")
    kind = PostingKind(f"DISPUTE_{event.state}")
    return f"dispute:{ref}:{event.state}", kind, [ways[event.state]]


def _granted(event: PaymentRefunded, driver: str, owner: str) -> list[tuple[str, str]]:
    """Who grants a refund. What a corrected bill took back is the driver's already (DRIVER): nobody grants it again."""
    bearers = {"OWNER": [(owner, driver)], "PLATFORM": [(PLATFORM_PROMISE, driver)], "DRIVER": []}
    if event.borne_by not in bearers:
        raise ValueError(f"borne_by: {event.borne_by!r} is none of {', '.join(bearers)}")
    return bearers[event.borne_by]


def balance_of(*, tx: Tx, account: str) -> list[Balance]:
    """What an account holds, by currency, and what explains it."""
    return balances(account, repository.sums_of(tx, account))


def my_balance(*, tx: Tx) -> list[Balance]:
    """What the calling owner is owed, by currency."""
    if tx.actor.id is None:
        raise Unauthenticated()
    return balance_of(tx=tx, account=owner_account(tx.actor.id))


def list_postings(
    *, tx: Tx, account: str | None, booking_id: uuid.UUID | None, before: uuid.UUID | None, limit: int
) -> list[Posting]:
    """Postings of an account or of a booking, the latest first. Raises Invalid where neither is named."""
    if account is None and booking_id is None:
        raise Invalid.one("account", "name an account such as stripe, or a booking_id")
    return repository.of_account(tx, account, booking_id=booking_id, before=before, limit=limit)
