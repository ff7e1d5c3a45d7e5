"""What a browser fetches of the built application, in bytes as they are sent (gzip)."""

import gzip
import json
from functools import cached_property
from typing import Any

from devhost import web

SHELL, CHARGE, MAP, OWNERS_DAY = "index.html", "src/driver/charge.tsx", "src/map/near-map.tsx", "src/host/today.tsx"
"""Sources by which the build's manifest knows what is loaded together."""


class Sizes:
    """The files of `web/dist`, by the manifest that Vite writes. Raises FileNotFoundError where it is not built."""

    def __init__(self) -> None:
        self._manifest: dict[str, Any] = json.loads((web.DIST / ".vite" / "manifest.json").read_text())

    @cached_property
    def shell(self) -> int:
        """All that any page loads: scripts and styles."""
        return self._loaded(SHELL, set())

    def beside_shell(self, source: str) -> int:
        """What a source adds to the shell, with its styles and everything that it imports at once, each file once."""
        seen: set[str] = set()
        self._loaded(SHELL, seen)
        return self._loaded(source, seen)

    @cached_property
    def latin_fonts(self) -> list[int]:
        """The fonts that a page in English loads."""
        fonts = (web.DIST / "assets").glob("*latin-wght*.woff2")
        return [path.stat().st_size for path in fonts if "latin-ext" not in path.name]

    def _loaded(self, source: str, seen: set[str]) -> int:
        chunk = self._manifest[source]
        total = 0
        for name in (chunk["file"], *chunk.get("css", ())):
            if name not in seen:
                seen.add(name)
                total += len(gzip.compress((web.DIST / name).read_bytes(), 6))
        return total + sum(self._loaded(other, seen) for other in chunk.get("imports", ()))
