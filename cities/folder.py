"""Writing city folders (PROBLEM.md, Objects), and the report of what an import left out."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

ReportProgress = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class CityLocation:
    """A row of locations.csv."""

    location_id: str
    name: str
    address: str
    latitude: float
    longitude: float
    opening_times: dict[str, Any] | None = None
    """An OCPI Hours object; None where it is always open."""


@dataclass(frozen=True)
class CityConnector:
    """A row of connectors.csv. Standard, format and power type are OCPI's enum values."""

    evse_id: str
    connector_id: str
    standard: str
    format: str
    power_type: str
    max_power_kw: float


@dataclass(frozen=True)
class CitySession:
    """A row of sessions.csv; times with offset."""

    session_id: str
    evse_id: str
    start: datetime
    end: datetime
    energy_kwh: float


@dataclass
class LeftOut:
    """A row that could not be read: where, and why."""

    file: str
    line: int
    reason: str


@dataclass
class ImportReport:
    """What an import read, kept and left out."""

    format: str
    rows: int = 0
    """Rows read; objects where the format has no rows."""
    kept: int = 0
    locations: int = 0
    evses: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences about the whole import."""

    def leave_out(self, file: str, line: int, reason: str) -> None:
        """Records a row that was not used."""
        self.left_out.append(LeftOut(file, line, reason))

    def reasons(self) -> Counter[str]:
        """How many rows were left out for which reason."""
        return Counter(item.reason.split(":")[0] for item in self.left_out)


def _toml(settings: Mapping[str, Any]) -> str:
    lines, tables = [], []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            tables.append(f"\n[{name}]\n" + _toml(value))
        else:
            # JSON's strings, numbers and booleans are TOML's too.
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines) + "".join(tables)


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    if path.suffix != ".gz":
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    # Neither a name nor a time in it: the same rows make the same bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as file,
    ):
        yield file


def _csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Row by row: of sessions there may be more than memory holds."""
    with _text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_city(
    folder: Path,
    *,
    name: str,
    time_zone: str,
    currency: str,
    country: str,
    locations: Sequence[CityLocation],
    connectors: Sequence[CityConnector],
    evses: Mapping[str, str],
    sessions: Iterable[CitySession] = (),
    tariffs: Mapping[str, Any] | None = None,
    source: Mapping[str, str],
    generated: bool = False,
    free_of_charge: bool = False,
) -> None:
    """Writes a city folder; `evses` maps evse_id to location_id. `sessions` are written as they come. `free_of_charge`:
    charging costs nothing where there is no tariff, else its price is not known. What stood in the folder's files is
    replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    centre = {
        "latitude": round(sum(item.latitude for item in locations) / len(locations), 6),
        "longitude": round(sum(item.longitude for item in locations) / len(locations), 6),
    }
    settings = {
        "name": name,
        "time_zone": time_zone,
        "currency": currency,
        "country": country,
        "generated": generated,
        "free_of_charge": free_of_charge,
        "centre": centre,
        "source": source,
    }
    (folder / "city.toml").write_text(_toml(settings))
    _csv(
        folder / "locations.csv",
        ("location_id", "name", "address", "latitude", "longitude"),
        [(item.location_id, item.name, item.address, item.latitude, item.longitude) for item in locations],
    )
    _csv(folder / "evses.csv", ("evse_id", "location_id"), evses.items())
    _csv(
        folder / "connectors.csv",
        ("evse_id", "connector_id", "standard", "format", "power_type", "max_power_kw"),
        [tuple(vars(item).values()) for item in connectors],
    )
    rest = iter(sessions)
    first = next(rest, None)
    if first is not None:
        _csv(
            folder / "sessions.csv.gz",
            ("session_id", "evse_id", "start", "end", "energy_kwh"),
            (
                (item.session_id, item.evse_id, item.start.isoformat(), item.end.isoformat(), item.energy_kwh)
                for item in chain((first,), rest)
            ),
        )
    hours = {item.location_id: item.opening_times for item in locations if item.opening_times is not None}
    for file, content in (("opening_times.json", hours), ("tariffs.json", tariffs)):
        if content:
            (folder / file).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_report(folder: Path, report: ImportReport) -> None:
    """Every row that was left out, with file, line and reason: import-report.csv."""
    _csv(
        folder / "import-report.csv",
        ("file", "line", "reason"),
        [(item.file, item.line, item.reason) for item in report.left_out],
    )
