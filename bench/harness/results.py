"""The file of figures: {name: {"value": number, "unit": text, "what": text}}."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results.json"


@dataclass(frozen=True)
class Figure:
    """A figure, its unit, and what was measured in one sentence."""

    value: float
    unit: str
    what: str


def record(figures: dict[str, Figure], path: Path = RESULTS) -> None:
    """Puts figures beside those that are there, in place of their own earlier ones."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known |= {name: asdict(figure) for name, figure in figures.items()}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    os.replace(partial, path)


def load(path: Path = RESULTS) -> dict[str, Figure]:
    """The figures that are there; none where nothing was measured yet."""
    return {name: Figure(**fields) for name, fields in json.loads(path.read_text()).items()} if path.exists() else {}
