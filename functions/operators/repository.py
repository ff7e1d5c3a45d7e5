"""SQL of what happened to locations: revisions, submissions, tariffs of the past; and of their photos."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from functions.operators.tables import location_photo, location_revision, location_submission
from functions.stations.domain import Photo, Submission
from shared.tx import Tx


def add_revision(tx: Tx, location_id: uuid.UUID, *, version: int, changes: list[dict[str, Any]]) -> None:
    """Records what made `version` of the version before."""
    tx.execute(sa.insert(location_revision).values(location_id=location_id, version=version, changes=changes, at=tx.now))


def changes_since(tx: Tx, location_id: uuid.UUID, version: int) -> list[list[dict[str, Any]]]:
    """The changes of every version after `version`, in order."""
    table = location_revision.c
    statement = sa.select(table.changes).where(table.location_id == location_id, table.version > version)
    return list(tx.execute(statement.order_by(table.version)).scalars())


def add_submission(tx: Tx, submission: Submission) -> None:
    """Stores what was submitted."""
    tx.execute(sa.insert(location_submission).values(**vars(submission)))


def decide_submission(tx: Tx, submission_id: uuid.UUID, *, decision: str, reason: str | None) -> None:
    """Records what became of a submission."""
    tx.execute(
        sa.update(location_submission)
        .where(location_submission.c.id == submission_id)
        .values(decision=decision, reason=reason, decided_at=tx.now, decided_by=tx.actor.id)
    )


def submissions(tx: Tx, location_id: uuid.UUID, *, before: uuid.UUID | None, limit: int) -> list[Submission]:
    """A location's submissions, newest first, after the cursor."""
    table = location_submission
    statement = sa.select(table).where(table.c.location_id == location_id).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.id < before)
    return [Submission(**row._asdict()) for row in tx.execute(statement)]


def photos(tx: Tx, location_id: uuid.UUID, *, after: uuid.UUID | None = None, limit: int = 100) -> list[Photo]:
    """A location's photos in order of arrival, after the cursor."""
    table = location_photo
    statement = sa.select(table).where(table.c.location_id == location_id).order_by(table.c.id).limit(limit)
    if after is not None:
        statement = statement.where(table.c.id > after)
    return [Photo(**row._asdict()) for row in tx.execute(statement)]


def add_photo(tx: Tx, photo: Photo) -> None:
    """Stores that there is a photo; its bytes are in Blob."""
    tx.execute(sa.insert(location_photo).values(**vars(photo)))


def remove_photos(tx: Tx, ids: Sequence[uuid.UUID]) -> None:
    """Forgets photos."""
    if ids:
        tx.execute(sa.delete(location_photo).where(location_photo.c.id.in_(list(ids))))


def photos_there(tx: Tx, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of `ids` that are photos of a location."""
    if not ids:
        return set()
    return set(tx.execute(sa.select(location_photo.c.id).where(location_photo.c.id.in_(list(ids)))).scalars())
