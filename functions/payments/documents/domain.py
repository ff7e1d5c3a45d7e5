"""The rules of documents: what they say, how they are numbered, and what of a price is VAT. Pure.

A document is never changed: it holds a copy of both parties, its lines and its rates. A correction is a credit note that
refers to it, then a new document.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from functions.booking.dues import Due, DueKind
from functions.tariffs.bills import QuoteElement, TaxLine


class DocumentKind(StrEnum):
    """What a document is."""

    RECEIPT = "RECEIPT"
    """For a consumer: it names no buyer."""
    INVOICE = "INVOICE"
    """For who has a billing profile."""
    CREDIT_NOTE = "CREDIT_NOTE"
    """It takes back the document that it refers to; its amounts are below 0."""


class Frozen(BaseModel):
    """A part of a document, as it is stored."""

    model_config = ConfigDict(frozen=True)


class Party(Frozen):
    """Who sells or buys, as they were called then."""

    name: str
    address: str | None = None
    country: str | None = None
    """ISO 3166-1, two letters."""
    vat_id: str | None = None


class Supply(Frozen):
    """What was supplied where and when."""

    location: str
    address: str
    time_zone: str
    start: datetime
    end: datetime
    energy_kwh: float
    due: str
    """A DueKind."""


class Totals(Frozen):
    """The sums of a document, minor units; net and VAT sum to the gross."""

    currency: str
    gross_minor: int
    net_minor: int
    vat_minor: int


@dataclass(frozen=True)
class BillingProfile:
    """Whom invoices are made out to, and by whom: of a driver the buyer, of an owner the seller."""

    user_id: uuid.UUID
    name: str
    address: str
    country: str
    """ISO 3166-1, two letters."""
    vat_id: str | None
    language: str
    updated_at: datetime

    def party(self) -> Party:
        """The profile as a document names it."""
        return Party(name=self.name, address=self.address, country=self.country, vat_id=self.vat_id)


@dataclass(frozen=True)
class Document:
    """A stored document."""

    id: uuid.UUID
    owner_id: uuid.UUID
    """Who issues it."""
    kind: str
    """A DocumentKind."""
    series: str
    number: int
    """Counts the owner's documents of a series from 1, without gaps."""
    user_id: uuid.UUID
    """The buyer's account, or the pseudonym of one who left."""
    booking_id: uuid.UUID | None
    refers_to: uuid.UUID | None
    """Of a credit note: the document that it takes back."""
    issued_at: datetime
    seller: Party
    buyer: Party | None
    supply: Supply
    lines: tuple[QuoteElement, ...]
    tax: tuple[TaxLine, ...]
    """Empty where the seller has no VAT id."""
    totals: Totals
    language: str
    source: str
    """What it is about, once for ever: the source of a due."""

    @property
    def title(self) -> str:
        """The number as people read it, such as `2026-000042`."""
        return f"{self.series}-{self.number:06d}"


def series_of(issued_at: datetime) -> str:
    """The series of a document: the year, UTC."""
    return str(issued_at.year)


def kind_of(due: Due, buyer: Party | None) -> DocumentKind:
    """What a due is written as."""
    if due.kind is DueKind.SESSION_CREDIT:
        return DocumentKind.CREDIT_NOTE
    return DocumentKind.RECEIPT if buyer is None else DocumentKind.INVOICE


def amounts(due: Due, seller: Party) -> dict[str, Any]:
    """Lines, taxes and totals of a due. The gross is what was quoted; without a VAT id of the seller there is no VAT line."""
    price = due.price
    tax = tuple(price.tax) if seller.vat_id else ()
    vat = sum(line.vat_minor for line in tax)
    totals = Totals(currency=price.currency, gross_minor=price.total_minor, net_minor=price.total_minor - vat, vat_minor=vat)
    return {"lines": tuple(price.elements), "tax": tax, "totals": totals}


def taken_back(document: Document) -> dict[str, Any]:
    """Lines, taxes and totals of the credit note of a document: the same below 0."""
    totals = document.totals
    return {
        "lines": tuple(line.model_copy(update={"amount_minor": -line.amount_minor}) for line in document.lines),
        "tax": tuple(
            line.model_copy(update={"net_minor": -line.net_minor, "vat_minor": -line.vat_minor}) for line in document.tax
        ),
        "totals": totals.model_copy(
            update={
                "gross_minor": -totals.gross_minor,
                "net_minor": -totals.net_minor,
                "vat_minor": -totals.vat_minor,
            }
        ),
    }
