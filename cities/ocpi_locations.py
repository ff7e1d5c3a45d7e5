"""OCPI Locations (2.2.1 or 2.3.0), a list or a response with `data`, and optionally Tariffs, as a city folder."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cities.folder import CityConnector, CityLocation, ImportReport, ReportProgress, write_city, write_report
from functions.stations.enums import ConnectorFormat, ConnectorType, PowerType
from functions.stations.opening import Hours
from functions.tariffs.domain import Tariff


def _objects(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return []
    if isinstance(document, dict):
        document = document.get("data", [])
    return [item for item in document if isinstance(item, dict)] if isinstance(document, list) else []


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    locations, tariffs = [], []
    for path in sorted(folder.glob("*.json")):
        objects = _objects(path)
        if any({"coordinates", "evses"} <= set(item) for item in objects):
            locations.append(path)
        elif any({"elements", "currency"} <= set(item) for item in objects):
            tariffs.append(path)
    return locations, tariffs


def recognise(folder: Path) -> bool:
    """Whether the folder holds OCPI Locations."""
    return bool(_files(folder)[0])


def _connector(evse: str, item: dict[str, Any]) -> CityConnector | str:
    try:
        standard = ConnectorType(item.get("standard", ""))
        form = ConnectorFormat(item.get("format", ""))
        power_type = PowerType(item.get("power_type", ""))
    except ValueError as error:
        return f"connector {item.get('id')}: {error}"
    power = item.get("max_electric_power")
    if power is None:
        voltage, amperage = item.get("max_voltage"), item.get("max_amperage")
        if not isinstance(voltage, int | float) or not isinstance(amperage, int | float):
            return f"connector {item.get('id')}: no max_electric_power, nor max_voltage and max_amperage"
        # OCPI: voltage is line to neutral for three phases, amperage is per phase.
        power = voltage * amperage * (3 if power_type is PowerType.AC_3_PHASE else 1)
    if not 100 <= power <= 4_000_000:
        return f"connector {item.get('id')}: {power} W is not a plausible power"
    return CityConnector(evse, str(item.get("id", "1")), standard.value, form.value, power_type.value, power / 1000)


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder of OCPI objects; `line` in the report is the object's number in its file, from 1."""
    report = ImportReport("OCPI Locations")
    location_files, tariff_files = _files(source)
    locations: list[CityLocation] = []
    connectors: list[CityConnector] = []
    evses: dict[str, str] = {}
    assigned: dict[str, list[str]] = {}
    zones: dict[str, int] = {}
    countries: dict[str, int] = {}
    for number, path in enumerate(location_files):
        progress(path.name, number, len(location_files))
        for line, item in enumerate(_objects(path), 1):
            report.rows += 1
            location = _location(item)
            if isinstance(location, str):
                report.leave_out(path.name, line, location)
                continue
            evses_found = _evses(item, location.location_id, path.name, line, report, set(evses))
            if not evses_found:
                report.leave_out(path.name, line, f"location {location.location_id}: no usable EVSE")
                continue
            for evse, evse_connectors, ids_by_connector in evses_found:
                evses[evse] = location.location_id
                connectors += evse_connectors
                assigned |= {
                    f"{evse}/{plug.connector_id}": tariff_ids
                    for plug, tariff_ids in zip(evse_connectors, ids_by_connector, strict=True)
                    if tariff_ids
                }
            locations.append(location)
            zones[item.get("time_zone", "")] = zones.get(item.get("time_zone", ""), 0) + 1
            countries[item.get("country", "")] = countries.get(item.get("country", ""), 0) + 1
    progress("done", len(location_files), len(location_files))
    tariffs = _tariffs(tariff_files, report)
    known = {name: [tariff_id for tariff_id in tariff_ids if tariff_id in tariffs] for name, tariff_ids in assigned.items()}
    report.kept, report.locations, report.evses = len(locations), len(locations), len(evses)
    if not locations:
        write_report(_created(target), report)
        raise ValueError(f"none of {report.rows} locations could be used; see {target / 'import-report.csv'}")
    write_city(
        target,
        name=source.name,
        time_zone=max(zones, key=lambda zone: zones[zone]) or "UTC",
        currency=next((item["currency"] for item in tariffs.values()), "EUR"),
        country=max(countries, key=lambda country: countries[country]),
        locations=locations,
        connectors=connectors,
        evses=evses,
        tariffs={
            "tariffs": list(tariffs.values()),
            "connectors": {name: tariff_ids for name, tariff_ids in known.items() if tariff_ids},
            "default": [],
        },
        source={"what": "OCPI Locations", "files": ", ".join(path.name for path in location_files)},
    )
    if len([zone for zone in zones if zone]) > 1:
        report.notes.append(f"time zones {sorted(zones)}: the city has the most frequent one")
    write_report(target, report)
    return report


def _created(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _location(item: dict[str, Any]) -> CityLocation | str:
    point = item.get("coordinates") or {}
    try:
        latitude, longitude = float(point["latitude"]), float(point["longitude"])
    except (KeyError, TypeError, ValueError):
        return "coordinates are not readable"
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return "coordinates are off the globe"
    if not item.get("id"):
        return "no id"
    hours = item.get("opening_times")
    if hours is not None:
        try:
            hours = Hours.model_validate(hours).model_dump(mode="json")
        except ValidationError as error:
            return f"opening_times: {error.errors()[0]['msg']}"
    address = ", ".join(str(item[name]) for name in ("address", "city") if item.get(name))
    return CityLocation(str(item["id"]), str(item.get("name") or address or item["id"]), address, latitude, longitude, hours)


def _evses(
    item: dict[str, Any], location: str, file: str, line: int, report: ImportReport, taken: set[str]
) -> list[tuple[str, list[CityConnector], list[list[str]]]]:
    usable = []
    for evse in item.get("evses") or []:
        uid = str(evse.get("uid") or "")
        name = uid if uid not in taken else f"{location}*{uid}"
        plugs, tariff_ids = [], []
        for plug in evse.get("connectors") or []:
            connector = _connector(name, plug)
            if isinstance(connector, str):
                report.leave_out(file, line, f"{connector} (EVSE {uid})")
                continue
            plugs.append(connector)
            tariff_ids.append([str(tariff_id) for tariff_id in plug.get("tariff_ids") or []])
        if not uid or evse.get("status") in ("REMOVED", "PLANNED"):
            report.leave_out(file, line, f"EVSE {uid or 'without uid'}: {evse.get('status', 'no uid')}")
        elif plugs:
            taken.add(name)
            usable.append((name, plugs, tariff_ids))
    return usable


def _tariffs(paths: list[Path], report: ImportReport) -> dict[str, dict[str, Any]]:
    tariffs = {}
    for path in paths:
        for line, item in enumerate(_objects(path), 1):
            try:
                tariff = Tariff.model_validate(item)
            except ValidationError as error:
                first = error.errors()[0]
                report.leave_out(path.name, line, f"tariff: {'.'.join(map(str, first['loc']))} {first['msg']}")
                continue
            tariffs[tariff.id] = tariff.model_dump(mode="json", exclude_none=True)
    return tariffs
