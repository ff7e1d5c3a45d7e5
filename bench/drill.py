"""The restore drill, rehearsed: `python -m bench.drill [--bookings N]`.

A year of bookings on MariaDB is saved and restored into an empty database by infra/host's own scripts, and both are looked at.
Prints the seconds of each step.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from app.restored import look
from bench.harness import fixtures, stack
from bench.harness.growth_data import YearOfBookings
from devhost.stack import debian
from shared.db import Database

SCRIPTS = Path(__file__).parents[1] / "infra" / "host"
PLACES, EVSES = 100, 4


def _run(script: str, *arguments: str | Path, environment: dict[str, str]) -> str:
    command = ["sh", str(SCRIPTS / script), *(str(each) for each in arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{script}: {done.stderr}")
    return done.stdout


def main() -> None:
    """Runs the drill. Exits 1 where the restored database differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.drill", description=__doc__)
    parser.add_argument("--bookings", type=int, default=100_000)
    given = parser.parse_args()
    dump = debian.program("mariadb-dump")
    if dump is None:
        sys.exit("mariadb-dump cannot be had here: python -m devhost.stack.install tests fetches it where there is apt")
    with stack.started() as running:
        platform, now = running.platform("evcharging"), datetime.now(UTC)
        rng = random.Random(5)
        records = [fixtures.place(number, *fixtures.UTRECHT.point(rng), evses=EVSES) for number in range(PLACES)]
        places = fixtures.build(platform, records)
        (driver,) = fixtures.people(platform, 1, prefix="model")
        year = YearOfBookings(platform, running.mariadb.port, "evcharging")
        year.load(given.bookings, places=places, driver=driver, now=now)
        year.close()
        before = look(platform.database)
        copy = running.mariadb.create("restored")
        environment = os.environ | {
            "PATH": f"{Path(dump).parent}:{os.environ['PATH']}",
            "MARIADB_OPTIONS": f"--host=127.0.0.1 --port={running.mariadb.port} --user=root --protocol=tcp",
        }
        backups = running.folder / "backups"
        backups.mkdir()
        begun = time.monotonic()
        _run("backup.sh", "evcharging", platform.settings.data_dir, backups, environment=environment)
        print(f"backup: {time.monotonic() - begun:.0f} s")
        (backup,) = backups.iterdir()
        print(f"size: {sum(file.stat().st_size for file in backup.iterdir()) / 1e6:.0f} MB")
        print(_run("restore.sh", backup, "restored", running.folder / "restored", environment=environment), end="")
        begun = time.monotonic()
        after = look(Database(copy))
        print(f"looked at: {time.monotonic() - begun:.0f} s")
        print(f"{sum(after['rows'].values()):,} rows, {after['rows']['booking']:,} bookings, revision {after['revision']}")
        if after != before:
            sys.exit(f"not the same: {before} {after}")


if __name__ == "__main__":
    main()
