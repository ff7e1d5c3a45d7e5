"""ChargePlace Scotland exports (Dundee City Council's open data) as a city folder.

Each outlet (CP ID and connector number) is an EVSE: outlets of one rapid charger do charge at once (PROBLEM.md). Standard
and power follow from the model and the connector number by the rule in `outlet`, which is stated in the city's notes; the
exports do not name connectors. Contains public sector information licensed under the Open Government Licence v3.0.
"""

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cities.folder import CityConnector, CityLocation, CitySession, ImportReport, ReportProgress, write_city, write_report

ZONE = ZoneInfo("Europe/London")
HEADER = ("Charging event", "CP ID", "Connector", "Start Date", "Start Time", "End Date", "End Time", "Total kWh")
LOCATIONS = ("Latitude", "Longitude", "Location", "CP ID")
MAX_HOURS = 24 * 14
IMPLAUSIBLE = ("ends before it starts", "longer than 14 days", "kWh out of range")


@dataclass(frozen=True)
class Row:
    """A charging event as it stands in an export."""

    file: str
    line: int
    values: dict[str, str]


def recognise(folder: Path) -> bool:
    """Whether the folder holds ChargePlace Scotland exports."""
    return bool(event_files(folder)) and location_file(folder) is not None


def _text(path: Path) -> str:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def _header(path: Path) -> list[str]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        first = file.readline().decode("utf-8-sig", errors="replace")
    return next(csv.reader([first]), [])


def _csv_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith((".csv", ".csv.gz")))


def event_files(folder: Path) -> list[Path]:
    """The exports of charging events in a folder."""
    return [path for path in _csv_files(folder) if set(HEADER) <= {name.strip() for name in _header(path)}]


def location_file(folder: Path) -> Path | None:
    """The list of charge points with coordinates."""
    return next((path for path in _csv_files(folder) if set(LOCATIONS) <= {name.strip() for name in _header(path)}), None)


def _rows(path: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(path)))
    for values in reader:
        yield Row(
            path.name,
            reader.line_num,
            {
                (key or "").strip(): (value or "").strip()
                for key, value in values.items()
                if isinstance(value, str) or value is None
            },
        )


def outlet(model: str, connector: str) -> tuple[str, str, str, float] | None:
    """(standard, format, power type, kW) of an outlet, None where the model is not known.

    APT's dual outlets have two Type 2 sockets of the power in their name. Its triple rapid has 1 CHAdeMO 50 kW, 2 CCS
    50 kW, 3 Type 2 AC 43 kW; its dual rapid 1 CHAdeMO, 2 CCS; a 50 kW Raption the same as the triple. The order is that of
    the manufacturer's data sheets; the exports themselves only number the outlets.
    """
    text = model.lower()
    power_named = re.search(r"(\d+(?:\.\d+)?)\s*kw", text)
    if "dual outlet" in text or "single outlet" in text:
        power = float(power_named.group(1)) if power_named else 7.0
        return "IEC_62196_T2", "SOCKET", "AC_1_PHASE" if power <= 7.4 else "AC_3_PHASE", power
    if "rapid" in text or "raption" in text:
        kinds = {
            "1": ("CHADEMO", "CABLE", "DC", 50.0),
            "2": ("IEC_62196_T2_COMBO", "CABLE", "DC", 50.0),
            "3": ("IEC_62196_T2", "CABLE", "AC_3_PHASE", 43.0),
        }
        return kinds.get(connector)
    return None


def _instant(date: str, time: str) -> datetime | None:
    for pattern in ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(f"{date} {time}", pattern).replace(tzinfo=ZONE)
        except ValueError:
            continue
    return None


def _session(row: Row, seen: set[str]) -> CitySession | str:
    """The session of a row, or why it is none."""
    values = row.values
    if not values["Charging event"]:
        return "no event id"
    if values["Charging event"] in seen:
        return "duplicate event"
    if not values["CP ID"]:
        return "no CP ID"
    if not values["Connector"]:
        return "no connector number"
    start = _instant(values["Start Date"], values["Start Time"])
    end = _instant(values["End Date"], values["End Time"])
    if start is None:
        return "start is not a time"
    if end is None:
        return "no end" if not values["End Date"] else "end is not a time"
    if end.timestamp() < start.timestamp():
        return "ends before it starts"
    if end.timestamp() - start.timestamp() > MAX_HOURS * 3600:
        return "longer than 14 days"
    try:
        energy = float(values["Total kWh"])
    except ValueError:
        return "kWh is not a number"
    if not 0 <= energy <= 200:
        return "kWh out of range"
    seen.add(values["Charging event"])
    evse = f"{values['CP ID']}-{values['Connector']}"
    return CitySession(values["Charging event"], evse, start, end, energy)


