"""A person's documents, when they ask for a copy of their data or leave: export, pseudonymise."""

import uuid
from typing import Any

from functions.payments.documents import repository
from functions.payments.documents.repository import DocumentFilter
from shared.tx import Tx


def export(*, tx: Tx, user_id: uuid.UUID) -> dict[str, Any]:
    """A user's billing profile, and every document that they issued or got, the latest first."""
    documents = repository.listed(tx, user_id=user_id, wanted=DocumentFilter(), before=None, limit=None)
    return {"billing_profile": repository.profile_of(tx, user_id), "documents": documents}


def pseudonymise(*, tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> None:
    """Takes the account off a user's documents. An invoice keeps the name and address that it was made out to, for the years
    that tax law asks."""
    repository.pseudonymise(tx, user_id, pseudonym)
