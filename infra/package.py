"""The release: one zip that the Functions host runs as it is. `python -m infra.package VERSION` (`make package VERSION=...`).

The same commit with the same pinned libraries gives the same bytes: code comes from git, not from the folder; entries are
sorted, their times fixed; byte code is compiled by one process without random hashes, and says by hash what it was made of.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("function_app.py", "host.json", "app", "functions", "shared", "infra/host")
"""What is deployed, as git has it."""
LIBRARIES = Path(".python_packages/lib/site-packages")
"""Where the Functions worker looks."""
PLACE = "/home/site/wwwroot"
"""Where the zip lies on an instance: what a traceback says."""
LIMIT_MB = 130
EPOCH = (1980, 1, 1, 0, 0, 0)
LOCALES = ("root", "en")
"""Babel's data that we word messages with; other languages' is 30 MB."""
NOT_NEEDED = (
    "tests",
    "test",
    "__pycache__",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "onnxruntime/quantization",
    "bin",
)
"""Folders of libraries that nothing of ours imports."""


@dataclass(frozen=True)
class Release:
    """A release that was made."""

    path: Path
    sha256: str
    size_mb: float
    libraries_mb: dict[str, float]
    """By library: what it adds to the zip, largest first."""


def export_code(commit: str, target: Path) -> None:
    """Puts the code of a commit into a folder. Raises CalledProcessError where git does not have it."""
    archive = subprocess.run(["git", "archive", commit, *CODE], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")


def install_wheels(target: Path) -> None:
    """Installs the pinned wheels for the platform that Functions runs on, whatever this machine is."""
    platforms = [f"--platform={name}_x86_64" for name in ("manylinux_2_28", "manylinux_2_27", "manylinux2014", "linux")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps"]
    versions = ["--implementation=cp", "--python-version=3.11", "--only-binary=:all:"]
    subprocess.run([*command, *platforms, *versions, f"--target={target}", "-r", "requirements.txt"], cwd=ROOT, check=True)


def copy_installed(target: Path, *, without: Collection[str] = ()) -> None:
    """Copies the pinned libraries from this environment: for tests, which download nothing. Raises ValueError where another
    version is installed here."""
    for name, version in pinned().items():
        if name in without:
            continue
        found = metadata.distribution(name)
        if found.version != version:
            raise ValueError(f"{name} {found.version} is installed, {version} is pinned")
        for file in found.files or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.suffix != ".pyc" and source.is_file():
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target / file)


def pinned() -> dict[str, str]:
    """By library: the version that requirements.txt pins."""
    lines = (ROOT / "requirements.txt").read_text().split()
    return dict(line.split("==") for line in lines if "==" in line)


def make_lean(libraries: Path) -> None:
    """Takes away what nothing of ours imports, and what differs from one installation to the next."""
    for name in NOT_NEEDED:
        for folder in sorted(libraries.glob(name if "/" in name else f"**/{name}")):
            if folder.is_dir():
                shutil.rmtree(folder)
    for path in libraries.glob("babel/locale-data/*.dat"):
        if path.stem.split("_")[0] not in LOCALES:
            path.unlink()
    for path in libraries.glob("*.dist-info/*"):
        if path.name not in ("METADATA", "entry_points.txt") and "licen" not in path.name.lower():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_code(folder: Path) -> None:
    """Byte code beside the code, in a process of its own whose hashes are not random."""
    script = (
        "import compileall, py_compile, sys; sys.exit(not compileall.compile_dir(sys.argv[1], quiet=1, workers=1, force=True, "
        "stripdir=sys.argv[1], prependdir=sys.argv[2], invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    command = [sys.executable, "-S", "-c", script, str(folder), PLACE]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode != 0 and b"SyntaxError" not in done.stdout:  # a template of a library may be no Python
        raise RuntimeError(done.stdout.decode() + done.stderr.decode())


def describe(version: str, commit: str, folder: Path) -> dict[str, object]:
    """What is in the release: release.json, in the zip and beside it."""
    manifests = sorted(folder.glob("functions/optimizer/shipped/models/*/*/manifest.json"))
    models = {path.parents[1].name: json.loads(path.read_text())["version"] for path in manifests}
    revisions = sorted(path.name.split("_")[0] for path in (folder / "app/migrations/versions").glob("[0-9]*.py"))
    return {"version": version, "commit": commit, "revision": revisions[-1], "models": models, "python": "3.11"}


def write_zip(folder: Path, path: Path) -> None:
    """Packs a folder: entries in order, times and rights fixed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o100644 << 16, 3
            archive.writestr(entry, file.read_bytes())


def sizes(path: Path) -> Iterator[tuple[str, int]]:
    """By library of a zip: bytes as they are packed."""
    depth = len(LIBRARIES.parts)
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            parts = Path(entry.filename).parts
            name = parts[depth] if parts[:depth] == LIBRARIES.parts else "our code"
            yield name.removesuffix(".libs"), entry.compress_size


def weigh(path: Path) -> dict[str, float]:
    """MB by library, largest first."""
    total: dict[str, int] = {}
    for name, size in sizes(path):
        total[name] = total.get(name, 0) + size
    return {name: round(size / 1e6, 2) for name, size in sorted(total.items(), key=lambda item: -item[1])}


def build(version: str, target: Path, *, commit: str = "HEAD", install: Callable[[Path], None] = install_wheels) -> Release:
    """Makes `evcharging-VERSION.zip` and its manifest in `target`. `install` puts the libraries into a folder.

    Raises ValueError where it is larger than LIMIT_MB.
    """
    sha = subprocess.run(["git", "rev-parse", commit], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        export_code(sha, folder)
        (folder / LIBRARIES).mkdir(parents=True)
        install(folder / LIBRARIES)
        make_lean(folder / LIBRARIES)
        description = describe(version, sha, folder)
        (folder / "release.json").write_text(json.dumps(description, indent=1, sort_keys=True) + "\n")
        compile_code(folder)
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"evcharging-{version}.zip"
        write_zip(folder, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    release = Release(path, digest, round(path.stat().st_size / 1e6, 1), weigh(path))
    manifest = description | {"sha256": digest, "size_mb": release.size_mb, "libraries_mb": release.libraries_mb}
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
    if release.size_mb > LIMIT_MB:
        raise ValueError(f"{path.name} has {release.size_mb} MB, more than {LIMIT_MB}")
    return release


def main() -> None:
    """The command."""
    if len(sys.argv) != 2:
        sys.exit("python -m infra.package VERSION")
    release = build(sys.argv[1], ROOT / ".data" / "releases")
    for name, size in list(release.libraries_mb.items())[:15]:
        print(f"{size:7.2f} MB  {name}")
    print(f"{release.size_mb:7.1f} MB  {release.path}\nsha256 {release.sha256}")


if __name__ == "__main__":
    main()
