"""The two shows: one request from wish to confirmation, and a day replayed, each through HTTP, queue and functions."""

import os
import subprocess
import sys
from pathlib import Path

from cities.generated import generate_city

ROOT = Path(__file__).parents[2]


def run(**settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")} | settings
    done = subprocess.run(
        [sys.executable, "-m", "devhost.demo"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_make_demo_shows_the_request_its_candidates_the_booking_and_the_messages() -> None:
    shown = run(MESSAGE_HOLD_S="600", DATA_KEYS="short", WEB_URL="https://app.example.org")  # no setting counts
    for part in (
        "The wish",
        "202 QUEUED",
        "The candidates",
        "ranked by the rule greedy, no history of this city yet",
        "The choice",
        "is RESERVED",
        "The messages",
        "E-mail  to driver@demo.test: Booked",
    ):
        assert part in shown, shown


def test_a_day_of_a_city_is_replayed_beside_the_worlds_without_a_platform(tmp_path: Path) -> None:
    generate_city(tmp_path, seed=5, stations=6, days=1)
    shown = run(CITY=str(tmp_path))
    assert "Synthetic" in shown
    rows = {line.split("  ")[0]: line.split("  ")[1:] for line in shown.splitlines() if " of " in line and " km" in line}
    assert list(rows) == ["platform", "live map", "first come", "live map, recorded stays", "first come, recorded stays"]
    served, total = (int(number) for number in next(cell for cell in rows["platform"] if " of " in cell).split(" of "))
    assert served > 0.8 * total > 0


def test_a_city_that_is_none_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devhost.demo"],
        cwd=ROOT,
        env=os.environ | {"CITY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "nothing that is recognised" in done.stdout
