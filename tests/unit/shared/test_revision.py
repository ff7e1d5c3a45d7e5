"""Which code runs on which schema: its own, and a newer one that says so; nothing older, nothing it was not told of."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

from app import migrate, ship
from app.migrate import upgrade
from app.process import make_platform
from shared.clock import ManualClock
from shared.db import Database
from shared.errors import Unavailable
from shared.platform import Platform
from shared.revision import MIGRATIONS, head, require_compatible, schema_compat
from shared.settings import Settings
from tests.support.world import World

MIGRATION = '''"""Of the future."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{more}

def upgrade() -> None:
    """Changes the table of vehicles."""
    {change}
'''
EXPAND = 'op.add_column("vehicle", sa.Column("colour", sa.String(20)))'
CONTRACT = 'op.drop_column("vehicle", "colour")'


def future(folder: Path, *migrations: tuple[str, str, str]) -> Path:
    """The migrations of this code, and more: (revision, change, further lines)."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = head()
    for revision, change, more in migrations:
        text = MIGRATION.format(revision=revision, before=before, change=change, more=more)
        (folder / "versions" / f"{revision}_future.py").write_text(text)
        before = revision
    return folder


@pytest.fixture
def platform_at(tmp_path: Path, clock: ManualClock) -> Callable[[Path], Platform]:
    """A process of this code, started on a database that newer code has migrated."""

    def start(scripts: Path) -> Platform:
        settings = Settings(data_dir=tmp_path / "data")
        settings.data_dir.mkdir()
        database = Database(settings.database_address)
        upgrade(database)
        upgrade(database, scripts=scripts)
        database.dispose()
        return make_platform(settings, clock)

    return start


def test_this_code_runs_on_a_schema_that_was_only_expanded(
    tmp_path: Path, platform_at: Callable[[Path], Platform], clock: ManualClock
) -> None:
    """Instances of the code before start while a deployment rolls, and code is rolled back: they work, and book."""
    from fastapi.testclient import TestClient

    from app.asgi import create_app

    platform = platform_at(future(tmp_path / "m", ("9001", EXPAND, "")))
    world = World(platform, TestClient(create_app(lambda: platform)))
    driver = world.user()
    booked = driver.book(world.location(), (clock.now() + timedelta(hours=2)).strftime("%H:00"))
    assert booked.status_code == 201, booked.text
    rows = platform.read(lambda tx: {row.revision: row.oldest_code for row in tx.execute(sa.select(schema_compat))})
    assert rows["9001"] == rows[head()]
    assert upgrade(platform.database) == "9001", "the roll-back's own migration leaves it as it is"
    platform.close()


def test_this_code_refuses_a_schema_from_which_something_was_taken(
    tmp_path: Path, platform_at: Callable[[Path], Platform]
) -> None:
    contract = ("9002", CONTRACT, 'OLDEST_CODE = "9001"\n')
    platform = platform_at(future(tmp_path / "m", ("9001", EXPAND, ""), contract))
    with pytest.raises(Unavailable, match=r"at revision 9002, .* needs code of 9001 at least, not"):
        platform.check_revision()
    with pytest.raises(Unavailable, match=r"at revision 9002, .* needs code of 9001 at least, not"):
        upgrade(platform.database)
    platform.close()


def test_a_schema_behind_this_code_and_one_that_says_nothing_are_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(Unavailable, match="at revision none, this code needs"):
        require_compatible(database)
    upgrade(database)
    require_compatible(database)
    database.transact(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match=r"9999, which this code does not know: it is newer\.$"):
        require_compatible(database)
    database.transact(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'"))
    with pytest.raises(Unavailable, match="at revision 0007, this code needs"):
        require_compatible(database)
    database.dispose()


def test_revisions_are_four_digits_that_rise() -> None:
    names = sorted(path.stem.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert len(set(names)) == len(names)
    assert all(len(name) == 4 and name.isdigit() for name in names)
    assert names[-1] == head()


@pytest.mark.parametrize("command", [migrate, ship], ids=["migrate", "ship"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "db.example.org:hunter2", "DATABASE_URL: must be an address such as mysql"),
        ("DATABASE_POOL_SIZE", "0", "DATABASE_POOL_SIZE: Input should be greater than or equal to 1"),
    ],
)
def test_a_command_of_the_deployment_says_which_setting_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: ModuleType, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=rf"^not (migrated|shipped): {said}") as told:
        command.main()
    assert "hunter2" not in str(told.value)
    assert not (tmp_path / "data").exists()


def test_a_database_to_which_no_verified_tls_leads_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://u:hunter2@db.example.org/x?ssl_ca=a")
    with pytest.raises(SystemExit, match=r"^not migrated: DATABASE_URL: leave out ssl_ca; TLS is always verified"):
        migrate.main()
