"""Payloads and answers of documents. Amounts are minor units of their currency (ISO 4217)."""

import uuid
from datetime import datetime
from typing import Annotated

from babel import Locale
from pydantic import Field, field_validator

from functions.payments.documents import domain
from functions.payments.documents.domain import DocumentKind, Party, Supply, Totals
from functions.tariffs.bills import QuoteElement, TaxLine
from shared.web.fields import Input, Output

Language = Annotated[str, Field(pattern="^[a-z]{2}$", description="ISO 639-1, two letters", examples=["en"])]


class BillingProfilePut(Input):
    """Whom invoices are made out to: of a driver the buyer, of an owner the seller."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Ada Fleet BV"])]
    address: Annotated[str, Field(min_length=1, max_length=300, examples=["Plein 1, 3511 AA Utrecht"])]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1, two letters", examples=["NL"])]
    vat_id: Annotated[str, Field(max_length=20, examples=["NL004495445B01"])] | None = Field(
        None, description="With its country's letters; of an owner without one documents show no VAT"
    )
    language: Language = "en"

    @field_validator("country")
    @classmethod
    def _is_one(cls, value: str) -> str:
        if value not in Locale("en").territories:
            raise ValueError("must be a country by ISO 3166-1, such as NL")
        return value

    @field_validator("vat_id")
    @classmethod
    def _is_valid(cls, value: str | None) -> str | None:
        """The number in its compact form, checked by its country's own check digits."""
        from stdnum.eu import vat
        from stdnum.exceptions import ValidationError

        if value is None:
            return None
        try:
            number: str = vat.validate(value)
        except ValidationError as error:
            raise ValueError("must be a VAT number of an EU country with its two letters, such as NL004495445B01") from error
        return number


class BillingProfile(Output):
    """Whom your documents are made out to, and by whom they are issued where you own places."""

    name: str
    address: str
    country: str
    vat_id: str | None
    language: str
    updated_at: datetime

    @classmethod
    def of(cls, profile: domain.BillingProfile) -> "BillingProfile":
        """The answer for a stored profile."""
        return cls.model_validate(profile)


class Document(Output):
    """A receipt, an invoice or a credit note. It is never changed."""

    id: uuid.UUID
    kind: DocumentKind
    title: str = Field(description="Its number as people read it", examples=["2026-000042"])
    series: str
    number: int = Field(description="Counts the seller's documents of a series from 1, without gaps")
    booking_id: uuid.UUID | None
    refers_to: uuid.UUID | None = Field(description="Of a credit note: the document that it takes back")
    issued_at: datetime
    seller: Party
    buyer: Party | None = Field(description="null: of a receipt")
    supply: Supply
    lines: list[QuoteElement]
    tax: list[TaxLine] = Field(description="Empty where the seller has given no VAT number")
    totals: Totals
    language: str

    @classmethod
    def of(cls, document: domain.Document) -> "Document":
        """The answer for a stored document."""
        return cls.model_validate(document)
