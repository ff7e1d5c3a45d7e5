"""Use cases of documents: issuing what is due, once; reading it; whom invoices are made out to."""

import uuid
from functools import partial

from functions.accounts import service as accounts
from functions.booking import dues
from functions.booking import service as bookings
from functions.booking.domain import Booking
from functions.booking.dues import Due, DueKind
from functions.booking.events import BookingEvent
from functions.payments.documents import repository
from functions.payments.documents.domain import (
    BillingProfile,
    Document,
    Party,
    Supply,
    amounts,
    kind_of,
    series_of,
    taken_back,
)
from functions.payments.documents.repository import DocumentFilter
from functions.stations import service as stations
from functions.stations.domain import Location
from shared.db import new_id
from shared.errors import NotFound, Unauthenticated
from shared.platform import Platform
from shared.tx import Tx

DOCUMENTED = frozenset({DueKind.SESSION, DueKind.SESSION_CREDIT, DueKind.LATE_CANCEL, DueKind.NO_SHOW})
LANGUAGE = "en"
"""Of who has said none."""


def handle(platform: Platform, *, consumer: str, message_id: str, event: BookingEvent) -> None:
    """Issues the documents of what a booking has come to."""
    platform.consume(partial(issue_of, booking_id=event.booking_id), consumer=consumer, message_id=message_id)


def issue_of(tx: Tx, *, booking_id: uuid.UUID) -> list[Document]:
    """Issues what a booking has come to and has no document yet, in the order in which it came about.

    Numbers are given under the lock of the series, in the transaction that stores the document: what is rolled back takes no
    number.
    """
    booking = bookings.bookings_by_id(tx=tx, booking_ids=[booking_id]).get(booking_id)
    if booking is None:
        return []
    location = stations.get_location(tx=tx, location_id=booking.location_id)
    listed = [due for due in dues.dues_of(tx=tx, booking=booking) if due.kind in DOCUMENTED]
    issued = [_issue(tx, location, booking, due) for due in listed]
    return [document for document in issued if document is not None]


def _issue(tx: Tx, location: Location, booking: Booking, due: Due) -> Document | None:
    before = None if due.takes_back is None else repository.by_source(tx, due.takes_back)
    if due.takes_back is not None and before is None:
        return None  # what it takes back was of before documents were issued
    owner_id = location.owner_id if before is None else before.owner_id
    series = series_of(tx.now)
    number, last_issued_at = repository.next_number(tx, owner_id, series)
    if repository.by_source(tx, due.source) is not None:
        return None
    profile = repository.profile_of(tx, booking.user_id)
    seller = _seller(tx, owner_id) if before is None else before.seller
    buyer = (None if profile is None else profile.party()) if before is None else before.buyer
    document = Document(
        id=new_id(),
        owner_id=owner_id,
        kind=kind_of(due, buyer),
        series=series,
        number=number,
        user_id=booking.user_id,
        booking_id=booking.id,
        refers_to=None if before is None else before.id,
        issued_at=max(tx.now, last_issued_at),
        seller=seller,
        buyer=buyer,
        supply=_supply(location, booking, due) if before is None else before.supply,
        language=LANGUAGE if profile is None else profile.language,
        source=due.source,
        **(amounts(due, seller) if before is None else taken_back(before)),
    )
    repository.add(tx, document)
    return document


def _seller(tx: Tx, owner_id: uuid.UUID) -> Party:
    profile = repository.profile_of(tx, owner_id)
    if profile is not None:
        return profile.party()
    return Party(name=accounts.names_of(tx=tx, user_ids=[owner_id]).get(owner_id, "The owner of the place"))


def _supply(location: Location, booking: Booking, due: Due) -> Supply:
    address = ", ".join(part for part in (location.address, location.city, location.country) if part)
    return Supply(
        location=location.name,
        address=address,
        time_zone=location.time_zone,
        start=booking.started_at or booking.start,
        end=booking.stopped_at or booking.end,
        energy_kwh=due.price.energy_kwh,
        due=due.kind,
    )


def get_readable(*, tx: Tx, document_id: uuid.UUID) -> Document:
    """A document that the caller issued or got, or, of an administrator, anybody's. Raises NotFound."""
    document = repository.get(tx, document_id)
    if document is None or not (tx.actor.role == "admin" or tx.actor.id in (document.user_id, document.owner_id)):
        raise NotFound(f"There is no document {document_id}.")
    return document


def list_readable(*, tx: Tx, wanted: DocumentFilter, before: uuid.UUID | None, limit: int) -> list[Document]:
    """Those documents, the latest first."""
    user_id = None if tx.actor.role == "admin" else _me(tx)
    return repository.listed(tx, user_id=user_id, wanted=wanted, before=before, limit=limit)


def my_profile(*, tx: Tx) -> BillingProfile:
    """The caller's billing profile. Raises NotFound where they have none."""
    profile = repository.profile_of(tx, _me(tx))
    if profile is None:
        raise NotFound("You have no billing profile: your documents are receipts that name no buyer.")
    return profile


def put_profile(*, tx: Tx, name: str, address: str, country: str, vat_id: str | None, language: str) -> BillingProfile:
    """Sets whom the caller's coming documents are made out to, and by whom an owner's are. Documents of before stay."""
    profile = BillingProfile(_me(tx), name, address, country, vat_id, language, tx.now)
    repository.put_profile(tx, profile)
    return profile


def _me(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id
