"""A city as the decision core sees it: arrays of locations and pools; and the city folder it is loaded from."""

import csv
import gzip
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from functions.stations.domain import Connector
from functions.stations.enums import ConnectorFormat, ConnectorType, PowerClass, PowerType, power_class
from functions.stations.opening import Hours
from functions.tariffs.domain import RANKS, Tariff
from shared.errors import FieldError, Invalid

STANDARD_BIT = {standard.value: number for number, standard in enumerate(ConnectorType)}
"""Each connector standard is a bit of an int64; the order is ConnectorType's."""
CLASS_INDEX = {name: number for number, name in enumerate(PowerClass)}
REFERENCE_PRICE_UNIT = 10.0
"""The price unit of the reference scenarios: about three times their median session price (PROBLEM.md, Cost)."""


def standard_bits(standards: Sequence[str]) -> int:
    """The bit mask of connector standards. Raises KeyError for a word that is not OCPI's."""
    mask = 0
    for standard in standards:
        mask |= 1 << STANDARD_BIT[standard]
    return mask


def unit_vectors(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Points in degrees as unit vectors from the centre of the earth: [N, 3]."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


@dataclass(frozen=True)
class City:
    """Locations [L] and pools [P] in arrays; a pool is location x connector standard x power class.

    `latitude`, `longitude` in degrees [L]; `pool_location` index into locations [P]; `pool_standard` bit number [P];
    `pool_power_kw` [P]; `capacity` EVSEs [P]; `price_unit` major currency units that weigh like one hour of waiting
    does by their weights (PROBLEM.md).
    """

    name: str
    time_zone: str
    currency: str
    price_unit: float
    location_ids: tuple[str, ...]
    latitude: np.ndarray
    longitude: np.ndarray
    pool_location: np.ndarray
    pool_standard: np.ndarray
    pool_power_kw: np.ndarray
    capacity: np.ndarray
    pools_of: np.ndarray = field(repr=False)
    """Pools of each location, padded with -1: [L, most pools of a location]."""
    evse_ids: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    """The EVSEs of each pool where the caller gave them: [P]. One with several connectors is in several pools."""

    @classmethod
    def build(
        cls,
        *,
        name: str,
        time_zone: str,
        currency: str,
        location_ids: Sequence[str],
        latitude: Sequence[float] | np.ndarray,
        longitude: Sequence[float] | np.ndarray,
        pool_location: Sequence[int] | np.ndarray,
        pool_standard: Sequence[int] | np.ndarray,
        pool_power_kw: Sequence[float] | np.ndarray,
        capacity: Sequence[int] | np.ndarray,
        price_unit: float = REFERENCE_PRICE_UNIT,
        evse_ids: Sequence[Sequence[str]] = (),
    ) -> "City":
        """A city from plain sequences."""
        where = np.asarray(pool_location, dtype=np.int64)
        groups: list[list[int]] = [[] for _ in location_ids]
        for pool, location in enumerate(where.tolist()):
            groups[location].append(pool)
        width = max((len(group) for group in groups), default=0) or 1
        padded = np.full((len(groups), width), -1, dtype=np.int64)
        for number, group in enumerate(groups):
            padded[number, : len(group)] = group
        return cls(
            name=name,
            time_zone=time_zone,
            currency=currency,
            price_unit=price_unit,
            location_ids=tuple(location_ids),
            latitude=np.asarray(latitude, dtype=np.float64),
            longitude=np.asarray(longitude, dtype=np.float64),
            pool_location=where,
            pool_standard=np.asarray(pool_standard, dtype=np.int64),
            pool_power_kw=np.asarray(pool_power_kw, dtype=np.float64),
            capacity=np.asarray(capacity, dtype=np.int64),
            pools_of=padded,
            evse_ids=tuple(tuple(group) for group in evse_ids),
        )

    @cached_property
    def location_standards(self) -> np.ndarray:
        """The connector standards of each location as a bit mask: [L]."""
        masks = np.zeros(len(self.location_ids), dtype=np.int64)
        np.bitwise_or.at(masks, self.pool_location, np.int64(1) << self.pool_standard)
        return masks

    @cached_property
    def directions(self) -> np.ndarray:
        """Each location as a unit vector from the centre of the earth: [L, 3]."""
        return unit_vectors(self.latitude, self.longitude)

    @cached_property
    def pool_class(self) -> np.ndarray:
        """The power class of each pool as its number in PowerClass: [P]."""
        return np.array([CLASS_INDEX[power_class(kw)] for kw in self.pool_power_kw.tolist()], dtype=np.int64)


@dataclass(frozen=True)
class FolderLocation:
    """A row of locations.csv with its EVSEs: (evse_id, connectors)."""

    location_id: str
    name: str
    address: str
    latitude: float
    longitude: float
    opening_times: Hours | None
    evses: tuple[tuple[str, tuple[Connector, ...]], ...]


@dataclass(frozen=True)
class FolderSession:
    """A row of sessions.csv: what was charged where and when."""

    session_id: str
    evse_id: str
    start: datetime
    end: datetime
    energy_kwh: float


@dataclass(frozen=True)
class CityFolder:
    """A city folder in memory. `connector_tariffs` maps (evse_id, connector_id) to tariff ids; `generated` says that nobody
    lives there, `free_of_charge` that charging costs nothing where there is no tariff: else nobody knows what it costs."""

    path: Path
    name: str
    time_zone: str
    currency: str
    latitude: float
    longitude: float
    country: str
    generated: bool
    locations: tuple[FolderLocation, ...]
    tariffs: Mapping[str, Tariff]
    connector_tariffs: Mapping[tuple[str, str], tuple[str, ...]]
    default_tariff: str | None
    free_of_charge: bool = False

    def tariffs_of(self, evse_id: str, connector_id: str) -> tuple[Tariff, ...]:
        """The tariffs that stand on a connector, the default where it has none of its own."""
        default = () if self.default_tariff is None else (self.default_tariff,)
        return tuple(self.tariffs[item] for item in self.connector_tariffs.get((evse_id, connector_id), default))

    def tariff_of(self, evse_id: str, connector_id: str) -> Tariff | None:
        """The tariff that most sessions at a connector have, by its type; None where it has none."""
        return min(self.tariffs_of(evse_id, connector_id), key=lambda tariff: RANKS[tariff.type], default=None)


def city_of(folder: CityFolder, *, price_unit: float = REFERENCE_PRICE_UNIT) -> City:
    """A folder's locations and pools in arrays, pools in order of location, standard and power class.

    As `stations.domain.Location.pools` has it, an EVSE counts once in a pool, by its strongest connector, and a pool has
    the power of its weakest EVSE.
    """
    groups: dict[tuple[int, str, str], dict[str, float]] = {}
    for number, location in enumerate(folder.locations):
        for evse_id, connectors in location.evses:
            for connector in connectors:
                key = (number, connector.standard, power_class(connector.max_power_kw).value)
                group = groups.setdefault(key, {})
                group[evse_id] = max(group.get(evse_id, 0.0), connector.max_power_kw)
    keys = sorted(groups)
    return City.build(
        name=folder.name,
        time_zone=folder.time_zone,
        currency=folder.currency,
        location_ids=[location.location_id for location in folder.locations],
        latitude=[location.latitude for location in folder.locations],
        longitude=[location.longitude for location in folder.locations],
        pool_location=[number for number, _, _ in keys],
        pool_standard=[STANDARD_BIT[standard] for _, standard, _ in keys],
        pool_power_kw=[min(groups[key].values()) for key in keys],
        capacity=[len(groups[key]) for key in keys],
        price_unit=price_unit,
        evse_ids=[list(groups[key]) for key in keys],
    )


class _Rows:
    """A CSV file of the folder; every complaint names file, line and field."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8-sig")
        self._reader = csv.DictReader(io.StringIO(text))
        missing = [name for name in columns if name not in (self._reader.fieldnames or [])]
        if missing:
            raise Invalid.one(path.name, f"lacks the column {', '.join(missing)}")

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        for row in self._reader:
            yield self._reader.line_num, {key: (value or "").strip() for key, value in row.items() if key is not None}

    def number(self, line: int, row: dict[str, str], name: str, low: float, high: float) -> float:
        try:
            value = float(row[name])
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise self.wrong(line, name, f"must be a number from {low:g} to {high:g}, not {row[name]!r}")
        return value

    def word(self, line: int, row: dict[str, str], name: str, words: Any) -> str:
        try:
            value: str = words(row[name]).value
        except ValueError:
            raise self.wrong(line, name, f"{row[name]!r} is not one of OCPI's words") from None
        return value

    def wrong(self, line: int, name: str, what: str) -> Invalid:
        where = f"{self.path.name} line {line}, {name}"
        return Invalid(f"{where}: {what}", fields=[FieldError(where, what)])


def load_city(folder: Path) -> CityFolder:
    """Reads a city folder. Raises Invalid naming file, line and field for the first thing that is wrong."""
    settings = _toml(folder / "city.toml")
    hours = _json(folder / "opening_times.json", {})
    connectors = _connectors(folder / "connectors.csv")
    evses = _evses(folder / "evses.csv", connectors)
    locations = _locations(folder / "locations.csv", evses, hours)
    tariffs, assigned, default = _tariffs(folder / "tariffs.json")
    centre = settings.get("centre", {})
    for name in ("name", "time_zone", "currency"):
        if not isinstance(settings.get(name), str):
            raise Invalid.one(f"city.toml {name}", "must be given")
    if not isinstance(centre, dict) or not {"latitude", "longitude"} <= set(centre):
        raise Invalid.one("city.toml centre", "must have latitude and longitude")
    return CityFolder(
        path=folder,
        name=settings["name"],
        time_zone=settings["time_zone"],
        currency=settings["currency"],
        latitude=float(centre["latitude"]),
        longitude=float(centre["longitude"]),
        country=settings.get("country", ""),
        generated=bool(settings.get("generated", False)),
        locations=locations,
        tariffs=tariffs,
        connector_tariffs=assigned,
        default_tariff=default,
        free_of_charge=bool(settings.get("free_of_charge", False)),
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise Invalid.one("city.toml", f"is not in {path.parent}: not a city folder") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid.one("city.toml", str(error)) from error


def _json(path: Path, default: Any) -> Any:
    if not path.exists():
        return default
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise Invalid.one(path.name, str(error)) from error


def _connectors(path: Path) -> dict[str, list[Connector]]:
    rows = _Rows(path, ("evse_id", "connector_id", "standard", "format", "power_type", "max_power_kw"))
    connectors: dict[str, list[Connector]] = {}
    for line, row in rows:
        connector = Connector(
            row["connector_id"],
            rows.word(line, row, "standard", ConnectorType),
            rows.word(line, row, "format", ConnectorFormat),
            rows.word(line, row, "power_type", PowerType),
            rows.number(line, row, "max_power_kw", 0.1, 4000),
        )
        group = connectors.setdefault(row["evse_id"], [])
        if any(other.connector_id == connector.connector_id for other in group):
            raise rows.wrong(line, "connector_id", f"{connector.connector_id!r} stands twice for EVSE {row['evse_id']}")
        group.append(connector)
    return connectors


def _evses(path: Path, connectors: dict[str, list[Connector]]) -> dict[str, list[tuple[str, tuple[Connector, ...]]]]:
    rows = _Rows(path, ("evse_id", "location_id"))
    evses: dict[str, list[tuple[str, tuple[Connector, ...]]]] = {}
    seen: set[str] = set()
    for line, row in rows:
        if row["evse_id"] in seen:
            raise rows.wrong(line, "evse_id", f"{row['evse_id']!r} stands twice")
        if row["evse_id"] not in connectors:
            raise rows.wrong(line, "evse_id", f"{row['evse_id']!r} has no connector")
        seen.add(row["evse_id"])
        evses.setdefault(row["location_id"], []).append((row["evse_id"], tuple(connectors[row["evse_id"]])))
    return evses


def _locations(path: Path, evses: dict[str, Any], hours: dict[str, Any]) -> tuple[FolderLocation, ...]:
    rows = _Rows(path, ("location_id", "name", "address", "latitude", "longitude"))
    locations: dict[str, FolderLocation] = {}
    for line, row in rows:
        location_id = row["location_id"]
        if location_id in locations:
            raise rows.wrong(line, "location_id", f"{location_id!r} stands twice")
        try:
            opening = Hours.model_validate(hours[location_id]) if location_id in hours else None
        except ValidationError as error:
            raise Invalid.one(f"opening_times.json {location_id}", str(error.errors()[0]["msg"])) from error
        locations[location_id] = FolderLocation(
            location_id=location_id,
            name=row["name"],
            address=row["address"],
            latitude=rows.number(line, row, "latitude", -90, 90),
            longitude=rows.number(line, row, "longitude", -180, 180),
            opening_times=opening,
            evses=tuple(evses.get(location_id, ())),
        )
    unknown = sorted(set(evses) - set(locations))
    if unknown:
        raise Invalid.one("evses.csv location_id", f"{unknown[0]!r} is not in locations.csv")
    return tuple(locations.values())


def _tariffs(path: Path) -> tuple[dict[str, Tariff], dict[tuple[str, str], tuple[str, ...]], str | None]:
    document = _json(path, {"tariffs": []})
    if isinstance(document, list):
        document = {"tariffs": document, "default": [item.get("id") for item in document[:1]]}
    tariffs: dict[str, Tariff] = {}
    for number, item in enumerate(document.get("tariffs", [])):
        try:
            tariff = Tariff.model_validate(item)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Invalid.one(f"tariffs.json tariffs.{number}.{where}", str(first["msg"])) from error
        tariffs[tariff.id] = tariff
    assigned = {}
    for name, ids in document.get("connectors", {}).items():
        evse, _, connector = name.rpartition("/")
        if not ids or any(item not in tariffs for item in ids):
            raise Invalid.one(f"tariffs.json connectors.{name}", f"{ids!r} names no tariff of the file")
        assigned[evse, connector] = tuple(ids)
    default = next(iter(document.get("default", [])), None)
    if default is not None and default not in tariffs:
        raise Invalid.one("tariffs.json default", f"{default!r} names no tariff of the file")
    return tariffs, assigned, default


def load_sessions(folder: Path) -> list[FolderSession]:
    """The folder's sessions in order of start; none where it has no sessions file. Raises Invalid."""
    path = next((folder / name for name in ("sessions.csv", "sessions.csv.gz") if (folder / name).exists()), None)
    if path is None:
        return []
    rows = _Rows(path, ("session_id", "evse_id", "start", "end", "energy_kwh"))
    sessions = []
    for line, row in rows:
        instants = []
        for name in ("start", "end"):
            try:
                instant = datetime.fromisoformat(row[name])
            except ValueError:
                raise rows.wrong(line, name, f"{row[name]!r} is not a time") from None
            if instant.tzinfo is None:
                raise rows.wrong(line, name, f"{row[name]!r} has no offset")
            instants.append(instant)
        energy = rows.number(line, row, "energy_kwh", 0, 2000)
        sessions.append(FolderSession(row["session_id"], row["evse_id"], instants[0], instants[1], energy))
    return sorted(sessions, key=lambda session: (session.start, session.session_id))
