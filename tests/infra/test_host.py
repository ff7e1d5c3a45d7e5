"""docs/host.md, line by line: a package on an ordinary host, its units' own commands, a proxy, a backup and its restore.

The libraries are this environment's, where the pinned ones are installed; the code is the package's.
"""

import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pymysql
import pytest

from devhost.stack import debian
from devhost.stack.communication import CommunicationServices
from devhost.stack.mariadb import Mariadb
from devhost.stack.process import Child, free_port, listens
from infra.package import build
from tests.support.certificates import self_signed
from tests.support.stack_fixtures import DATA_KEY, SECRET
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
HOST = ROOT / "infra" / "host"
DOMAIN = "charge.example.org"
NOBODY = 65534
LIBRARIES = sysconfig.get_paths()["purelib"]
PLACES = ("opt/evcharging/releases", "opt/evcharging/site", "var/lib/evcharging", "var/backups/evcharging", "etc/evcharging")

pytestmark = pytest.mark.slow


def lines_of(mark: str) -> list[str]:
    """The page's fenced blocks with this mark."""
    return re.findall(rf"```sh {mark}\n(.*?)```", (ROOT / "docs" / "host.md").read_text(), re.DOTALL)


def unit(name: str) -> ConfigParser:
    """A unit file. It may say a thing twice: the last one is kept."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(HOST / name)
    return parser


@dataclass
class Server:
    """The host in a folder: what the page calls by its absolute path lies here."""

    folder: Path
    environment: dict[str, str]
    ports: tuple[int, int]
    user: int | None
    """None: whoever runs the tests"""
    children: list[Child] = field(default_factory=list)

    def placed(self, text: str) -> str:
        """A line of the page or of a unit with this host's places."""
        for path in ("/opt/evcharging", "/var/lib/evcharging", "/var/backups/evcharging", "/etc/evcharging"):
            text = text.replace(path, f"{self.folder}{path}")
        return text.replace("/usr/bin/python3.11", "python3.11").replace("python3.11", str(self.folder / "python"))

    def run(self, script: str) -> str:
        """Runs lines as the ordinary user; what they print. Fails with what they say of an error."""
        done = self.done(["bash", "-euc", self.placed(script)], self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def done(self, command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """A command as the ordinary user, ended."""
        who: dict[str, Any] = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300, **who
        )

    def command(self, name: str, instance: int | None = None) -> list[str]:
        """What a unit runs."""
        line = unit(name)["Service"]["ExecStart"].replace("%i", str(instance))
        return shlex.split(self.placed(line))

    def start(self, name: str, instance: int | None = None) -> Child:
        """A unit's process."""
        log = self.folder / f"{name}{instance or ''}.log"
        child = Child(name, self.command(name, instance), log, env=self.unit_environment(), user=self.user, cwd=self.folder)
        self.children.append(child)
        return child

    def unit_environment(self) -> dict[str, str]:
        """The environment file, and the unit's own line."""
        name, _, value = self.placed(unit("evcharging-deliver.service")["Service"]["Environment"]).partition("=")
        lines = (self.folder / "etc/evcharging/env").read_text().splitlines()
        settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        return self.environment | {key: said.strip("'") for key, said in settings.items()} | {name: value}


def interpreter() -> tuple[str, int | None]:
    """A Python with the pinned libraries, and whom it runs as: nobody where the tests are root's and nobody may run it."""
    for python in (sys.executable, "/usr/bin/python3.11") if os.getuid() == 0 else ():
        command = [python, "-c", "import fastapi, onnxruntime, pymysql"]
        try:
            done = subprocess.run(
                command, env={"PYTHONPATH": LIBRARIES}, user=NOBODY, group=NOBODY, extra_groups=[], check=False
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python, NOBODY
    return sys.executable, None


def give(folder: Path, user: int | None) -> None:
    """Makes a folder and all in it the user's."""
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)


@pytest.fixture(scope="module")
def messages() -> Iterator[CommunicationServices]:
    """Communication Services on loopback."""
    with CommunicationServices() as service:
        yield service


@pytest.fixture(scope="module")
def server(mariadb: Mariadb, messages: CommunicationServices) -> Iterator[Server]:
    """A host on which the page's lines were run, with two web processes, one that delivers and one that sweeps."""
    missing = [name for name in debian.PACKAGES if debian.program(name) is None]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI every component must be there: {', '.join(missing)}")
        pytest.skip(f"{', '.join(missing)} cannot be had here: make test fetches them where there is apt")
    folder = Path(tempfile.mkdtemp(prefix="evcharging-host-"))
    for path in (
        "opt/evcharging/releases",
        "opt/evcharging/site",
        "var/lib/evcharging",
        "var/backups/evcharging",
        "etc/evcharging",
    ):
        (folder / path).mkdir(parents=True)
    (folder / "opt/evcharging/site/index.html").write_text("<title>evcharging</title>")
    build("1.2.3", folder, install=lambda _folder: None)
    settings = (HOST / "env.example").read_text()
    given = {
        "DATABASE_URL": f"'{mariadb.create('evcharging')}'",
        "DATA_DIR": f"{folder}/var/lib/evcharging",
        "COMMUNICATION_ENDPOINT": messages.endpoint,
        "COMMUNICATION_KEY": messages.key,
        "EMAIL_SENDER": "noreply@example.org",
        "JWT_SECRET": f"'{SECRET}'",
        "DATA_KEYS": DATA_KEY,
        "STRIPE_API_KEY": "sk_live_nobody",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
    }
    for name, value in given.items():
        line = next(line for line in settings.splitlines() if line.startswith(f"{name}="))
        settings = settings.replace(line, f"{name}={value}")
    (folder / "etc/evcharging/env").write_text(settings)
    python, user = interpreter()
    (folder / "python").write_text(f'#!/bin/sh\nPYTHONPATH="${{PYTHONPATH:-}}:{LIBRARIES}" exec {python} "$@"\n')
    (folder / "python").chmod(0o755)
    give(folder, user)
    programs = [str(Path(str(debian.program(name))).parent) for name in debian.PACKAGES]
    environment = {
        "PATH": os.pathsep.join([*programs, os.environ["PATH"], "/usr/sbin"]),
        "MARIADB_OPTIONS": f"--host=127.0.0.1 --port={mariadb.port} --user=root --protocol=tcp",
        "LANG": "C.UTF-8",
    }
    host = Server(folder, environment, (free_port(), free_port()), user)
    try:
        host.run(lines_of("evcharging")[0])
        for port in host.ports:
            host.start("evcharging-web@.service", port).wait_until(lambda port=port: listens(port))
        for name in ("evcharging-deliver.service", "evcharging-sweep.service"):
            child = host.start(name)
            child.wait_until(lambda child=child: "begins" in child.log.read_text())
        yield host
    finally:
        for child in host.children:
            child.stop()
        mariadb.drop("evcharging")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[httpx.Client]:
    """nginx with the page's own site before the two web processes; a client that knows its certificate."""
    port, folder = free_port(), server.folder / "nginx"
    folder.mkdir()
    certificate, key = self_signed(folder, DOMAIN)
    site = (HOST / "nginx.conf").read_text()
    site = re.sub(r"  listen \[::\].*\n", "", site)
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "127.0.0.1:8001": f"127.0.0.1:{server.ports[0]}",
        "127.0.0.1:8002": f"127.0.0.1:{server.ports[1]}",
        f"/etc/letsencrypt/live/{DOMAIN}/fullchain.pem": str(certificate),
        f"/etc/letsencrypt/live/{DOMAIN}/privkey.pem": str(key),
    }.items():
        assert old in site, old
        site = site.replace(old, new)
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; daemon off; events {{}} http {{ access_log off; {places} {site} }}"
    )
    give(folder, server.user)
    program = str(debian.program("nginx"))
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    child = Child("nginx", command, folder / "out.log", user=server.user)
    server.children.append(child)
    child.wait_until(lambda: listens(port))
    with httpx.Client(
        base_url=f"https://127.0.0.1:{port}",
        verify=ssl.create_default_context(cafile=certificate),
        headers={"Host": DOMAIN},
        timeout=30,
    ) as client:
        yield client


