"""Tokens that are handed out and work once: of a mailed link, of a sign-in at a provider, of one half done."""

import uuid
from typing import Any

from functions.accounts import repository
from functions.accounts.domain import TOKEN_LIFETIME, AccountToken, Purpose, derive, token_hash
from shared.db import new_id
from shared.errors import BadCredentials
from shared.tx import Tx


def make_token(*, tx: Tx, purpose: Purpose, user_id: uuid.UUID | None, data: dict[str, Any] | None = None) -> AccountToken:
    """A single-use token. Its row holds a hash; the token itself is derived from the signing key when it is needed."""
    token_id = new_id()
    token = AccountToken(
        id=token_id,
        user_id=user_id,
        purpose=purpose.value,
        token_hash=token_hash(derive(tx.settings.signing_key, purpose, token_id)),
        data=data or {},
        created_at=tx.now,
        expires_at=tx.now + TOKEN_LIFETIME[purpose],
        used_at=None,
    )
    repository.add_token(tx, token)
    return token


def take_token(*, tx: Tx, token: str, purpose: Purpose, detail: str) -> AccountToken:
    """The row of a token that is good now, locked and marked as used. Raises BadCredentials."""
    row = find_token(tx=tx, token=token, purpose=purpose, detail=detail)
    repository.use_token(tx, row.id)
    return row


def find_token(*, tx: Tx, token: str, purpose: Purpose, detail: str) -> AccountToken:
    """The row of a token that is good now, locked. Raises BadCredentials."""
    row = repository.token_by_hash(tx, token_hash(token))
    if row is None or row.purpose != purpose or not row.good(tx.now):
        raise BadCredentials(detail)
    return row
