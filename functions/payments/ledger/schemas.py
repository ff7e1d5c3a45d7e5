"""Answers of the ledger. Amounts are minor units of their currency (ISO 4217)."""

import uuid
from datetime import datetime

from pydantic import Field

from functions.payments.ledger import comparison, domain
from shared.web.fields import Output
from shared.web.pagination import Page


class Posting(Output):
    """A line of the ledger: an amount from the account that is debited to the one that is credited."""

    id: uuid.UUID
    transaction_id: uuid.UUID = Field(description="Lines of one transaction are posted together or not at all")
    line: int
    at: datetime = Field(description="When what it tells of happened")
    kind: str = Field(description="docs/ledger.md has the table", examples=["SESSION"])
    source: str = Field(description="What it tells of, posted once for ever", examples=["cdr:01975f0c-..."])
    debit: str
    credit: str
    currency: str
    amount_minor: int = Field(description="Above 0")
    booking_id: uuid.UUID | None
    location_id: uuid.UUID | None

    @classmethod
    def of(cls, posting: domain.Posting) -> "Posting":
        """The answer for a stored posting."""
        return cls.model_validate(posting)


class KindSum(Output):
    """What postings of a kind add to a balance."""

    kind: str
    amount_minor: int


class Balance(Output):
    """What an account holds in a currency."""

    currency: str
    balance_minor: int = Field(description="Above 0: you are owed it")
    kinds: list[KindSum] = Field(description="What explains it: they sum to it")

    @classmethod
    def of(cls, balance: domain.Balance) -> "Balance":
        """The answer for a balance."""
        kinds = [KindSum(kind=item.kind, amount_minor=item.amount_minor) for item in balance.kinds]
        return cls(currency=balance.currency, balance_minor=balance.balance_minor, kinds=kinds)


class Balances(Output):
    """The balances of an account, by currency."""

    account: str
    items: list[Balance]

    @classmethod
    def of(cls, account: str, listed: list[domain.Balance]) -> "Balances":
        """The answer for an account's balances."""
        return cls(account=account, items=[Balance.of(balance) for balance in listed])


class LedgerPage(Page[Posting]):
    """Postings, and the balances of the account that was asked for."""

    balances: list[Balance] = Field(description="Of the account; empty where a booking alone was asked for")


class LedgerDifference(Output):
    """Something that does not agree in the ledger."""

    id: uuid.UUID
    kind: str = Field(description="BOOKING, UNEXPLAINED or INCOMPLETE; docs/ledger.md says what each is")
    subject: str = Field(description="The source that it is about")
    currency: str
    expected_minor: int = Field(description="Of INCOMPLETE: lines that there should be")
    actual_minor: int = Field(description="Of INCOMPLETE: lines that there are")
    booking_id: uuid.UUID | None
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None = Field(description="null: it stands")

    @classmethod
    def of(cls, difference: comparison.StoredDifference) -> "LedgerDifference":
        """The answer for a stored difference."""
        return cls.model_validate(difference)


class LedgerCheck(Output):
    """How a check of the ledger went."""

    id: uuid.UUID
    begun_at: datetime
    ended_at: datetime
    bookings: int = Field(description="Bookings that were compared")
    postings: int = Field(description="Postings that were looked at")
    differences: int

    @classmethod
    def of(cls, run: comparison.CheckRun) -> "LedgerCheck":
        """The answer for a run."""
        return cls.model_validate(run)


class LedgerChecks(Page[LedgerDifference]):
    """The latest check of the ledger, and what does not agree, the latest first."""

    last_run: LedgerCheck | None