def lines_with(words: str, child: Child) -> bool:
    """Whether a process has said so."""
    return words in child.log.read_text(errors="replace")


def test_both_web_processes_are_ready_and_say_it(server: Server) -> None:
    for port in server.ports:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", headers={"Host": DOMAIN}, timeout=30)
        assert answer.status_code == 200, answer.text


def test_a_name_that_is_not_ours_is_refused(server: Server) -> None:
    answer = httpx.get(f"http://127.0.0.1:{server.ports[0]}/api/v1/health", headers={"Host": "elsewhere.example"}, timeout=30)
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["evcharging-deliver.service", "evcharging-sweep.service"])
def test_a_second_one_of_what_must_be_one_ends_with_a_sentence(server: Server, name: str) -> None:
    done = subprocess.run(
        server.command(name),
        env=server.unit_environment(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "there must be exactly one" in done.stderr


def test_the_application_stands_beside_the_api(proxy: httpx.Client) -> None:
    page = proxy.get("/bookings", headers={"Accept": "text/html"})
    assert "<title>evcharging</title>" in page.text
    assert "default-src" in page.headers["content-security-policy"]


def test_what_a_web_process_commits_the_delivering_one_brings(proxy: httpx.Client, messages: CommunicationServices) -> None:
    body = {"email": "ada@example.org", "password": "a long password of hers", "name": "Ada", "role": "driver"}
    answer = proxy.post("/api/v1/accounts/register", json=body)
    assert answer.status_code in (201, 202), answer.text
    until(lambda: "ada@example.org" in json.dumps(messages.accepted.emails), "her letter")


def test_one_web_process_may_die(proxy: httpx.Client, server: Server) -> None:
    first = server.children[0]
    first.kill()
    assert {proxy.get("/api/v1/health").status_code for _ in range(8)} == {200}
    server.start("evcharging-web@.service", server.ports[0]).wait_until(lambda: listens(server.ports[0]))


def test_who_loses_the_lock_ends_and_is_started_again(server: Server, mariadb: Mariadb) -> None:
    child = next(child for child in server.children if child.name == "evcharging-deliver.service")
    with pymysql.connect(host="127.0.0.1", port=mariadb.port, user="root") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT IS_USED_LOCK('evcharging.deliver.evcharging')")
        (holder,) = cursor.fetchone() or (None,)
        assert holder is not None
        cursor.execute(f"KILL {int(holder)}")
    until(lambda: child.process.poll() is not None, "its end")
    assert child.process.returncode == 1
    assert lines_with("lock is lost", child)
    again = server.start("evcharging-deliver.service")
    again.wait_until(lambda: lines_with("begins", again))


def test_a_backup_is_restored_beside_what_is_there(server: Server, mariadb: Mariadb) -> None:
    blobs = server.folder / "var/lib/evcharging/blobs"
    before = sorted(path.relative_to(blobs) for path in blobs.rglob("*") if path.is_file())
    assert before, "the shipped models"
    mariadb.create("evcharging_restored")
    try:
        said = server.run(lines_of("evcharging")[1])
        assert re.search(r"^database: \d+ s$", said, re.M)
        restored = server.folder / "var/lib/evcharging/restored/blobs"
        assert sorted(path.relative_to(restored) for path in restored.rglob("*") if path.is_file()) == before
        url = mariadb.create("evcharging_restored")
        looked = json.loads(server.run(f"{exported(server)} DATABASE_URL='{url}' python3.11 -m app.restored"))
        assert looked["reserved_without_claims"] == 0
        assert looked["rows"]["user_account"] == 1
        with pytest.raises(AssertionError, match="restore into an empty database"):
            server.run(lines_of("evcharging")[1].replace("evcharging/restored", "evcharging/other"))
        assert not (server.folder / "var/lib/evcharging/other").exists()
    finally:
        mariadb.drop("evcharging_restored")


def exported(server: Server) -> str:
    """The unit's environment as the beginning of a shell's line."""
    own = {name: value for name, value in server.unit_environment().items() if name not in server.environment}
    return "cd /opt/evcharging/current; export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in own.items()) + ";"


def test_a_backup_that_was_changed_is_not_restored(server: Server, mariadb: Mariadb) -> None:
    newest = sorted((server.folder / "var/backups/evcharging").iterdir())[-1]
    archive = newest / "blobs.tar.gz"
    archive.write_bytes(archive.read_bytes() + b"x")
    mariadb.create("evcharging_other")
    restore = "sh /opt/evcharging/current/infra/host/restore.sh"
    try:
        with pytest.raises(AssertionError, match=r"blobs\.tar\.gz"):
            server.run(f"{restore} /var/backups/evcharging/{newest.name} evcharging_other /var/lib/evcharging/other")
    finally:
        mariadb.drop("evcharging_other")


def test_the_oldest_backups_go(server: Server) -> None:
    folder = server.folder / "var/backups/evcharging"
    for day in range(1, 6):
        (folder / f"2025010{day}T020000Z").mkdir()
    before = {path.name for path in folder.iterdir()}
    backup = "sh /opt/evcharging/current/infra/host/backup.sh evcharging /var/lib/evcharging /var/backups/evcharging"
    said = server.run(f"KEEP=4 {backup}")
    newest = said.split("/")[-1].strip()
    assert sorted(path.name for path in folder.iterdir()) == sorted(before | {newest})[-4:]


def test_each_process_ends_in_order(server: Server) -> None:
    running = [child for child in server.children if child.name.startswith("evcharging") and child.process.poll() is None]
    assert len(running) == 4
    for child in running:
        child.process.send_signal(signal.SIGTERM)
    assert {child.process.wait(30) for child in running} <= {0, -signal.SIGTERM}


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    units = [str(path) for path in sorted(HOST.glob("evcharging-*"))]
    done = subprocess.run([program, "verify", *units], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
