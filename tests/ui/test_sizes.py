"""What a browser fetches, compressed, against the budgets: the shell that every page loads, the map, the fonts."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from devhost import web

KB = 1000
SHELL, MAP, FONTS = 130 * KB, 50 * KB, 65 * KB


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """Which files the build made of which sources."""
    path = web.DIST / ".vite" / "manifest.json"
    if not path.exists():
        pytest.skip("web/dist is not there: python -m devhost.web build")
    files: dict[str, Any] = json.loads(path.read_text())
    return files


def sent(name: str) -> int:
    """Bytes of a file as it is sent."""
    return len(gzip.compress((web.DIST / name).read_bytes(), 6))


def loaded(manifest: dict[str, Any], source: str, seen: set[str]) -> int:
    """Bytes of a chunk with its styles and everything that it imports at once, each file once."""
    chunk = manifest[source]
    total = 0
    for name in (chunk["file"], *chunk.get("css", ())):
        if name not in seen:
            seen.add(name)
            total += sent(name)
    return total + sum(loaded(manifest, other, seen) for other in chunk.get("imports", ()))


def test_the_shell_is_within_its_budget(manifest: dict[str, Any]) -> None:
    assert loaded(manifest, "index.html", set()) <= SHELL


def test_the_map_is_within_its_budget(manifest: dict[str, Any]) -> None:
    seen: set[str] = set()
    loaded(manifest, "index.html", seen)
    assert loaded(manifest, "src/map/near-map.tsx", seen) <= MAP


def test_the_latin_fonts_are_within_their_budget(manifest: dict[str, Any]) -> None:
    fonts = [path for path in Path(web.DIST / "assets").glob("*latin-wght*.woff2") if "latin-ext" not in path.name]
    assert len(fonts) == 2
    assert sum(path.stat().st_size for path in fonts) <= FONTS
