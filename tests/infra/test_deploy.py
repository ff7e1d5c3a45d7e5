"""Deployment: the smoke test finds a platform well or says what is not; migrating and rolling back by a stand-in for `az`."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.smoke import Call, NotWell, await_health, steps
from shared.clock import ManualClock
from tests.support.people import PASSWORD, newcomer
from tests.support.world import API, World

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
DEPLOY = ROOT / "infra" / "deploy"


EMAIL = "ada@example.org"


def call_of(world: World) -> Call:
    """The smoke test's calls, to the app itself."""

    def call(method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        answer = world.client.request(method, API + path, json=body, headers=headers)
        return answer.status_code, answer.json()

    return call


def test_a_platform_that_is_well_passes_every_step(world: World, clock: ManualClock) -> None:
    newcomer(world)
    place = world.location()
    done = list(steps(call_of(world), email=EMAIL, password=PASSWORD, location_id=place, now=clock.now()))
    assert done == ["config", "sign-in", "read", "booking", "cancel"]


def test_it_leaves_no_booking_behind(world: World, clock: ManualClock) -> None:
    newcomer(world)
    place = world.location(evses=1)
    for _ in range(2):
        list(steps(call_of(world), email=EMAIL, password=PASSWORD, location_id=place, now=clock.now()))


def test_a_place_that_is_not_there_is_said(world: World, clock: ManualClock) -> None:
    newcomer(world)
    nowhere = "01890000-0000-7000-8000-000000000000"
    with pytest.raises(NotWell, match="GET /stations/locations/"):
        list(steps(call_of(world), email=EMAIL, password=PASSWORD, location_id=nowhere, now=clock.now()))


def test_a_wrong_password_is_said(world: World, clock: ManualClock) -> None:
    with pytest.raises(NotWell, match="POST /accounts/login: 401"):
        list(steps(call_of(world), email="x@example.org", password="a wrong one", location_id="x", now=clock.now()))


def test_health_is_awaited() -> None:
    answers, pauses = [(0, "refused"), (503, "starting"), (200, {})], list[float]()
    await_health(lambda *_: answers.pop(0), pause=pauses.append)
    assert len(pauses) == 2


def test_health_that_does_not_come_is_said() -> None:
    with pytest.raises(NotWell, match="503: not set up"):
        await_health(lambda *_: (503, "not set up"), patience_s=20, pause=lambda _: None)


Az = Callable[[dict[str, str]], dict[str, str]]


@pytest.fixture
def az(tmp_path: Path) -> Az:
    """A stand-in for `az` on the PATH: answers by what its command has in it, and notes each command."""

    def make(answers: dict[str, str]) -> dict[str, str]:
        cases = "\n".join(f"  *'{words}'*) {answer} ;;" for words, answer in answers.items())
        program = tmp_path / "bin" / "az"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/said"\ncase "$*" in\n{cases}\n  *) exit 9 ;;\nesac\n')
        program.chmod(0o755)
        return os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PAUSE": "0", "TRIES": "3"}

    return make


def run(script: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(DEPLOY / script), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def migration(az: Az, status: str) -> subprocess.CompletedProcess[str]:
    environment = az(
        {
            "job execution show": f"echo {status}",
            "job start": "echo run-1",
            "job show": "echo image:4",
        }
    )
    return run("migrate.sh", "group", "job", "evcharging-1.zip", "abc", environment=environment)


def test_the_migration_is_started_with_the_release_and_awaited(az: Az, tmp_path: Path) -> None:
    done = migration(az, "Succeeded")
    assert (done.returncode, done.stdout) == (0, "migrated: run-1\n")
    assert "--env-vars RELEASE=evcharging-1.zip RELEASE_SHA256=abc" in (tmp_path / "said").read_text()


@pytest.mark.parametrize("status", ["Failed", "Degraded", "Running"])
def test_a_migration_that_fails_or_does_not_end_stops_the_deployment(az: Az, status: str) -> None:
    done = migration(az, status)
    assert done.returncode == 1
    assert done.stderr.startswith("not migrated: run-1")


def rolled_back(az: Az, tmp_path: Path, sha256: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "current.json").write_text(json.dumps({"release": "evcharging-1.zip", "sha256": sha256}))
    (tmp_path / "evcharging-1.zip").write_bytes(b"the last one that worked")
    copy = f'for last; do :; done; shift $(($# - 4)); cp "{tmp_path}/$(basename "$2")" "$2"'
    environment = az({"blob download": copy, "deployment source": "true"})
    return run("roll_back.sh", "group", "app", "account", environment=environment)


def test_the_last_release_that_worked_is_deployed_again(az: Az, tmp_path: Path) -> None:
    done = rolled_back(az, tmp_path, hashlib.sha256(b"the last one that worked").hexdigest())
    assert done.returncode == 0, done.stderr
    assert "functionapp deployment source config-zip -g group -n app" in (tmp_path / "said").read_text()


def test_a_release_with_another_sum_is_not_deployed(az: Az, tmp_path: Path) -> None:
    done = rolled_back(az, tmp_path, "0" * 64)
    assert done.returncode != 0
    assert "deployment source" not in (tmp_path / "said").read_text()


def test_every_alert_names_a_runbook_that_is_there() -> None:
    alerts = json.loads((ROOT / "infra" / "terraform" / "alerts.json").read_text())
    assert {alert["runbook"] for alert in alerts.values()} <= {path.stem for path in RUNBOOKS.glob("*.md")}


def test_every_runbook_that_an_alert_leads_to_names_the_alert() -> None:
    alerts = json.loads((ROOT / "infra" / "terraform" / "alerts.json").read_text())
    unnamed = [name for name, alert in alerts.items() if f"`{name}`" not in (RUNBOOKS / f"{alert['runbook']}.md").read_text()]
    assert unnamed == []


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_has_its_five_parts_on_one_page(path: Path) -> None:
    text = path.read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Symptom",
        "## Query",
        "## First act",
        "## Undo",
        "## Who",
    ]
    assert len(text.splitlines()) < 60
