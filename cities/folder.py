"""Writing city folders (PROBLEM.md, Objects) row by row, and the report of what an import left out."""

import csv
import gzip
import io
import json
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TextIO

ReportProgress = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is."""
SHOWN = 1000
"""Rows that a report holds in memory; the file has all."""


@dataclass(frozen=True)
class CityLocation:
    """A row of locations.csv. Where `city`, `country` (ISO 3166-1 alpha-3), `time_zone` or `currency` is empty, the folder's
    counts."""

    location_id: str
    name: str
    address: str
    latitude: float
    longitude: float
    opening_times: dict[str, Any] | None = None
    """An OCPI Hours object; None where it is always open."""
    city: str = ""
    country: str = ""
    time_zone: str = ""
    currency: str = ""


@dataclass(frozen=True)
class CityEvse:
    """A row of evses.csv: `evse_id` is its own in the folder, `uid` in its location (empty: the same), `status` OCPI's word."""

    evse_id: str
    location_id: str
    uid: str = ""
    status: str = "AVAILABLE"


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
    """A row that could not be read: where, and why. `line` is the line of a CSV file, the number of the object in a JSON file;
    what stands before the colon of a reason is its kind."""

    file: str
    line: int
    reason: str


def _kept_rows() -> IO[str]:
    return tempfile.SpooledTemporaryFile(1_000_000, "w+", encoding="utf-8", newline="")


@dataclass
class ImportReport:
    """What an import read, kept and left out. Rows go to a file as they come: memory does not grow with them."""

    format: str
    rows: int = 0
    """Rows read; objects where the format has no rows."""
    kept: int = 0
    locations: int = 0
    evses: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    """The first thousand."""
    notes: list[str] = field(default_factory=list)
    """Sentences about the whole import."""
    _reasons: Counter[str] = field(default_factory=Counter)
    _remarks: Counter[str] = field(default_factory=Counter)
    _rows: IO[str] = field(default_factory=_kept_rows, repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, self._rows.close)

    def leave_out(self, file: str, line: int, reason: str) -> None:
        """Records a row that was not used."""
        self._reasons[reason.split(":")[0]] += 1
        if len(self.left_out) < SHOWN:
            self.left_out.append(LeftOut(file, line, reason))
        self._write(file, line, reason)

    def remark(self, file: str, line: int, reason: str) -> None:
        """Records what is to be known of a row that was used."""
        self._remarks[reason.split(":")[0]] += 1
        self._write(file, line, f"kept, {reason}")

    def _write(self, file: str, line: int, reason: str) -> None:
        # What a file says of itself may hold anything; a surrogate is no UTF-8.
        csv.writer(self._rows, lineterminator="\n").writerow((file, line, reason.encode(errors="replace").decode()))

    def reasons(self) -> Counter[str]:
        """How many rows were left out for which kind of reason."""
        return self._reasons

    def remarks(self) -> Counter[str]:
        """What was remarked of how many rows that were kept."""
        return self._remarks

    def copy_rows(self, file: TextIO) -> None:
        """Writes every row that was left out or remarked on, as CSV without a header."""
        self._rows.seek(0)
        shutil.copyfileobj(self._rows, file)
        self._rows.seek(0, io.SEEK_END)


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
        with path.open("w+", encoding="utf-8", newline="") as file:
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


PLAIN = ("location_id", "name", "address", "latitude", "longitude")
OWN = ("city", "country", "time_zone", "currency")
FILES = (
    "city.toml",
    "locations.csv",
    "evses.csv",
    "connectors.csv",
    "sessions.csv",
    "sessions.csv.gz",
    "opening_times.json",
    "tariffs.json",
    "import-report.csv",
)
"""What a city folder has."""


