"""Any council's or operator's CSV of charge points (and, if they publish it, of sessions) as a city folder, by the column map
beside it (`import.toml`, cities/column_map.py). A row is a connector; rows of one id are one location.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cities.column_map import ImportMap, LocationsMap, SessionsMap, location_fields, location_object, read_map
from cities.csv_rows import Row, csv_files, rows
from cities.folder import CitySession, CityWriter, ImportReport, ReportProgress, write_report
from cities.ocpi_objects import OddError, read_location, scope_of
from cities.readings import AmbiguousError, Mark, Order, between, clock_time, date_order, decimal_mark, instant, number
from cities.tariff_files import Tariffs, write_location

MAX_HOURS, MAX_KWH = 24 * 14, 2000.0
NUMBERS, DEGREES = ("max_power_kw", "quantity", "energy_kwh", "energy_wh"), ("latitude", "longitude")


def recognise(folder: Path) -> bool:
    """Whether the folder has a column map and CSV files that it is for. Raises ValueError where the map is wrong."""
    map_ = read_map(folder)
    return map_.locations is not None and bool(_matching(folder, map_.locations.files))


def _matching(folder: Path, patterns: list[str]) -> list[Path]:
    return [path for path in csv_files(folder) if any(fnmatch(path.name, pattern) for pattern in patterns)]


class _Places:
    """Locations as they grow from rows."""

    def __init__(self) -> None:
        self.items: dict[str, tuple[Row, dict[str, Any]]] = {}
        """By party and id: the first row, and the OCPI Location."""

    def add(self, row: Row, columns: LocationsMap, mark: Mark | None) -> None:
        """A row of a file of such numbers. Raises OddError."""
        fields = location_fields(row.values, columns)
        if not fields.get("id"):
            raise OddError("no id: the column of `id` is empty")
        document = location_object(fields, mark)
        key = scope_of(fields.get("country_code"), fields.get("party_id")) + str(fields["id"]).casefold()
        if key not in self.items:
            self.items[key] = (row, document)
            return
        evses = self.items[key][1]["evses"]
        known = {evse["uid"]: evse for evse in evses}
        for number_, evse in enumerate(document["evses"]):
            if "uid" not in fields:
                # Without a column for it each row is an EVSE of its own.
                evse = evse | {"uid": f"{fields['id']}-{len(evses) + number_ + 1}"}
            if evse["uid"] in known:
                known[evse["uid"]]["connectors"] += evse["connectors"]
            else:
                evses.append(evse)


class _Written:
    """What was written: which EVSE a session's row means, and what most locations have."""

    def __init__(self) -> None:
        self.zones, self.currencies, self.countries = Counter[str](), Counter[str](), Counter[str]()
        self.zone_of: dict[str, str] = {}
        """By evse_id."""
        self._by_both: dict[tuple[str, str], set[str]] = {}
        self._by_uid: dict[str, set[str]] = {}
        self._by_location: dict[str, set[str]] = {}

    def add(self, evse_id: str, location: str, uid: str, zone: str) -> None:
        """An EVSE."""
        self.zone_of[evse_id] = zone
        # Two parties may have a location of the same id: a session that names no party then means neither.
        self._by_both.setdefault((location.casefold(), uid.casefold()), set()).add(evse_id)
        self._by_location.setdefault(location.casefold(), set()).add(evse_id)
        self._by_uid.setdefault(uid.casefold(), set()).add(evse_id)

    def find(self, location: str, uid: str) -> str | None:
        """The EVSE of a location's id and a uid, either of which may be empty where the other says enough; None where they mean
        none, or more than one."""
        if location and uid:
            candidates = self._by_both.get((location.casefold(), uid.casefold()), set())
        elif uid:
            candidates = self._by_uid.get(uid.casefold(), set())
        else:
            candidates = self._by_location.get(location.casefold(), set()) if location else set()
        return next(iter(candidates)) if len(candidates) == 1 else None


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder. Raises ValueError where no location could be used or the map is wrong."""
    report = ImportReport("CSV by a column map")
    map_ = read_map(source)
    assert map_.locations is not None
    location_files = _matching(source, map_.locations.files)
    session_files = _matching(source, map_.sessions.files) if map_.sessions else []
    location_files = [path for path in location_files if path not in session_files]
    everything = len(location_files) + len(session_files)
    places = _Places()
    for done, path in enumerate(location_files):
        progress(path.name, done, everything)
        mark = map_.locations.decimal or _mark_of(path, map_.locations.columns)
        for row in rows(path, report):
            report.rows += 1
            try:
                places.add(row, map_.locations, mark)
            except OddError as error:
                report.leave_out(row.file, row.line, str(error))
    with CityWriter(target) as writer:
        written = _write(writer, places, map_, report)
        if not writer.locations:
            write_report(target, report)
            raise ValueError(f"none of {report.rows:,} rows could be used; see {target / 'import-report.csv'}")
        if map_.sessions is not None:
            kept = list(_sessions(session_files, map_.sessions, written, report))
            writer.add_sessions(sorted(kept, key=lambda item: (item.start, item.session_id)))
            report.notes.append(f"{len(kept):,} sessions of {len(session_files)} files")
        writer.finish(
            name=map_.name or source.name,
            time_zone=written.zones.most_common(1)[0][0],
            currency=written.currencies.most_common(1)[0][0],
            country=written.countries.most_common(1)[0][0],
            source={"what": "CSV by a column map", "files": ", ".join(path.name for path in location_files + session_files)},
        )
    progress("done", everything, everything)
    write_report(target, report)
    return report


def _mark_of(path: Path, columns: Mapping[Any, str]) -> Mark | None:
    """The decimal mark of a file by all of its numbers."""
    numbers, degrees = (
        (row.values.get(columns[name], "") for row in rows(path) for name in names if name in columns)
        for names in (NUMBERS, DEGREES)
    )
    return decimal_mark(numbers, degrees=degrees)


def _write(writer: CityWriter, places: _Places, map_: ImportMap, report: ImportReport) -> _Written:
    written, tariffs = _Written(), Tariffs()
    if map_.tariff is not None:
        default = tariffs.read(map_.tariff)
        writer.add_tariff(default)
        tariffs.default = default["id"]
    for row, item in places.items.values():
        try:
            location = read_location(item, map_.defaults)
        except OddError as error:
            report.leave_out(row.file, row.line, str(error))
            continue
        written.currencies[write_location(writer, location, tariffs)] += 1
        written.zones[location.row.time_zone] += 1
        written.countries[location.row.country] += 1
        for evse in location.evses:
            written.add(f"{location.key}*{evse.uid}", str(item["id"]), evse.uid, location.row.time_zone)
        for odd in location.odd:
            report.leave_out(row.file, row.line, odd)
        for remark in location.remarks:
            report.remark(row.file, row.line, remark)
        report.kept += 1
    report.locations, report.evses = writer.locations, writer.evses
    return written


def _sessions(paths: list[Path], columns: SessionsMap, written: _Written, report: ImportReport) -> Iterator[CitySession]:
    seen: set[str] = set()
    dates = [columns.columns[name] for name in ("start", "start_date", "end", "end_date") if name in columns.columns]
    for path in paths:
        order = columns.dates or date_order(row.values.get(name, "") for row in rows(path) for name in dates)
        mark = columns.decimal or _mark_of(path, columns.columns)
        for row in rows(path, report):
            values = {name: row.values.get(column, "") for name, column in columns.columns.items()}
            session = _session(values, row, order, mark, columns, written, seen)
            if isinstance(session, str):
                report.leave_out(row.file, row.line, session)
            else:
                yield session


def _session(
    values: dict[Any, str],
    row: Row,
    order: Order,
    mark: Mark | None,
    columns: SessionsMap,
    written: _Written,
    seen: set[str],
) -> CitySession | str:
    """The session of a row, or why it is none."""
    number_ = values.get("id") or f"{row.file}:{row.line}"
    if number_ in seen:
        return "duplicate session"
    evse = written.find(values.get("location", ""), values.get("uid", ""))
    if evse is None:
        return f"EVSE not known: location {values.get('location', '')!r}, uid {values.get('uid', '')!r}"
    zone = ZoneInfo(columns.time_zone or written.zone_of[evse])
    times = _times(values, order, zone, short_years=columns.dates is not None)
    if isinstance(times, str):
        return times
    try:
        in_kwh = "energy_kwh" in values
        energy = number(values.get("energy_kwh" if in_kwh else "energy_wh", ""), mark) / (1 if in_kwh else 1000)
    except AmbiguousError as error:
        return f"energy {error}"
    except ValueError:
        return "energy is not a number"
    if not 0 <= energy <= MAX_KWH:
        return "energy out of range"
    seen.add(number_)
    return CitySession(number_, evse, times[0], times[1], energy)


def _times(values: dict[Any, str], order: Order, zone: ZoneInfo, *, short_years: bool) -> tuple[datetime, datetime] | str:
    """Start and end with their offsets, or why there are none."""
    times: list[datetime] = []
    for name in ("start", "end"):
        text = values.get(name) or f"{values.get(f'{name}_date', '')} {values.get(f'{name}_time', '')}".strip()
        if not text:
            return f"no {name}"
        exact = instant(text)
        date, _, time = text.replace("T", " ", 1).partition(" ")
        try:
            times.append(exact or clock_time(date, time, order, short_years=short_years))
        except AmbiguousError as error:
            return f"{name} {error}"
        except ValueError:
            return f"{name} is not a time"
    start, end = times
    if (start.tzinfo is None) != (end.tzinfo is None):
        return "one time with an offset, the other without"
    if start.tzinfo is None:
        start, end = between(start, end, zone)
    if end.timestamp() < start.timestamp():
        return "ends before it starts"
    return "longer than 14 days" if end.timestamp() - start.timestamp() > MAX_HOURS * 3600 else (start, end)
