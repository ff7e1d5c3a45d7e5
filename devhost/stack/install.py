"""What the tests and STACK=full need beside Python packages: MariaDB from the distribution, Azurite from npm; for the tests of
an ordinary host programs that are unpacked and not installed.

As root it installs what is missing; otherwise it says what to install. Runs on the bare system Python.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from devhost.stack import debian

ROOT = Path(__file__).parents[2]
PACKAGES = ("mariadb-server-core", "mariadb-client-core")


def mariadb_is_there() -> bool:
    """Whether the server's programs are on this machine."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    return all(shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db"))


def azurite_is_there() -> bool:
    """Whether node_modules holds what package-lock.json asks for."""
    stamp = ROOT / "node_modules" / ".evcharging-lock"
    digest = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    return stamp.exists() and stamp.read_text() == digest


def _run(*command: str) -> bool:
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode != 0:
        print(f"  {' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}", file=sys.stderr)
    return done.returncode == 0


def _mariadb() -> bool:
    if mariadb_is_there():
        return True
    command = ("apt-get", "install", "-y", "--no-install-recommends", *PACKAGES)
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        print(f"  MariaDB is missing: as root, {' '.join(command)}", file=sys.stderr)
        return False
    print("  installing MariaDB ...", flush=True)
    return _run("apt-get", "update", "-qq") and _run(*command)


def _azurite() -> bool:
    if azurite_is_there():
        return True
    if shutil.which("npm") is None:
        print("  npm is missing: install Node 20 for Azurite", file=sys.stderr)
        return False
    print("  installing Azurite ...", flush=True)
    if not _run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"):
        return False
    digest = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    (ROOT / "node_modules" / ".evcharging-lock").write_text(digest)
    return True


def main() -> None:
    """Exits 1 where something is missing that it could not install. `node`: npm's alone; `tests`: what they need too."""
    installed = [_azurite()] if sys.argv[1:] == ["node"] else [_mariadb(), _azurite()]
    if sys.argv[1:] == ["tests"] and (missing := debian.unpack()):
        print(f"  {', '.join(missing)} cannot be had here: the tests of an ordinary host are skipped", file=sys.stderr)
    sys.exit(0 if all(installed) else 1)


if __name__ == "__main__":
    main()
