"""Which schema revision this code needs and which the database has. It only reads; app/migrate.py changes."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db import Database
from shared.errors import Unavailable


def config() -> Config:
    """Alembic's configuration; there is no ini file."""
    alembic_config = Config()
    alembic_config.set_main_option("script_location", str(Path(__file__).parents[1] / "app" / "migrations"))
    return alembic_config


def head() -> str:
    """The revision this code needs."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None
    return revision


def current(database: Database) -> str | None:
    """The database's revision, None where it is empty."""
    with database.reading() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def known() -> set[str]:
    """Every revision of this code's history."""
    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def require_head(database: Database) -> None:
    """Raises Unavailable unless the database is at this code's revision."""
    revision = current(database)
    if revision == head():
        return
    if revision is not None and revision not in known():
        raise Unavailable(f"The database is at revision {revision}, which this code does not know: it is newer.")
    raise Unavailable(
        f"The database is at revision {revision or 'none'}, this code needs {head()}: run `python -m app.migrate`."
    )