def _points(path: Path, report: ImportReport) -> dict[str, tuple[float, float, str, str]]:
    """Coordinates, site and address by CP ID."""
    points = {}
    for row in _rows(path):
        cp_id = re.sub(r"\D", "", row.values["CP ID"])
        try:
            point = float(row.values["Latitude"]), float(row.values["Longitude"])
        except ValueError:
            report.leave_out(row.file, row.line, "charge point without coordinates")
            continue
        if not (-90 <= point[0] <= 90 and -180 <= point[1] <= 180) or point == (0.0, 0.0):
            report.leave_out(row.file, row.line, "charge point's coordinates are off the globe")
            continue
        points[cp_id] = (*point, row.values["Location"], row.values.get("Address", ""))
    return points


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder of the exports. Charging was free of charge in them (Cost is 0 or empty), so there is no
    tariff. Local times get their offset; a time that a clock change makes ambiguous is taken as the first."""
    report = ImportReport("ChargePlace Scotland")
    listed = location_file(source)
    assert listed is not None
    points = _points(listed, report)
    files = event_files(source)
    seen: set[str] = set()
    sessions: list[CitySession] = []
    sites: dict[str, Counter[str]] = {}
    models: dict[str, Counter[str]] = {}
    paid = 0
    for number, path in enumerate(files):
        progress(path.name, number, len(files))
        for row in _rows(path):
            report.rows += 1
            session = _session(row, seen)
            if isinstance(session, str):
                report.leave_out(row.file, row.line, session)
                continue
            cp_id = row.values["CP ID"]
            if cp_id not in points:
                report.leave_out(row.file, row.line, f"charge point has no coordinates: CP ID {cp_id}")
                continue
            if outlet(row.values["Model"], row.values["Connector"]) is None:
                report.leave_out(row.file, row.line, f"outlet not known: {row.values['Model']}, {row.values['Connector']}")
                continue
            paid += row.values["Cost"] not in ("", "0", "0.0", "0.00")
            sites.setdefault(cp_id, Counter())[row.values["Site"] or points[cp_id][2]] += 1
            models.setdefault(session.evse_id, Counter())[row.values["Model"]] += 1
            sessions.append(session)
    progress("done", len(files), len(files))
    report.kept = len(sessions)
    readable = report.kept + sum(report.reasons()[reason] for reason in IMPLAUSIBLE)
    empty = sum(1 for item in sessions if item.energy_kwh == 0 or item.end == item.start)
    report.notes.append(
        f"{readable} events have all their fields; {readable - report.kept} of them are implausible and left out, "
        f"{empty} kept ones drew nothing or lasted less than a minute"
    )
    _write(target, report, points, sites, models, sessions)
    report.notes.append(f"{paid} of {report.kept} sessions name a cost; the city has no tariff, charging is free in it")
    write_report(target, report)
    return report


def _write(
    target: Path,
    report: ImportReport,
    points: dict[str, tuple[float, float, str, str]],
    sites: dict[str, Counter[str]],
    models: dict[str, Counter[str]],
    sessions: list[CitySession],
) -> None:
    site_of = {cp_id: names.most_common(1)[0][0] for cp_id, names in sites.items()}
    members: dict[str, list[str]] = {}
    for cp_id, site in sorted(site_of.items()):
        members.setdefault(site, []).append(cp_id)
    location_of: dict[str, str] = {}
    locations = []
    for number, (site, cp_ids) in enumerate(sorted(members.items())):
        location = f"CPS{number + 1:03d}"
        latitude = sum(points[cp_id][0] for cp_id in cp_ids) / len(cp_ids)
        longitude = sum(points[cp_id][1] for cp_id in cp_ids) / len(cp_ids)
        locations.append(
            CityLocation(location, site.removesuffix(", Dundee"), points[cp_ids[0]][3], round(latitude, 6), round(longitude, 6))
        )
        location_of |= dict.fromkeys(cp_ids, location)
    evses, connectors = {}, []
    for evse in sorted(models):
        cp_id, connector = evse.rsplit("-", 1)
        kind = outlet(models[evse].most_common(1)[0][0], connector)
        assert kind is not None
        evses[evse] = location_of[cp_id]
        connectors.append(CityConnector(evse, connector, *kind))
    report.locations, report.evses = len(locations), len(evses)
    names = {name for spellings in sites.values() for name in spellings}
    report.notes.append(
        f"{len(site_of)} charge points; {len(names)} spellings of sites became {len(locations)} locations: each charge point "
        "stands where most of its events name it"
    )
    write_city(
        target,
        name="Dundee",
        time_zone=str(ZONE),
        currency="GBP",
        country="GBR",
        locations=locations,
        connectors=connectors,
        evses=evses,
        sessions=sessions,
        source={
            "what": "ChargePlace Scotland charging events, Dundee City Council open data",
            "licence": "Contains public sector information licensed under the Open Government Licence v3.0",
            "rule": "each outlet (CP ID and connector number) is an EVSE; standard and power by model and number",
        },
        free_of_charge=True,
    )