class CityWriter:
    """A city folder as it is written, row by row, beside what stands there; `finish` puts it in its place, and without it
    nothing is changed. Use it in a `with` statement."""

    def __init__(self, folder: Path, *, detailed: bool = True) -> None:
        """`detailed`: locations and EVSEs with what is their own (place, zone, currency, uid, status)."""
        self.locations = self.evses = 0
        self._folder, self._detailed = folder, detailed
        self._latitude = self._longitude = 0.0
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        self._draft = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        self._location_rows = self._table("locations.csv", PLAIN + (OWN if detailed else ()))
        self._evse_rows = self._table("evses.csv", ("evse_id", "location_id", *(("uid", "status") if detailed else ())))
        columns = ("evse_id", "connector_id", "standard", "format", "power_type", "max_power_kw")
        self._connector_rows = self._table("connectors.csv", columns)
        self._hours, self._tariffs, self._assigned = (
            _JsonItems(self._stack.enter_context(_text(self._draft / name))) for name in ("hours", "tariffs", "assigned")
        )

    def __enter__(self) -> "CityWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
        shutil.rmtree(self._draft, ignore_errors=True)

    def _table(self, name: str, header: Sequence[str]) -> Any:
        writer = csv.writer(self._stack.enter_context(_text(self._draft / name)), lineterminator="\n")
        writer.writerow(header)
        return writer

    def add_location(self, location: CityLocation) -> None:
        """A location."""
        self.locations += 1
        self._latitude += location.latitude
        self._longitude += location.longitude
        row = [getattr(location, name) for name in PLAIN + (OWN if self._detailed else ())]
        self._location_rows.writerow(row)
        if location.opening_times is not None:
            self._hours.add(location.opening_times, location.location_id)

    def add_evse(self, evse: CityEvse, connectors: Iterable[CityConnector]) -> None:
        """An EVSE of a location with its connectors."""
        self.evses += 1
        own = (evse.uid, evse.status) if self._detailed else ()
        self._evse_rows.writerow((evse.evse_id, evse.location_id, *own))
        self._connector_rows.writerows(vars(item).values() for item in connectors)

    def add_tariff(self, tariff: Mapping[str, Any]) -> None:
        """An OCPI Tariff with an id that is its own in the folder."""
        self._tariffs.add(tariff)

    def assign(self, evse_id: str, connector_id: str, tariff_ids: Sequence[str]) -> None:
        """The tariffs of a connector."""
        self._assigned.add(list(tariff_ids), f"{evse_id}/{connector_id}")

    def add_sessions(self, sessions: Iterable[CitySession]) -> None:
        """Sessions, written as they come; of none there is no file."""
        rest = iter(sessions)
        first = next(rest, None)
        if first is not None:
            rows = (
                (item.session_id, item.evse_id, item.start.isoformat(), item.end.isoformat(), item.energy_kwh)
                for item in chain((first,), rest)
            )
            _csv(self._draft / "sessions.csv.gz", ("session_id", "evse_id", "start", "end", "energy_kwh"), rows)

    def finish(
        self,
        *,
        name: str,
        time_zone: str,
        currency: str,
        country: str,
        source: Mapping[str, str],
        generated: bool = False,
        default_tariffs: Sequence[str] = (),
        free_of_charge: bool = False,
    ) -> None:
        """Puts the folder in place. What stood in its files is replaced, what it has no longer is gone. `free_of_charge`: where
        there is no tariff charging costs nothing; else its price is not known. Raises ValueError where there is no location."""
        if not self.locations:
            raise ValueError("a city has at least one location")
        settings = {
            "name": name,
            "time_zone": time_zone,
            "currency": currency,
            "country": country,
            "generated": generated,
            "free_of_charge": free_of_charge,
            "centre": {
                "latitude": round(self._latitude / self.locations, 6),
                "longitude": round(self._longitude / self.locations, 6),
            },
            "source": source,
        }
        (self._draft / "city.toml").write_text(_toml(settings), encoding="utf-8")
        if self._hours.count:
            with _text(self._draft / "opening_times.json") as file:
                self._hours.write(file, "{}")
                file.write("\n")
        if self._tariffs.count:
            with _text(self._draft / "tariffs.json") as file:
                file.write('{"tariffs": ')
                self._tariffs.write(file, "[]")
                file.write(',\n"connectors": ')
                self._assigned.write(file, "{}")
                file.write(f',\n"default": {json.dumps(list(default_tariffs))}}}\n')
        self._stack.close()
        for file_name in FILES:
            if (self._draft / file_name).exists():
                (self._draft / file_name).replace(self._folder / file_name)
            else:
                (self._folder / file_name).unlink(missing_ok=True)


class _JsonItems:
    """Items of a JSON array or object, kept in a file until they are all there."""

    def __init__(self, file: TextIO) -> None:
        self.count = 0
        self._file = file

    def add(self, value: Any, key: str | None = None) -> None:
        name = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
        self._file.write(f"{',' if self.count else ''}\n {name}{json.dumps(value, ensure_ascii=False)}")
        self.count += 1

    def write(self, file: TextIO, brackets: str) -> None:
        file.write(brackets[0])
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)
        file.write(f"\n{brackets[1]}" if self.count else brackets[1])


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
    plugs: dict[str, list[CityConnector]] = {}
    for item in connectors:
        plugs.setdefault(item.evse_id, []).append(item)
    with CityWriter(folder, detailed=any(item.time_zone for item in locations)) as city:
        for location in locations:
            city.add_location(location)
        for evse_id, location_id in evses.items():
            city.add_evse(CityEvse(evse_id, location_id), plugs.pop(evse_id, ()))
        if plugs:
            raise ValueError(f"connectors: {min(plugs)!r} is no EVSE of the city")
        for tariff in (tariffs or {}).get("tariffs", ()):
            city.add_tariff(tariff)
        for key, tariff_ids in (tariffs or {}).get("connectors", {}).items():
            evse_id, _, connector_id = key.rpartition("/")
            city.assign(evse_id, connector_id, tariff_ids)
        city.add_sessions(sessions)
        city.finish(
            name=name,
            time_zone=time_zone,
            currency=currency,
            country=country,
            source=source,
            generated=generated,
            default_tariffs=(tariffs or {}).get("default", ()),
            free_of_charge=free_of_charge,
        )


def write_report(folder: Path, report: ImportReport) -> None:
    """Every row that was left out, with file, line and reason: import-report.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    with _text(folder / "import-report.csv") as file:
        csv.writer(file, lineterminator="\n").writerow(("file", "line", "reason"))
        report.copy_rows(file)
