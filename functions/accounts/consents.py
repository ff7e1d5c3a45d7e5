"""Use cases of consent: which version of the terms and the privacy notice somebody accepted, when, and what is left to accept.

A changed text signs nobody out and stands in the way of nothing but a new booking: `accounts/me` says what is to be accepted.
"""

import uuid
from typing import Any

from functions.accounts import repository, repository_consents
from functions.accounts.domain import Consent, keyed_hash
from functions.accounts.legal_texts import ACCEPTED, Document, LegalText, current
from shared.db import new_id
from shared.errors import TermsChanged, Unauthenticated
from shared.tx import Tx


def record_registration(*, tx: Tx, email: str, accept_terms: str | None) -> None:
    """Records what somebody accepted with their registration: the terms, and the privacy notice shown with them.

    Where they accepted nothing they are asked before their first booking. Raises TermsChanged for another version.
    """
    accepted: list[dict[str, Any]] = []
    if accept_terms is not None:
        _check_version(current(tx.settings, Document.TERMS), accept_terms)
        accepted = [_columns(tx, current(tx.settings, document)) for document in ACCEPTED]
    repository_consents.replace_of_unverified(tx, email, accepted)


def accept(*, tx: Tx, document: Document, version: str) -> Consent:
    """The caller accepts a text in its present version; once more changes nothing. Raises TermsChanged for another version."""
    me = _caller_id(tx)
    text = current(tx.settings, document)
    _check_version(text, version)
    repository.lock_user(tx, me)
    known = repository_consents.latest(tx, me, text.document, text.version)
    if known is not None:
        return known
    consent = Consent(user_id=me, **_columns(tx, text))
    repository_consents.add(tx, [consent])
    return consent


def accept_for(*, tx: Tx, user_ids: list[uuid.UUID]) -> None:
    """What operators' commands (demo, load, tests) record of accounts that they make for themselves."""
    texts = [current(tx.settings, document) for document in ACCEPTED]
    repository_consents.add(tx, [Consent(user_id=user_id, **_columns(tx, text)) for user_id in user_ids for text in texts])


def to_accept(*, tx: Tx) -> list[LegalText]:
    """The texts whose present version the caller has not accepted."""
    me = _caller_id(tx)
    texts = [current(tx.settings, document) for document in ACCEPTED]
    return [text for text in texts if repository_consents.latest(tx, me, text.document, text.version) is None]


def require_terms(*, tx: Tx) -> None:
    """Raises TermsChanged where the caller has not accepted the present terms: no booking without them."""
    text = current(tx.settings, Document.TERMS)
    if repository_consents.latest(tx, _caller_id(tx), text.document, text.version) is None:
        raise terms_changed(text)


def _caller_id(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id


def _check_version(text: LegalText, version: str) -> None:
    if version != text.version:
        raise terms_changed(text)


def terms_changed(text: LegalText) -> TermsChanged:
    """The refusal of who has to accept a text first."""
    return TermsChanged(
        f"Accept version {text.version} of the text {text.title!r} first: accounts/{text.document.value} has it, "
        "accounts/me/consents takes it.",
        document=text.document.value,
        version=text.version,
    )


def _columns(tx: Tx, text: LegalText) -> dict[str, Any]:
    """A consent to a text, here and now, without whose it is."""
    address = tx.actor.address
    return {
        "id": new_id(),
        "document": text.document.value,
        "version": text.version,
        "text_hash": text.text_hash,
        "accepted_at": tx.now,
        "address_hash": None if address is None else keyed_hash(tx.settings.signing_key, "consent", address),
    }
