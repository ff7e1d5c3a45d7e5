"""Schema migrations: `python -m shared.migrate`, run by the deployment under a database lock; never by a request."""

import logging
import sys
import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db import Database, metadata
from shared.errors import AppError, Unavailable

log = logging.getLogger(__name__)

LOCK = "evcharging-migrations"
_one_at_a_time = threading.Lock()
"""Alembic's context is the process's."""


def config() -> Config:
    """Alembic's configuration; there is no ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return made


def load_tables() -> sa.MetaData:
    """The metadata with every domain's tables registered."""
    import functions.accounts.tables
    import functions.booking.tables
    import functions.notify.tables
    import functions.optimizer.tables
    import functions.stations.feed_tables
    import functions.stations.tables
    import shared.api
    import shared.audit
    import shared.outbox
    import shared.ratelimit

    assert functions.accounts.tables
    assert functions.booking.tables
    assert functions.notify.tables
    assert functions.optimizer.tables
    assert functions.stations.feed_tables
    assert functions.stations.tables
    assert shared.api
    assert shared.audit
    assert shared.outbox
    assert shared.ratelimit
    return metadata


def head() -> str:
    """The revision this code needs."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


def current(database: Database) -> str | None:
    """The database's revision, None where it is empty."""
    with database.reading() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def known() -> set[str]:
    """Every revision of this code's history."""
    return {item.revision for item in ScriptDirectory.from_config(config()).walk_revisions()}


def require_head(database: Database) -> None:
    """Raises Unavailable unless the database is at this code's revision."""
    found = current(database)
    if found == head():
        return
    if found is not None and found not in known():
        raise Unavailable(f"The database is at revision {found}, which this code does not know: it is newer.")
    raise Unavailable(
        f"The database is at revision {found or 'none'}, this code needs {head()}: run `python -m shared.migrate`."
    )


def upgrade(database: Database) -> str:
    """Brings the database to the head, one process at a time. Returns the revision. Unknown revisions are refused."""
    found = current(database)
    if found is not None and found not in known():
        raise Unavailable(f"The database is at revision {found}, which this code does not know: it is newer.")
    with _one_at_a_time, database.engine.connect() as conn:
        if not database.is_sqlite:
            if conn.execute(sa.text("SELECT GET_LOCK(:name, 60)"), {"name": LOCK}).scalar() != 1:
                raise Unavailable("Another migration holds the lock; try again when it has ended.")
            conn.commit()
        try:
            made = config()
            made.attributes["connection"] = conn.execution_options(sqlite_begin="IMMEDIATE")
            if database.is_sqlite:  # begun before the revision is read: a second upgrade waits, and nothing is half-done
                conn.begin()
            command.upgrade(made, "head")
            conn.commit()
        finally:
            if not database.is_sqlite:
                conn.execute(sa.text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK})
                conn.commit()
    return head()


def main() -> None:
    """The command of the deployment. Exits 1 with a sentence where it cannot."""
    from shared.platform import Platform

    platform = Platform()
    try:
        print(f"database is at revision {upgrade(platform.database)}")
    except AppError as error:
        sys.exit(f"not migrated: {error.detail}")
    finally:
        platform.close()


if __name__ == "__main__":
    main()
