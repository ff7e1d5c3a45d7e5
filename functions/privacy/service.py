"""Use cases of privacy: the export of everything about a person, and the deletion of their account.

Each domain's privacy.py says what it holds (`export`) and removes it (`erase`) or keeps it of nobody (`pseudonymise`).
"""

import dataclasses
import io
import json
import uuid
import zipfile
from datetime import date
from typing import Any

from pydantic import BaseModel

from functions.accounts import privacy as accounts
from functions.accounts.domain import User
from functions.accounts.events import AccountDeleted
from functions.accounts.recovery import require_password
from functions.accounts.service import get_me
from functions.booking import privacy as bookings
from functions.booking.domain import Booking
from functions.notify import privacy as messages
from functions.optimizer import privacy as charge_requests
from functions.payments import privacy as payments
from functions.payments.documents import privacy as documents
from functions.payments.domain import Payment
from functions.payments.ledger import privacy as postings
from functions.ratings import privacy as ratings
from functions.stations import privacy as locations_helped
from functions.stations import service as stations
from functions.waitlist import privacy as waits
from shared.errors import Conflict
from shared.platform import Platform
from shared.tx import Actor, Tx

SECRET_FIELDS = {"password_hash", "token_hash", "address_hash"}
"""Of what is secret. `text_hash` is none: it says which text somebody accepted."""
README = """Everything evcharging holds about you, as JSON; times are UTC, money is in minor units of its currency.

profile.json          your account, the providers you sign in by, whether you have a second factor, the texts you accepted,
                      what you would have us remember
vehicles.json         your vehicles
bookings.json         your bookings, with quote, terms and what was asked of them
payments.json         what was held, taken and given back for them, and the cards you saved
ratings.json          what you said of your sessions
charge_requests.json  what you asked for, and what was decided
waitlist.json         what you waited for, and what you were offered
notifications.json    your messages in the app, what was sent to you by e-mail and SMS, and how far you are told of what
staff.json            the locations that you were asked to help run
ledger.json           what you owed, paid and were owed, posting by posting
documents.json        your receipts and invoices, and whom they are made out to
sessions.json         your log-ins
audit.json            what is on record of what you changed, and of what was changed about your account
"""


def export(*, tx: Tx) -> bytes:
    """A ZIP of JSON files with everything about the caller."""
    me = get_me(tx=tx)
    account = accounts.export(tx=tx, user_id=me.id)
    booked = bookings.export(tx=tx, user_id=me.id)
    parts: dict[str, Any] = {
        "profile": _plain(me)
        | {part: account[part] for part in ("identities", "second_factor", "phone_to_confirm", "consents", "preferences")},
        "vehicles": account["vehicles"],
        "bookings": booked,
        "payments": payments.export(tx=tx, user_id=me.id),
        "ratings": ratings.export(tx=tx, booking_ids=[booking["id"] for booking in booked]),
        "charge_requests": charge_requests.export(tx=tx, user_id=me.id),
        "waitlist": waits.export(tx=tx, user_id=me.id),
        "notifications": messages.export(tx=tx, user_id=me.id),
        "staff": locations_helped.export(tx=tx, user_id=me.id, email=me.email),
        "ledger": postings.export(tx=tx, user_id=me.id),
        "documents": documents.export(tx=tx, user_id=me.id),
        "sessions": account["sessions"],
        "audit": account["audit"],
    }
    files = {"README.txt": README, **{f"{name}.json": _json(part) for name, part in parts.items()}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, tx.now.timetuple()[:6]), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    """A value as JSON types; hashes of secrets are left out."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items() if name not in SECRET_FIELDS}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    return value


def _json(part: Any) -> str:
    return json.dumps(_plain(part), indent=1, ensure_ascii=False) + "\n"


def delete(*, platform: Platform, actor: Actor, password: str | None, cancel_bookings: bool) -> None:
    """Deletes the caller's account once they have given their password.

    Raises BadCredentials, and Conflict with a list of what stands in the way: open bookings unless they are to be cancelled, a
    running charging session, locations, the last administrator.
    """
    me = require_password(platform=platform, actor=actor, password=password)
    platform.transact(lambda tx: _delete(tx, me, cancel_bookings=cancel_bookings), actor=actor)


def _delete(tx: Tx, seen: User, *, cancel_bookings: bool) -> None:
    me = accounts.lock_account(tx=tx, seen=seen)
    locations = stations.owned_locations(tx=tx, owner_id=me.id)
    if locations:
        raise Conflict(
            f"You own {len(locations)} locations. Remove them, or have an administrator hand them over, before you go.",
            locations=[{"id": str(location_id), "name": name} for location_id, name in locations],
        )
    charge_requests.lock_open(tx=tx, user_id=me.id)
    _check_bookings(bookings.open_bookings(tx=tx, user_id=me.id), cancel_bookings=cancel_bookings)
    _check_payments(payments.open_payments(tx=tx, user_id=me.id))
    charge_requests.cancel_open(tx=tx, user_id=me.id)
    bookings.cancel_open(tx=tx, user_id=me.id)
    booking_ids = bookings.ids_of(tx=tx, user_id=me.id)
    ratings.erase(tx=tx, booking_ids=booking_ids)
    pseudonym = uuid.uuid4()
    waits.erase(tx=tx, user_id=me.id)
    payments.erase(tx=tx, user_id=me.id)
    payments.pseudonymise(tx=tx, user_id=me.id, pseudonym=pseudonym)
    bookings.pseudonymise(tx=tx, user_id=me.id, pseudonym=pseudonym)
    postings.pseudonymise(tx=tx, user_id=me.id, pseudonym=pseudonym)
    documents.pseudonymise(tx=tx, user_id=me.id, pseudonym=pseudonym)
    charge_requests.pseudonymise(tx=tx, user_id=me.id, pseudonym=pseudonym)
    accounts.pseudonymise(tx=tx, user_id=me.id, pseudonym=pseudonym)
    messages.erase(tx=tx, user_id=me.id)
    locations_helped.erase(tx=tx, user_id=me.id, email=me.email)
    accounts.erase(tx=tx, user_id=me.id)
    tx.audit("user.delete", object_type="user", object_id=me.id, before={"role": me.role})
    tx.publish(AccountDeleted(me.id, me.email, me.name))


def _check_payments(open_payments: list[Payment]) -> None:
    if open_payments:
        raise Conflict(
            "Something is held on your card, or owed. Cancel what you booked, pay what you owe, and try again in a minute.",
            payments=[{"booking_id": str(payment.booking_id), "state": payment.state.value} for payment in open_payments],
        )


def _check_bookings(open_bookings: list[Booking], *, cancel_bookings: bool) -> None:
    charging = [booking for booking in open_bookings if booking.charging()]
    if charging:
        raise Conflict("You are charging right now; stop the session first.", bookings=_listed(charging))
    if open_bookings and not cancel_bookings:
        raise Conflict(
            f"You have {len(open_bookings)} open bookings. Cancel them, or say cancel_bookings: true (their terms apply).",
            bookings=_listed(open_bookings),
        )


def _listed(listed: list[Booking]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(booking.id),
            "start": booking.start.isoformat(),
            "end": booking.end.isoformat(),
            "status": booking.status.value,
        }
        for booking in listed
    ]
