"""What a booking has come to in money, whatever became of it: the one list that the ledger and the documents go by.

It is read from what is stored, so whoever asks twice, or late, gets the same: each due has a `source` that never changes.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from functions.booking import repository, repository_cdr
from functions.booking.charging import Cdr, CdrKind
from functions.booking.domain import Booking, NoShowSettlement, ReservationStatus
from functions.booking.fees import fee_price
from functions.tariffs.bills import Price, QuoteElement, TaxLine
from functions.tariffs.domain import BookingRestriction
from shared.money import minor_digits
from shared.tx import Tx

SESSION_LINE = "SESSION"
"""The one line of a bill of before bills were kept with their record."""


class DueKind(StrEnum):
    """What somebody owes for a booking."""

    SESSION = "SESSION"
    """The driver: a charge detail record."""
    SESSION_CREDIT = "SESSION_CREDIT"
    """It takes back the record before."""
    LATE_CANCEL = "LATE_CANCEL"
    """The driver: the fee of a late cancel."""
    NO_SHOW = "NO_SHOW"
    """The driver: the fee of not coming."""
    PROMISE_CREDIT = "PROMISE_CREDIT"
    """The operator's side: it ended a booking that it had promised to keep."""


@dataclass(frozen=True)
class Due:
    """One thing owed for a booking, never changed once it is there."""

    kind: DueKind
    source: str
    """Names it for ever."""
    at: datetime
    """When it came about, UTC."""
    price: Price
    """What it is made of; of a credit as of what it takes back."""
    takes_back: str | None = None
    """The source of what a SESSION_CREDIT takes back."""


def dues_of(*, tx: Tx, booking: Booking) -> list[Due]:
    """Everything owed for a booking in the order in which it came about; amounts of nothing are left out."""
    dues = [_of_record(record) for record in repository_cdr.of_booking(tx, booking.id)]
    canceled, ended_at = booking.canceled, booking.ended_at or booking.updated_at
    currency = booking.quote.currency
    if isinstance(booking.settlement, NoShowSettlement):
        price = fee_price(tx, booking, BookingRestriction.BOOKING_EXPIRES, booking.settlement.no_show_fee_minor)
        dues.append(Due(DueKind.NO_SHOW, f"fee:{booking.id}", ended_at, price))
    if canceled is not None and canceled.fee_minor:
        price = fee_price(tx, booking, BookingRestriction.BOOKING_CANCELLATION_FEES, canceled.fee_minor)
        dues.append(Due(DueKind.LATE_CANCEL, f"fee:{booking.id}", ended_at, price))
    if canceled is not None and canceled.credit_minor:
        credit = Price.free(currency=currency, energy_kwh=0.0, minutes=0.0)
        price = credit.model_copy(update={"total_minor": canceled.credit_minor, "total_excl_vat_minor": canceled.credit_minor})
        dues.append(Due(DueKind.PROMISE_CREDIT, f"credit:{booking.id}", ended_at, price))
    return [due for due in dues if due.price.total_minor > 0]


ENDED = (ReservationStatus.FULFILLED, ReservationStatus.NO_SHOW, ReservationStatus.CANCELED)


def ended_between(*, tx: Tx, since: datetime, until: datetime, after: uuid.UUID | None, limit: int) -> list[Booking]:
    """Bookings that are over or being used, whose start lies in [since, until), in order of their ids after a cursor."""
    ids = repository_cdr.starting_between(tx, ENDED, since=since, until=until, after=after, limit=limit)
    bookings = repository.read_by_ids(tx, ids)
    return [bookings[booking_id] for booking_id in ids]


def _of_record(record: Cdr) -> Due:
    is_credit = record.kind == CdrKind.CREDIT
    kind = DueKind.SESSION_CREDIT if is_credit else DueKind.SESSION
    takes_back = f"cdr:{record.credit_of}" if is_credit else None
    price = Price.model_validate(record.bill) if record.bill is not None else _told_by(record.document)
    return Due(kind, f"cdr:{record.id}", record.created_at, price, takes_back)


def _told_by(document: dict[str, Any]) -> Price:
    """The price of a record of before bills were kept with it: its sums are exact, its lines are one."""
    currency = document["currency"]
    scale = 10 ** minor_digits(currency)
    cost = document["total_cost"]
    net = abs(round(cost["before_taxes"] * scale))
    taxes = [(float(tax["percentage"]), abs(round(tax["amount"] * scale))) for tax in cost.get("taxes", [])]
    total = net + sum(vat for _, vat in taxes)
    minutes = document["total_time"] * timedelta(hours=1) / timedelta(minutes=1)
    rates = [rate for rate, vat in taxes if vat]
    line = QuoteElement(
        dimension=SESSION_LINE,
        quantity=1,
        unit="session",
        unit_price=net / scale,
        vat_percent=max(rates, default=0.0),
        start=None,
        end=None,
        amount_minor=total,
    )
    return Price(
        currency=currency,
        total_minor=total,
        total_excl_vat_minor=net,
        energy_kwh=document["total_energy"],
        minutes=minutes,
        tariff_id=document.get("tariff_id"),
        elements=[line],
        tax=_taxes(net, taxes),
    )


def _taxes(net: int, taxes: list[tuple[float, int]]) -> list[TaxLine]:
    """The taxes of a record with the net of each rate: by its tax, the last takes what is left."""
    lines, left = [], net
    for number, (rate, vat) in enumerate(taxes, start=1):
        share = left if number == len(taxes) else min(left, round(vat * 100 / rate) if rate else 0)
        lines.append(TaxLine(rate=rate, net_minor=share, vat_minor=vat))
        left -= share
    return lines
