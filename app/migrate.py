"""Schema migrations: `python -m app.migrate`, run by the deployment under a database lock; never by a request."""

import contextlib
import importlib
import logging
import sys
import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from shared.db import Database, metadata
from shared.errors import AppError, Unavailable
from shared.revision import MIGRATIONS, config, current, head, known, require_compatible

log = logging.getLogger(__name__)

LOCK = "evcharging-migrations"
TABLES = (
    "functions.accounts.tables",
    "functions.booking.tables",
    "functions.forecast.tables",
    "functions.notify.tables",
    "functions.operators.tables",
    "functions.optimizer.tables",
    "functions.payments.tables",
    "functions.payments.documents.tables",
    "functions.payments.ledger.tables",
    "functions.ratings.tables",
    "functions.stations.feed.tables",
    "functions.stations.tables",
    "functions.waitlist.tables",
    "shared.audit",
    "shared.outbox",
    "shared.ratelimit",
    "shared.revision",
    "shared.web.idempotency",
)
"""Every module that registers tables."""
_one_at_a_time = threading.Lock()
"""Alembic's context is the process's."""


def load_tables() -> sa.MetaData:
    """The metadata with every domain's tables registered."""
    for module in TABLES:
        importlib.import_module(module)
    return metadata


def upgrade(database: Database, *, scripts: Path = MIGRATIONS) -> str:
    """Brings the database to the head, one process at a time. Returns the revision.

    A newer database on which this code may run, as after a roll-back of the code, stays as it is. Raises Unavailable of any
    other revision that this code does not know, and where the lock is not to be had.
    """
    revision = current(database)
    if revision is not None and scripts == MIGRATIONS and revision not in known():
        require_compatible(database)
        return revision
    with _one_at_a_time, database.engine.connect() as conn:
        if not database.is_sqlite:
            if conn.execute(sa.text("SELECT GET_LOCK(:name, 60)"), {"name": LOCK}).scalar() != 1:
                raise Unavailable("Another migration holds the lock; try again when it has ended.")
            conn.commit()
        try:
            alembic_config = config(scripts)
            alembic_config.attributes["is_new"] = revision is None
            alembic_config.attributes["connection"] = conn.execution_options(sqlite_begin="IMMEDIATE")
            if database.is_sqlite:  # begun before the revision is read: a second upgrade waits, and nothing is half-done
                conn.begin()
            command.upgrade(alembic_config, "head")
            conn.commit()
        finally:
            if not database.is_sqlite:
                conn.execute(sa.text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK})
                conn.commit()
    return head(scripts)


def main() -> None:
    """The command of the deployment. Exits 1 with a sentence where it cannot."""
    from app.process import sentence_of
    from shared.platform import Platform

    try:
        with contextlib.closing(Platform()) as platform:
            print(f"database is at revision {upgrade(platform.database)}")
    except (AppError, ValueError) as error:
        sys.exit(f"not migrated: {sentence_of(error)}")


if __name__ == "__main__":
    main()
