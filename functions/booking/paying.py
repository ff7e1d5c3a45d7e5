"""What a booking knows of its payment. Payments are a floor above: they write this summary, and say when it is paid for."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from functions.stations.domain import BookingTerms
from functions.tariffs.quotes import Quote
from shared.adapters.stripe_amounts import chargeable
from shared.errors import Unavailable
from shared.settings import Settings

BACKSTOP = timedelta(minutes=40)
"""After the time to pay, how long the place stays held: a page of the provider's that was opened then is open for 31 minutes,
and the place is freed only once that page is closed. Payments free it much sooner; this is for the day they do not run."""


class PaymentState(StrEnum):
    """What has come of a booking's payment."""

    PLANNED = "PLANNED"
    """A card is saved, and charged no more than HOLD_AHEAD_HOURS before the start."""
    NEEDED = "NEEDED"
    """The place is held until its driver pays."""
    ACTION_NEEDED = "ACTION_NEEDED"
    """It stands, but the card was declined: its driver must mend it."""
    HELD = "HELD"
    CAPTURED = "CAPTURED"
    RELEASED = "RELEASED"
    """Nothing was taken."""
    FAILED = "FAILED"
    """It was not paid for in time."""
    OWED = "OWED"
    """It was used, and what it cost could not be taken."""


class BookingPayment(BaseModel):
    """A booking's payment as its driver sees it."""

    model_config = ConfigDict(frozen=True)

    state: PaymentState
    amount_minor: int = Field(description="What is held, taken or owed, minor units of `currency`; before that what will be")
    currency: str
    authorise_at: datetime | None = Field(None, description="From when on the saved card is charged")
    pay_url: str | None = Field(None, description="The provider's page, where one is open; `pay` opens one")
    mend_until: datetime | None = Field(None, description="Until when it must be paid; then its place goes")
    method: str | None = Field(None, description="The card, such as `visa 4242`")


def to_hold(terms: BookingTerms, quote: Quote, most_minor: int) -> int:
    """What is to be held for a booking: the most it costs, or what leaving it does where that is more. Nothing where the terms
    do not ask for payment, or it is less than can be charged."""
    if terms.payment != "HOLD":
        return 0
    fees = quote.fees
    leaving = [] if fees is None else [fees.late_cancel_minor, fees.no_show_minor if terms.noshow_fee else 0]
    return chargeable(max([most_minor, *leaving]), quote.currency)


def needed(amount_minor: int, currency: str, until: datetime) -> BookingPayment:
    """The summary of one that waits to be paid for."""
    return BookingPayment(state=PaymentState.NEEDED, amount_minor=amount_minor, currency=currency, mend_until=until)


def pay_until(settings: Settings, now: datetime) -> datetime:
    """Until when what is booked now must be paid for. Raises Unavailable where nothing can be paid."""
    if settings.stripe_api_key is None:
        raise Unavailable("This place takes payment when it is booked, and no payment provider is set up.")
    return now + timedelta(minutes=settings.payment_minutes)
