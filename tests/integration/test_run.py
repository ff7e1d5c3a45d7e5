"""`make run` as a process: it starts, answers, is stopped by Ctrl-C, keeps its data, and refuses clearly."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2 as httpx
import pytest

from devhost.stack.install import azurite_is_there, mariadb_is_there
from devhost.stack.process import free_port

ROOT = Path(__file__).parents[2]


class Running:
    """The devhost in a process of its own."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.port = free_port()
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        environment |= {"PORT": str(self.port), "DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"} | settings
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devhost.run"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(120), "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if "Ctrl-C stops it" in line:
                self._ready.set()
        self._ready.set()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"it did not stop within a minute:\n{self.text}")
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def log_in(running: Running) -> dict[str, str]:
    password = re.search(r"password (\S+)", running.text)
    assert password is not None, running.text
    body = {"email": "driver@demo.test", "password": password.group(1)}
    answer = httpx.post(running.url("/api/v1/accounts/login"), json=body, timeout=20)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def ask(running: Running, headers: dict[str, str]) -> dict[str, object]:
    """A charge request, until it is decided."""
    car = httpx.get(running.url("/api/v1/accounts/me/vehicles"), headers=headers, timeout=20).json()["items"][0]["id"]
    body = {"vehicle_id": car, "soc": 0.3, "energy_kwh": 10, "origin": {"lat": 52.0907, "lon": 5.1214}}
    accepted = httpx.post(running.url("/api/v1/optimizer/charge-requests"), json=body, headers=headers, timeout=20)
    pause = threading.Event()
    for _ in range(300):
        request: dict[str, object] = httpx.get(running.url(accepted.headers["location"]), headers=headers, timeout=20).json()
        if request["status"] != "QUEUED":
            return request
        pause.wait(0.1)
    pytest.fail(f"the request stayed in the queue:\n{running.text}")


def test_it_starts_answers_stops_and_keeps_its_data(tmp_path: Path) -> None:
    first = Running(tmp_path)
    try:
        request = ask(first, log_in(first))
        assert request["status"] == "RESERVED"
        assert "/api/v1/docs" in first.text
        commands = [line for line in first.text.splitlines() if "curl" in line]
        assert len(commands) == 3
        walked = subprocess.run(["bash", "-c", "\n".join(commands)], capture_output=True, text=True, timeout=60, check=True)
        booking, where, why = walked.stdout.splitlines()
        assert re.fullmatch(r"RESERVED booking [0-9a-f-]{36}", booking), walked.stdout + walked.stderr
        assert " to " in where
        assert why
        assert httpx.get(first.url("/dev"), timeout=20).status_code == 200
    finally:
        code = first.stop()
    assert code == 0, first.text
    assert "stopped" in first.text
    assert "Traceback" not in first.text, first.text
    again = Running(tmp_path)
    try:
        bookings = httpx.get(again.url("/api/v1/booking/bookings"), headers=log_in(again), timeout=20).json()["items"]
        assert sorted(item["id"] for item in bookings) == sorted([str(request["booking_id"]), booking.split()[-1]])
    finally:
        assert again.stop() == 0


def test_the_full_stack(tmp_path: Path) -> None:
    if not (mariadb_is_there() and azurite_is_there()):
        if os.environ.get("CI") == "true":
            pytest.fail("in CI MariaDB and Azurite must be there")
        pytest.skip("MariaDB or Azurite is not installed: python -m devhost.stack.install")
    running = Running(tmp_path, STACK="full")
    try:
        assert "MariaDB, Azurite, Service Bus broker" in running.text, running.text
        assert ask(running, log_in(running))["status"] == "RESERVED"
    finally:
        code = running.stop()
    assert code == 0, running.text
    assert "Traceback" not in running.text, running.text


def refused(tmp_path: Path, **settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(
        [sys.executable, "-m", "devhost.run"],
        cwd=ROOT,
        env=environment | {"DATA_DIR": str(tmp_path)} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def test_a_port_that_is_taken_is_said_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is taken" in refused(tmp_path, PORT=str(port))


def test_make_admin_without_an_address_says_how(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    for given in ({}, {"EMAIL": ""}, {"EMAIL": "nobody"}):
        done = subprocess.run(
            [sys.executable, "-m", "app.admin"],
            cwd=ROOT,
            env=environment | {"DATA_DIR": str(tmp_path)} | given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "make admin EMAIL=you@example.org" in done.stderr


def test_wrong_settings_are_said(tmp_path: Path) -> None:
    port = str(free_port())
    assert "STACK=half" in refused(tmp_path, PORT=port, STACK="half")
    assert "is not a folder" in refused(tmp_path, PORT=port, CITY=str(tmp_path / "nowhere"))
    assert "DATABASE_POOL_SIZE" in refused(tmp_path, PORT=port, DATABASE_POOL_SIZE="many")
