"""A private MariaDB on loopback, the distribution's server (stands in for Azure Database for MySQL)."""

import os
import shutil
import subprocess
from pathlib import Path

import pymysql

from devhost.stack.process import Child, ComponentError, ComponentMissingError, free_port

INSTALL = "apt-get install -y --no-install-recommends mariadb-server-core mariadb-client-core"


def program(name: str) -> str:
    """A MariaDB program of this machine. Raises NotThere."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise ComponentMissingError(f"MariaDB ({name}) is not installed: {INSTALL}")
    return path


class Mariadb:
    """A server on `data`, made anew where the folder is empty. Use it as a context manager."""

    def __init__(self, data: Path, *, port: int | None = None) -> None:
        self.data = data.resolve()
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The server's process. Raises RuntimeError before it is started."""
        if self._child is None:
            raise RuntimeError("MariaDB is not started")
        return self._child.process.pid

    def _as_root(self) -> list[str]:
        return ["--user=root"] if os.getuid() == 0 else []

    def _install(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self.data}",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                "--innodb-log-file-size=16M",
                *self._as_root(),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ComponentError(f"mariadb-install-db: {done.stdout[-800:]}{done.stderr[-800:]}")

    def start(self) -> "Mariadb":
        """Starts the server and waits until it takes connections."""
        server = program("mariadbd")
        if not (self.data / "mysql").is_dir():
            self._install()
        run = self.data.parent
        self._child = Child(
            "MariaDB",
            [
                server,
                "--no-defaults",
                f"--datadir={self.data}",
                f"--port={self.port}",
                f"--socket=/tmp/evcharging-{self.port}.sock",
                "--bind-address=127.0.0.1",
                f"--pid-file={run / 'mariadb.pid'}",
                f"--tmpdir={run}",  # in /tmp another server that starts would delete this one's temporary tables
                "--innodb-buffer-pool-size=64M",
                "--innodb-log-file-size=16M",
                "--character-set-server=utf8mb4",
                "--default-time-zone=+00:00",
                "--sql-mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO",
                "--max-connections=300",
                *self._as_root(),
            ],
            run / "mariadb.log",
        )
        self._child.wait_until(self._answers)
        return self

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def _connect(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2)

    def create(self, name: str) -> str:
        """An empty database of this name where there is none; its SQLAlchemy address."""
        connection = self._connect()
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")
        connection.close()
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{name}?charset=utf8mb4"

    def drop(self, name: str) -> None:
        """Removes a database."""
        connection = self._connect()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
        connection.close()

    def stop(self) -> None:
        """Shuts the server down in order."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL: what a crash of the server looks like."""
        if self._child is not None:
            self._child.kill()

    def __enter__(self) -> "Mariadb":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
