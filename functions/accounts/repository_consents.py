"""Every SQL statement of consents."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from functions.accounts.domain import Consent
from functions.accounts.tables import consent, user
from shared.precompiled import Precompiled
from shared.tx import Tx

_OF_NOBODY = sa.select(user.c.id).where(user.c.email_verified.is_(False))


def add(tx: Tx, given: Sequence[Consent]) -> None:
    """Stores consents."""
    if given:
        tx.execute(sa.insert(consent), [dict(vars(one)) for one in given])


def replace_of_unverified(tx: Tx, email: str, accepted: Sequence[dict[str, Any]]) -> None:
    """Gives the account of an address that nobody has verified these consents instead of any earlier ones.

    Nothing is stored for another account; the statements are the same. Each of `accepted` has every column but `user_id`.
    """
    owner = _OF_NOBODY.where(user.c.email == email)
    tx.execute(sa.delete(consent).where(consent.c.user_id.in_(owner)))
    for values in accepted:
        columns = [sa.literal(value, consent.c[name].type).label(name) for name, value in values.items()]
        tx.execute(sa.insert(consent).from_select(["user_id", *values], owner.add_columns(*columns)))


_LATEST = Precompiled(
    sa.select(consent)
    .where(*(consent.c[name] == sa.bindparam(name) for name in ("user_id", "document", "version")))
    .order_by(consent.c.id.desc())
    .limit(sa.literal_column("1"))
)


def latest(tx: Tx, user_id: uuid.UUID, document: str, version: str) -> Consent | None:
    """A user's consent to a version of a text, if there is one."""
    for row in tx.rows(_LATEST, user_id=user_id, document=document, version=version):
        return Consent(**row._asdict())
    return None


def of_user(tx: Tx, user_id: uuid.UUID) -> list[Consent]:
    """Everything a user accepted, in order."""
    statement = sa.select(consent).where(consent.c.user_id == user_id).order_by(consent.c.id)
    return [Consent(**row._asdict()) for row in tx.execute(statement)]


def delete(tx: Tx, user_id: uuid.UUID) -> None:
    """Forgets what an account accepted: whoever did may not have been its holder."""
    tx.execute(sa.delete(consent).where(consent.c.user_id == user_id))


def pseudonymise(tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> None:
    """Gives a user's consents to nobody."""
    tx.execute(sa.update(consent).where(consent.c.user_id == user_id).values(user_id=pseudonym, address_hash=None))
