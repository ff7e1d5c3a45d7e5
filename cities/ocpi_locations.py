"""OCPI Locations (2.1.1, 2.2.1 or 2.3.0) and Tariffs, or a GeoJSON of charge points, as a city folder: object by object, in
memory that does not grow with the locations but for their ids.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from cities import geojson, json_stream
from cities.column_map import ImportMap, read_map
from cities.folder import CityWriter, ImportReport, ReportProgress, write_report
from cities.ocpi_objects import OddError, ReadLocation, read_location
from cities.tariff_files import Tariffs, write_location

LOOKED_AT = 200
"""Objects of a file that are looked at to tell what it holds."""


def _kind(path: Path) -> str:
    """What a JSON file holds: "locations", "tariffs", or "other"."""
    try:
        for item in islice(json_stream.objects(path), LOOKED_AT):
            if not isinstance(item, dict):
                continue
            if {"coordinates", "evses"} <= item.keys() or geojson.is_feature(item):
                return "locations"
            if {"elements", "currency"} <= item.keys():
                return "tariffs"
    except json_stream.BrokenError:
        pass  # what can be read of it is read, and said, by whoever imports it
    return "other"


def recognise(folder: Path) -> bool:
    """Whether the folder holds OCPI Locations or a GeoJSON of charge points."""
    return any(_kind(path) == "locations" for path in json_stream.files(folder))


class _Files:
    """The objects of several files, and how far their import is, by bytes."""

    def __init__(self, folder: Path, report: ImportReport, progress: ReportProgress) -> None:
        kinds: dict[str, list[Path]] = {"locations": [], "tariffs": [], "other": []}
        for path in json_stream.files(folder):
            if path.name != "import.json":
                kinds[_kind(path)].append(path)
        self.locations, self.tariffs, self.other = kinds.values()
        self._report, self._progress = report, progress
        self._total = sum(path.stat().st_size for path in self.locations + self.tariffs)
        self._before = 0

    def objects(self, paths: list[Path]) -> Iterator[tuple[str, int, Any]]:
        """Each object with the name of its file and its number there; where a file breaks off, that is reported."""
        for path in paths:
            number = 0
            try:
                for number, item in enumerate(json_stream.objects(path, read=partial(self._at, path)), 1):
                    yield path.name, number, item
            except json_stream.BrokenError as error:
                self._report.leave_out(path.name, number + 1, f"the file breaks off here: {error}")
            self._before += path.stat().st_size
        self._progress("done", self._before, self._total)

    def _at(self, path: Path, done: int) -> None:
        self._progress(path.name, self._before + done, self._total)


class _City:
    """The city folder that locations are written to as they come, each once, and what most of them have."""

    def __init__(self, writer: CityWriter, tariffs: Tariffs) -> None:
        self.zones, self.currencies, self.countries = Counter[str](), Counter[str](), Counter[str]()
        self._writer, self._tariffs = writer, tariffs
        self._seen: set[str] = set()

    def add(self, location: ReadLocation) -> None:
        """Writes a location. Raises OddError where one of its id is there."""
        # OCPI's ids are the same in whatever case.
        if location.key.casefold() in self._seen:
            raise OddError(f"location stands twice: id {location.key}")
        self._seen.add(location.key.casefold())
        self.currencies[write_location(self._writer, location, self._tariffs)] += 1
        self.zones[location.row.time_zone] += 1
        self.countries[location.row.country] += 1


def add_tariffs(writer: CityWriter, files: _Files, map_: ImportMap, report: ImportReport) -> Tariffs:
    """Reads and writes the tariffs of the files, and the map's own as the default."""
    tariffs = Tariffs()
    if map_.tariff is not None:
        writer.add_tariff(default := tariffs.read(map_.tariff))
        tariffs.default = default["id"]
    for name, number, item in files.objects(files.tariffs):
        try:
            writer.add_tariff(tariffs.read(item))
        except OddError as error:
            report.leave_out(name, number, str(error))
    return tariffs


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder of OCPI objects; `line` in the report is the object's number in its file, from 1. Raises ValueError
    where no location could be used, or the column map is wrong."""
    report = ImportReport("OCPI Locations")
    map_ = read_map(source)
    files = _Files(source, report, progress)
    with CityWriter(target) as writer:
        city = _City(writer, add_tariffs(writer, files, map_, report))
        for name, number, item in files.objects(files.locations):
            report.rows += 1
            try:
                if geojson.is_feature(item):
                    item = geojson.location_of(item, map_.locations)
                location = read_location(item, map_.defaults)
                city.add(location)
            except OddError as error:
                report.leave_out(name, number, str(error))
                continue
            for odd in location.odd:
                report.leave_out(name, number, odd)
            for remark in location.remarks:
                report.remark(name, number, remark)
        report.kept = report.locations = writer.locations
        report.evses = writer.evses
        if not writer.locations:
            write_report(target, report)
            why = "; ".join(f"{count:,} {reason}" for reason, count in report.reasons().most_common(3))
            raise ValueError(f"none of {report.rows:,} locations could be used ({why}); see {target / 'import-report.csv'}")
        writer.finish(
            name=map_.name or source.name,
            time_zone=city.zones.most_common(1)[0][0],
            currency=city.currencies.most_common(1)[0][0],
            country=city.countries.most_common(1)[0][0],
            source={"what": "OCPI Locations", "files": ", ".join(path.name for path in files.locations)},
        )
    if len(city.zones) > 1:
        shown = ", ".join(f"{zone} ({count:,})" for zone, count in city.zones.most_common(5))
        report.notes.append(f"{len(city.zones)} time zones, each location in its own: {shown}")
    if files.other:
        shown = ", ".join(path.name for path in files.other[:5])
        report.notes.append(f"{len(files.other)} JSON files are neither locations nor tariffs and were not read: {shown}")
    write_report(target, report)
    return report
