"""Which schema revision this code needs and which the database has. It only reads; app/migrate.py changes.

Revisions are four digits that rise. Code runs on a database at its own head, and on a newer one whose `schema_compat` says that
code of its head may: so new instances of old code start while a deployment rolls, and code can be rolled back.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db import Database, Key, metadata
from shared.errors import Unavailable

MIGRATIONS = Path(__file__).parents[1] / "app" / "migrations"

schema_compat = sa.Table(
    "schema_compat",
    metadata,
    sa.Column("revision", Key(32), primary_key=True),
    sa.Column("oldest_code", Key(32), nullable=False),
)
"""By a revision of the schema: the head of the oldest code that runs on it. Written with each migration."""


def config(scripts: Path = MIGRATIONS) -> Config:
    """Alembic's configuration; there is no ini file."""
    alembic_config = Config()
    alembic_config.set_main_option("script_location", str(scripts))
    return alembic_config


def head(scripts: Path = MIGRATIONS) -> str:
    """The revision this code needs."""
    revision = ScriptDirectory.from_config(config(scripts)).get_current_head()
    assert revision is not None
    return revision


def current(database: Database) -> str | None:
    """The database's revision, None where it is empty."""
    with database.reading() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def known() -> set[str]:
    """Every revision of this code's history."""
    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def require_compatible(database: Database) -> None:
    """Raises Unavailable unless the database is at this code's revision, or at a newer one on which this code may run."""
    revision, needed = current(database), head()
    if revision == needed:
        return
    if revision is None or revision in known():
        raise Unavailable(
            f"The database is at revision {revision or 'none'}, this code needs {needed}: run `python -m app.migrate`."
        )
    oldest = _oldest_code(database, revision)
    if oldest is None or needed < oldest:
        raise Unavailable(
            f"The database is at revision {revision}, which this code does not know: it is newer"
            + (f" and needs code of {oldest} at least, not {needed}." if oldest else ".")
        )


def _oldest_code(database: Database, revision: str) -> str | None:
    with database.reading() as conn:
        if not sa.inspect(conn).has_table(schema_compat.name):
            return None
        column = schema_compat.c.oldest_code
        return conn.execute(sa.select(column).where(schema_compat.c.revision == revision)).scalar()
