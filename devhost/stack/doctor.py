"""`make doctor`: what this machine has, what is missing, and how to get it. Runs on the bare system Python."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from devhost.stack.install import PACKAGES, azurite_is_there, mariadb_is_there  # noqa: E402


@dataclass(frozen=True)
class Check:
    """One thing a machine should have: what for, whether it is there, and how to get it."""

    what: str
    needed_for: str
    there: bool
    seen: str
    remedy: str


def _version(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0] if done.returncode == 0 else None


def _node_is_new(version: str | None) -> bool:
    return version is not None and version.lstrip("v").split(".")[0].isdigit() and int(version.lstrip("v").split(".")[0]) >= 20


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _has_module(name: str) -> bool:
    python = ROOT / ".venv" / "bin" / "python"
    return (
        python.exists() and subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0
    )


def checks() -> list[Check]:
    """Everything that is looked at."""
    port = int(os.environ.get("PORT") or 7071)
    node = _version("node", "--version")
    data = Path(os.environ.get("EVCHARGING_DATA") or ROOT / "../shared/data")
    python = ".".join(str(part) for part in sys.version_info[:3])
    ensurepip = (
        subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode == 0
    )
    venv = (ROOT / ".venv" / "bin" / "python").exists()
    free = shutil.disk_usage(ROOT).free / 2**30
    return [
        Check("Python 3.11 or newer", "run", sys.version_info >= (3, 11), python, "apt-get install -y python3"),
        Check(
            "venv and pip",
            "run",
            ensurepip or venv,
            "yes" if ensurepip else ".venv is there" if venv else "no",
            "apt-get install -y python3-venv",
        ),
        Check("virtual environment", "run, made by itself", venv, ".venv" if venv else "not yet", "make run makes it"),
        Check(
            f"port {port}",
            "run",
            _port_is_free(port),
            "free" if _port_is_free(port) else "taken",
            f"make run PORT={port + 1}",
        ),
        Check("2 GiB of disk", "run", free > 2, f"{free:.0f} GiB free", "free some space"),
        Check("Node 20", "STACK=full, test", _node_is_new(node), node or "no", "install Node 20 (nodejs and npm)"),
        Check("Azurite", "STACK=full, test", azurite_is_there(), "node_modules" if azurite_is_there() else "no", "npm ci"),
        Check(
            "MariaDB server",
            "STACK=full, test",
            mariadb_is_there(),
            _version("mariadbd", "--version") or "no",
            f"apt-get install -y --no-install-recommends {' '.join(PACKAGES)}",
        ),
        Check(
            "C compiler",
            "test, where the broker's library must be built",
            shutil.which("gcc") is not None,
            _version("gcc", "--version") or "no",
            "apt-get install -y gcc python3-dev",
        ),
        Check(
            "broker's library",
            "STACK=full, test",
            _has_module("proton"),
            "python-qpid-proton" if _has_module("proton") else "no",
            "make run STACK=full or make test installs it",
        ),
        Check(
            "PyTorch",
            "training, test",
            _has_module("torch"),
            "yes" if _has_module("torch") else "no",
            "make test installs it; make run never does",
        ),
        Check(
            "research data",
            "optional",
            data.is_dir(),
            str(data) if data.is_dir() else "no",
            "set EVCHARGING_DATA; a generated city stands in",
        ),
    ]


def main() -> None:
    """Prints the list; exits 1 where `make run` could not work."""
    looked_at = checks()
    wide = max(len(item.what) for item in looked_at)
    for item in looked_at:
        mark = "ok     " if item.there else "MISSING" if item.needed_for == "run" else "not yet"
        line = f"  {mark}  {item.what:<{wide}}  {item.seen}"
        print(line if item.there else f"{line}   -> {item.remedy}   (for {item.needed_for})")
    broken = [item for item in looked_at if item.needed_for == "run" and not item.there]
    print("\nmake run will work." if not broken else f"\nmake run needs: {', '.join(item.what for item in broken)}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
