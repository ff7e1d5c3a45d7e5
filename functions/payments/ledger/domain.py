"""The rules of the ledger: which accounts there are, and between which of them each kind of posting moves money. Pure.

A posting debits one account and credits another by the same amount above 0, so the books cannot be out of balance.
Authorisations are no postings: nothing has moved.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

STRIPE = "stripe"
"""What lies with the provider."""
DISPUTES = "disputes"
"""What a driver's bank has taken back and is not decided."""
PLATFORM_FEES = "platform:fees"
"""Commission."""
PLATFORM_VAT = "platform:vat"
"""VAT on commission, owed to the tax office."""
PLATFORM_COSTS = "platform:costs"
"""What the provider keeps for itself."""
PLATFORM_PROMISE = "platform:promise"
"""What broken promises cost the platform."""
PLATFORM_WAIVED = "platform:waived"
"""What is too little to be collected."""
DRIVER, OWNER, CREDIT = "driver", "owner", "credit"
"""Families of accounts that each party has one of: `driver:PARTY`, `owner:OWNER`, `credit:PARTY`."""
PLATFORM_ACCOUNTS = (PLATFORM_FEES, PLATFORM_VAT, PLATFORM_COSTS, PLATFORM_PROMISE, PLATFORM_WAIVED)


def driver_account(party_id: uuid.UUID) -> str:
    """What a driver owes. `party_id` stands for them here and nowhere else."""
    return f"{DRIVER}:{party_id}"


def credit_account(party_id: uuid.UUID) -> str:
    """What a driver has to spend."""
    return f"{CREDIT}:{party_id}"


def owner_account(owner_id: uuid.UUID) -> str:
    """What an owner is owed."""
    return f"{OWNER}:{owner_id}"


def family_of(account: str) -> str:
    """The family of an account: one of a party's without the party, one of the platform's as it is."""
    head = account.partition(":")[0]
    return head if head in (DRIVER, OWNER, CREDIT) else account


class PostingKind(StrEnum):
    """Why money moved. The members' words are stored and shown."""

    SESSION = "SESSION"
    SESSION_CREDIT = "SESSION_CREDIT"
    LATE_CANCEL = "LATE_CANCEL"
    NO_SHOW = "NO_SHOW"
    PROMISE_CREDIT = "PROMISE_CREDIT"
    CREDIT_SPENT = "CREDIT_SPENT"
    COMMISSION = "COMMISSION"
    COMMISSION_CREDIT = "COMMISSION_CREDIT"
    CAPTURE = "CAPTURE"
    PROVIDER_FEE = "PROVIDER_FEE"
    REFUND = "REFUND"
    TRANSFER = "TRANSFER"
    DISPUTE_OPENED = "DISPUTE_OPENED"
    DISPUTE_WON = "DISPUTE_WON"
    DISPUTE_LOST = "DISPUTE_LOST"
    WAIVED = "WAIVED"


_K = PostingKind
FLOWS: dict[PostingKind, tuple[tuple[str, str], ...]] = {
    _K.SESSION: ((DRIVER, OWNER),),
    _K.SESSION_CREDIT: ((OWNER, DRIVER),),
    _K.LATE_CANCEL: ((DRIVER, OWNER),),
    _K.NO_SHOW: ((DRIVER, OWNER),),
    _K.PROMISE_CREDIT: ((PLATFORM_PROMISE, CREDIT),),
    _K.CREDIT_SPENT: ((CREDIT, DRIVER),),
    _K.COMMISSION: ((OWNER, PLATFORM_FEES), (OWNER, PLATFORM_VAT)),
    _K.COMMISSION_CREDIT: ((PLATFORM_FEES, OWNER), (PLATFORM_VAT, OWNER)),
    _K.CAPTURE: ((STRIPE, DRIVER),),
    _K.PROVIDER_FEE: ((PLATFORM_COSTS, STRIPE),),
    _K.REFUND: ((OWNER, DRIVER), (PLATFORM_PROMISE, DRIVER), (DRIVER, STRIPE)),
    _K.TRANSFER: ((OWNER, STRIPE),),
    _K.DISPUTE_OPENED: ((DISPUTES, STRIPE),),
    _K.DISPUTE_WON: ((STRIPE, DISPUTES),),
    _K.DISPUTE_LOST: ((OWNER, DISPUTES),),
    _K.WAIVED: ((PLATFORM_WAIVED, DRIVER),),
}
"""By kind: from which family of accounts (debit) to which (credit) its lines may go. docs/ledger.md has the same table."""


