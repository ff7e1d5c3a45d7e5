"""ChargePlace Scotland exports (Dundee City Council's open data) as a city folder.

Each outlet (CP ID and connector number) is an EVSE: outlets of one rapid charger do charge at once (PROBLEM.md). Standard
and power follow from the model and the connector number by the rule in `outlet`, which is stated in the city's notes; the
exports do not name connectors. Contains public sector information licensed under the Open Government Licence v3.0.
"""

import re
from collections import Counter
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from cities.csv_rows import Row, columns, csv_files, rows
from cities.folder import CityConnector, CityLocation, CitySession, ImportReport, ReportProgress, write_city, write_report
from cities.readings import Order, between, clock_time, date_order, number
from shared.web.fields import one_line

ZONE = ZoneInfo("Europe/London")
HEADER = ("Charging event", "CP ID", "Connector", "Start Date", "Start Time", "End Date", "End Time", "Total kWh")
LOCATIONS = ("Latitude", "Longitude", "Location", "CP ID")
MAX_HOURS = 24 * 14
BATTERY_KWH, MAX_KWH = 200.0, 2000.0
FREE = {"id": "FREE", "currency": "GBP", "elements": [{"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]}]}
"""Of places whose sessions cost nothing: a tariff that says so, since without one the price is not known."""
IMPLAUSIBLE = ("ends before it starts", "longer than 14 days", "kWh out of range")


def recognise(folder: Path) -> bool:
    """Whether the folder holds ChargePlace Scotland exports."""
    return bool(event_files(folder)) and location_file(folder) is not None


def event_files(folder: Path) -> list[Path]:
    """The exports of charging events in a folder."""
    return [path for path in csv_files(folder) if set(HEADER) <= columns(path)]


def location_file(folder: Path) -> Path | None:
    """The list of charge points with coordinates."""
    return next((path for path in csv_files(folder) if set(LOCATIONS) <= columns(path)), None)


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
        if not 0.1 <= power <= 4000:
            return None
        return "IEC_62196_T2", "SOCKET", "AC_1_PHASE" if power <= 7.4 else "AC_3_PHASE", power
    if "rapid" in text or "raption" in text:
        kinds = {
            "1": ("CHADEMO", "CABLE", "DC", 50.0),
            "2": ("IEC_62196_T2_COMBO", "CABLE", "DC", 50.0),
            "3": ("IEC_62196_T2", "CABLE", "AC_3_PHASE", 43.0),
        }
        return kinds.get(connector)
    return None


def _dates(path: Path) -> Order:
    """In which order the file writes day, month and year."""
    return date_order(row.values[name] for row in rows(path) for name in ("Start Date", "End Date") if name in row.values)


def _times(values: dict[str, str], order: Order) -> tuple[datetime, datetime] | str:
    """Start and end with their offsets, or why there are none."""
    try:
        start = clock_time(values["Start Date"], values["Start Time"], order)
    except ValueError:
        return "start is not a time"
    try:
        end = clock_time(values["End Date"], values["End Time"], order)
    except ValueError:
        return "end is not a time" if values["End Date"] else "no end"
    first, last = between(start, end, ZONE)
    if last.timestamp() < first.timestamp():
        return "ends before it starts"
    if last.timestamp() - first.timestamp() > MAX_HOURS * 3600:
        return "longer than 14 days"
    return first, last


def _session(row: Row, seen: set[str], order: Order) -> CitySession | str:
    """The session of a row, or why it is none."""
    values = row.values
    missing = next((name for name in HEADER if name not in values), None)
    if missing is not None:
        return f"row too short: it has no {missing}"
    if not values["Charging event"]:
        return "no event id"
    if values["Charging event"] in seen:
        return "duplicate event"
    if not values["CP ID"]:
        return "no CP ID"
    if not re.fullmatch(r"\d{1,3}", values["Connector"], re.ASCII):
        return "no connector number"
    times = _times(values, order)
    if isinstance(times, str):
        return times
    try:
        energy = number(values["Total kWh"], ".")
    except ValueError:
        return "kWh is not a number"
    if not 0 <= energy <= most_kwh(values, times):
        return "kWh out of range"
    seen.add(values["Charging event"])
    evse = f"{values['CP ID']}-{values['Connector']}"
    return CitySession(values["Charging event"], evse, *times, energy)


def most_kwh(values: dict[str, str], times: tuple[datetime, datetime]) -> float:
    """What a session may have drawn: what no battery is above, or what its outlet gives in its time."""
    kind = outlet(values.get("Model", ""), values["Connector"])
    hours = (times[1] - times[0]).total_seconds() / 3600
    return min(MAX_KWH, max(BATTERY_KWH, hours * kind[3] if kind else 0.0))


def _names_cost(text: str) -> bool:
    """Whether a session's Cost says anything but that it was free."""
    try:
        return bool(text) and number(text.strip("£ "), ".") != 0
    except ValueError:
        return True


@cache
def _site(text: str) -> str:
    """A site's name, nothing where it is none that could be shown."""
    try:
        return one_line(text)
    except ValueError:
        return ""


def _points(path: Path, report: ImportReport) -> dict[str, tuple[float, float, str, str]]:
    """Coordinates, site and address by CP ID."""
    points = {}
    for row in rows(path, report):
        cp_id = re.sub(r"\D", "", row.values.get("CP ID", ""))
        try:
            point = float(row.values.get("Latitude", "")), float(row.values.get("Longitude", ""))
        except ValueError:
            report.leave_out(row.file, row.line, "charge point without coordinates")
            continue
        if not (-90 <= point[0] <= 90 and -180 <= point[1] <= 180) or point == (0.0, 0.0):
            report.leave_out(row.file, row.line, "charge point's coordinates are off the globe")
            continue
        try:
            texts = [one_line(row.values.get(name, "")) for name in ("Location", "Address")]
        except ValueError as error:
            report.leave_out(row.file, row.line, f"charge point's text: {error}")
            continue
        points[cp_id] = (*point, texts[0], texts[1])
    return points


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder of the exports. Where all sessions of a location were free of charge (Cost is 0 or empty) a tariff
    says so; where one names a cost, the location's price is not known. Local times get their offset; of a time that a clock
    change repeats the first is meant, unless the session then ended before it began. Raises ValueError where no session could
    be used."""
    report = ImportReport("ChargePlace Scotland")
    listed = location_file(source)
    assert listed is not None
    points = _points(listed, report)
    files = event_files(source)
    seen: set[str] = set()
    sessions: list[CitySession] = []
    sites: dict[str, Counter[str]] = {}
    models: dict[str, Counter[str]] = {}
    paid: Counter[str] = Counter()
    for done, path in enumerate(files):
        progress(path.name, done, len(files))
        order = _dates(path)
        for row in rows(path, report):
            report.rows += 1
            # What a session cost that is left out for another reason is what charging costs there.
            paid[row.values.get("CP ID", "")] += _names_cost(row.values.get("Cost", ""))
            session = _session(row, seen, order)
            if isinstance(session, str):
                report.leave_out(row.file, row.line, session)
                continue
            cp_id = row.values["CP ID"]
            if cp_id not in points:
                report.leave_out(row.file, row.line, f"charge point has no coordinates: CP ID {cp_id}")
                continue
            if outlet(row.values.get("Model", ""), row.values["Connector"]) is None:
                report.leave_out(
                    row.file, row.line, f"outlet not known: {row.values.get('Model', '')}, {row.values['Connector']}"
                )
                continue
            sites.setdefault(cp_id, Counter())[_site(row.values.get("Site", "")) or points[cp_id][2]] += 1
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
    if not sessions:
        write_report(target, report)
        raise ValueError(f"none of {report.rows:,} rows could be used; see {target / 'import-report.csv'}")
    _write(target, report, points, sites, models, sessions, {cp_id for cp_id, count in paid.items() if count})
    report.notes.append(f"{paid.total():,} of {report.rows:,} sessions name a cost")
    write_report(target, report)
    return report


def _write(
    target: Path,
    report: ImportReport,
    points: dict[str, tuple[float, float, str, str]],
    sites: dict[str, Counter[str]],
    models: dict[str, Counter[str]],
    sessions: list[CitySession],
    paid: set[str],
) -> None:
    """`paid`: the charge points that are not free of charge."""
    site_of = {cp_id: names.most_common(1)[0][0] for cp_id, names in sites.items()}
    members: dict[str, list[str]] = {}
    for cp_id, site in sorted(site_of.items()):
        members.setdefault(site, []).append(cp_id)
    location_of: dict[str, str] = {}
    locations = []
    for place, (site, cp_ids) in enumerate(sorted(members.items()), 1):
        location = f"CPS{place:03d}"
        latitude = sum(points[cp_id][0] for cp_id in cp_ids) / len(cp_ids)
        longitude = sum(points[cp_id][1] for cp_id in cp_ids) / len(cp_ids)
        locations.append(
            CityLocation(location, site.removesuffix(", Dundee"), points[cp_ids[0]][3], round(latitude, 6), round(longitude, 6))
        )
        location_of |= dict.fromkeys(cp_ids, location)
    priced = {location_of[cp_id] for cp_id in paid if cp_id in location_of}
    evses, connectors = {}, []
    for evse in sorted(models):
        cp_id, connector = evse.rsplit("-", 1)
        kind = outlet(models[evse].most_common(1)[0][0], connector)
        assert kind is not None
        evses[evse] = location_of[cp_id]
        connectors.append(CityConnector(evse, connector, *kind))
    report.locations, report.evses = len(locations), len(evses)
    free = [item for item in connectors if evses[item.evse_id] not in priced]
    if priced:
        report.notes.append(
            f"price not known at {', '.join(sorted(priced))}, {len(connectors) - len(free)} of {len(connectors)} connectors: "
            "sessions there name a cost; the others are free of charge"
        )
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
        tariffs={"tariffs": [FREE], "connectors": {f"{item.evse_id}/{item.connector_id}": [FREE["id"]] for item in free}},
        source={
            "what": "ChargePlace Scotland charging events, Dundee City Council open data",
            "licence": "Contains public sector information licensed under the Open Government Licence v3.0",
            "rule": "each outlet (CP ID and connector number) is an EVSE; standard and power by model and number",
        },
    )
