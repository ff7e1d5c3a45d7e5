"""Programs out of Debian's packages without installing them: nothing is started, no rights are needed. On the bare Python."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".programs"
PACKAGES = {"nginx": "nginx", "mariadb-dump": "mariadb-client"}
"""By program: the package that has it."""


def program(name: str) -> str | None:
    """Where a program is: this machine's, or the one that was unpacked; None where there is neither."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", *(str(UNPACKED / folder) for folder in ("usr/bin", "usr/sbin"))]
    return shutil.which(name, path=os.pathsep.join(places))


def unpack() -> list[str]:
    """Fetches what is missing from Debian's archive as apt has it, and unpacks it. Returns what could not be had."""
    missing = [name for name in PACKAGES if program(name) is None]
    if not missing or shutil.which("apt-get") is None:
        return missing
    print(f"  fetching {', '.join(missing)} ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = ["apt-get", "download", "-qq", *sorted({PACKAGES[name] for name in missing})]
        if _run(command, folder) != 0 and os.getuid() == 0:
            _run(["apt-get", "update", "-qq"], folder)
            _run(command, folder)
        for package in sorted(Path(folder).glob("*.deb")):
            _run(["dpkg", "--extract", str(package), str(UNPACKED)], folder)
    return [name for name in PACKAGES if program(name) is None]


def _run(command: list[str], folder: str) -> int:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"  {' '.join(command)} failed: {done.stderr[-500:]}", file=sys.stderr)
    return done.returncode