@dataclass(frozen=True)
class Line:
    """One line of a transaction: an amount above 0 from the account that is debited to the one that is credited."""

    debit: str
    credit: str
    currency: str
    amount_minor: int
    """Minor units of `currency` (ISO 4217)."""

    def reversed(self) -> "Line":
        """The line that takes this one back."""
        return Line(self.credit, self.debit, self.currency, self.amount_minor)


@dataclass(frozen=True)
class Posting:
    """A stored line."""

    id: uuid.UUID
    transaction_id: uuid.UUID
    line: int
    """Counts a transaction's lines from 1."""
    at: datetime
    """When what it tells of happened, UTC."""
    kind: str
    """A PostingKind."""
    source: str
    """Names what it tells of; with `line` there is one of it for ever."""
    debit: str
    credit: str
    currency: str
    amount_minor: int
    booking_id: uuid.UUID | None
    location_id: uuid.UUID | None
    """Where the booking was, for reports."""
    tariff_id: uuid.UUID | None
    """The booking's frozen tariff, for reports."""

    def amount_for(self, account: str) -> int:
        """What it adds to an account's balance (credits less debits)."""
        return self.amount_minor * ((self.credit == account) - (self.debit == account))


def is_explained(kind: str, line: Line) -> bool:
    """Whether a line of this kind may go between its accounts."""
    if kind not in PostingKind.__members__:
        return False
    return (family_of(line.debit), family_of(line.credit)) in FLOWS[PostingKind(kind)]


def check_lines(kind: str, lines: Sequence[Line]) -> None:
    """Raises ValueError unless each line is above 0 and goes between accounts of its kind."""
    if not lines:
        raise ValueError(f"{kind}: a transaction has at least one line")
    for line in lines:
        if line.amount_minor <= 0:
            raise ValueError(f"amount_minor: must be above 0, not {line.amount_minor}")
        if not is_explained(kind, line):
            raise ValueError(f"{kind}: may not go from {family_of(line.debit)} to {family_of(line.credit)}")


def percent_of(amount_minor: int, percent: float) -> int:
    """So many per cent of an amount, half up, in whole minor units. The percentage counts as it is written."""
    share = amount_minor * Fraction(str(percent)) / 100
    return int((share + Fraction(1, 2)) // 1)


def commission_lines(gross_minor: int, currency: str, owner: str, *, percent: float, vat_percent: float) -> list[Line]:
    """What the platform keeps of what a driver owes, and the VAT on it: none where it comes to nothing."""
    fee = percent_of(gross_minor, percent)
    parts = ((PLATFORM_FEES, fee), (PLATFORM_VAT, percent_of(fee, vat_percent)))
    return [Line(owner, account, currency, amount) for account, amount in parts if amount]


@dataclass(frozen=True)
class KindSum:
    """What postings of a kind add to an account, minor units."""

    currency: str
    kind: str
    amount_minor: int


@dataclass(frozen=True)
class Balance:
    """What an account holds in a currency, and what explains it: its kinds sum to it. Minor units, credits less debits."""

    account: str
    currency: str
    balance_minor: int
    kinds: tuple[KindSum, ...]


def balances(account: str, sums: Sequence[KindSum]) -> list[Balance]:
    """The balances of an account out of what each kind of posting adds to it, by currency."""
    result = []
    for currency in sorted({item.currency for item in sums}):
        kinds = tuple(sorted((item for item in sums if item.currency == currency), key=lambda item: item.kind))
        result.append(Balance(account, currency, sum(item.amount_minor for item in kinds), kinds))
    return result
