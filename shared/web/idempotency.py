"""The answers kept under an Idempotency-Key, so that a repeat has no second effect and is told the same.

Kept is what was decided: a success, and a refusal for what there is and stands (402, 404, 409, 412). A client that was told no
can so be sure that no other sending with this key is told yes, however late it arrives. What says nothing of the wish itself
(wrong input, no right, too many requests, a component away) is not kept.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from shared.db import Id, Key, LongText, UtcDateTime, insert_new, metadata
from shared.errors import AppError, ConfirmationNeeded, Conflict, FieldError, IdempotencyKeyReused, every_error
from shared.precompiled import Precompiled
from shared.tx import Tx

ROUTE_LENGTH = 128
PROBLEM_MEMBERS = frozenset({"type", "title", "status", "code", "detail"})

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("user_id", Id, primary_key=True),
    sa.Column("route", Key(ROUTE_LENGTH), primary_key=True),
    sa.Column("key", Key(128), primary_key=True),
    sa.Column("body_hash", Key(64), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("location", sa.String(255)),
    sa.Column("body", LongText(), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_idempotency_key_created_at", "created_at"),
)

_THIS_KEY = sa.and_(*(idempotency_key.c[name] == sa.bindparam(name) for name in ("user_id", "route", "key")))
_SELECT = Precompiled(sa.select(idempotency_key).where(_THIS_KEY))
_UPDATE = Precompiled(sa.update(idempotency_key).where(_THIS_KEY), columns=("status", "location", "body"))


DECIDED = frozenset({402, 404, 409, 412})
KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class KeyOfCaller:
    """An Idempotency-Key: it counts for one caller on one path. Callers without an account share the zero UUID."""

    user_id: uuid.UUID
    route: str
    key: str


@dataclass(frozen=True)
class StoredAnswer:
    """The answer a key was first given; a refusal's body is its problem document."""

    status: int
    location: str | None
    body: str


def is_decided(error: AppError) -> bool:
    """Whether a refusal of a use case is an answer to the wish itself. A question for confirmation is none."""
    return error.status in DECIDED and not isinstance(error, ConfirmationNeeded | IdempotencyKeyReused)


def request_hash(*, route: str, query: bytes, body: bytes) -> str:
    """What a key was first sent with. The key's row has method and path as far as they fit, so that they need hashing only
    where they are longer."""
    hashed_body = hashlib.sha256(body).hexdigest()
    if not query and len(route) <= ROUTE_LENGTH:
        return hashed_body
    return hashlib.sha256(f"{hashed_body} {route}?".encode() + query).hexdigest()


def find(tx: Tx, key: KeyOfCaller, *, sent_hash: str) -> StoredAnswer | None:
    """The answer the key was first given, None where it has none.

    Raises the refusal that was the answer, and IdempotencyKeyReused where the key came before with another request.
    """
    for row in tx.rows(_SELECT, **vars(key)):
        if row.body_hash != sent_hash:
            raise IdempotencyKeyReused("Idempotency-Key: used before with a different body or query on this path")
        if row.status >= 400:
            raise _refusal(row.body)
        return StoredAnswer(row.status, row.location, row.body)
    return None


def replay(tx: Tx, key: KeyOfCaller, *, sent_hash: str) -> StoredAnswer | None:
    """As `find`; the first time the key is taken.

    The row is inserted before the effect: a concurrent twin waits on it, then finds the stored answer.
    """
    return _insert_or_find(tx, key, StoredAnswer(0, None, ""), sent_hash=sent_hash)


def keep_refusal(tx: Tx, key: KeyOfCaller, error: AppError, *, sent_hash: str) -> StoredAnswer | None:
    """Keeps a refusal whose own transaction was rolled back as the answer of its key. Where a twin of the request was answered
    meanwhile that answer stands, and it is this request's too, as `find` gives it."""
    return _insert_or_find(tx, key, _refused(error), sent_hash=sent_hash)


def _insert_or_find(tx: Tx, key: KeyOfCaller, answer: StoredAnswer, *, sent_hash: str) -> StoredAnswer | None:
    row = vars(key) | vars(answer) | {"body_hash": sent_hash, "created_at": tx.now}
    return None if insert_new(tx.conn, idempotency_key, **row) else find(tx, key, sent_hash=sent_hash)


def remember(tx: Tx, key: KeyOfCaller, answer: StoredAnswer) -> None:
    """Keeps the answer of a key that `replay` has taken, in the transaction of its effect."""
    tx.change(_UPDATE, **vars(key), **vars(answer))


def _refused(error: AppError) -> StoredAnswer:
    return StoredAnswer(error.status, None, json.dumps(error.problem()))


def _refusal(body: str) -> AppError:
    problem = json.loads(body)
    kinds = {kind.code: kind for kind in every_error()}
    fields = [FieldError(**field) for field in problem.pop("errors", ())]
    kind, detail = kinds.get(problem["code"], Conflict), problem["detail"]
    details = {name: value for name, value in problem.items() if name not in PROBLEM_MEMBERS}
    error = kind(detail, fields=fields, **details)
    error.replayed = True
    return error


def prune_idempotency(tx: Tx, *, keep: timedelta = KEPT) -> int:
    """Forgets keys older than `keep`. Returns how many."""
    return tx.execute(sa.delete(idempotency_key).where(idempotency_key.c.created_at < tx.now - keep)).rowcount
