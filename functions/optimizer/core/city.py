"""A city as the decision core sees it: arrays of locations and pools; and the city folder it is loaded from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from functions.optimizer.core.city_files import (
    CITY_NAME,
    CURRENCY,
    OWN,
    ZONE,
    LocationEvses,
    Rows,
    read_connectors,
    read_evses,
    read_json,
    read_tariffs,
    read_toml,
    said,
)
from functions.stations.domain import UNUSABLE, Connector
from functions.stations.enums import ConnectorType, EvseStatus, PowerClass, power_class
from functions.stations.opening import Hours
from functions.tariffs.domain import RANKS, Tariff
from shared.errors import Invalid

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
    `pool_power_kw` [P]; `capacity` EVSEs [P]; `shortest_min` minutes that a booking takes at least [P]; `price_unit` major
    currency units that weigh like one hour of waiting does by their weights (PROBLEM.md).
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
    shortest_min: np.ndarray
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
        shortest_min: Sequence[float] = (),
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
            shortest_min=np.asarray(shortest_min, dtype=np.float64) if len(shortest_min) else np.zeros(len(where)),
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
    """A row of locations.csv with its EVSEs: (evse_id, connectors). `city`, `country`, `time_zone` and `currency` are empty
    where the folder's count; `uids` and `statuses` (OCPI's words) are by evse_id, of those for which evses.csv says one."""

    location_id: str
    name: str
    address: str
    latitude: float
    longitude: float
    opening_times: Hours | None
    evses: tuple[tuple[str, tuple[Connector, ...]], ...]
    city: str = ""
    country: str = ""
    time_zone: str = ""
    currency: str = ""
    uids: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)

    def usable(self) -> tuple[tuple[str, tuple[Connector, ...]], ...]:
        """The EVSEs that can be booked, by their status."""
        return tuple(item for item in self.evses if EvseStatus(self.statuses.get(item[0], "AVAILABLE")) not in UNUSABLE)


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
        for evse_id, connectors in location.usable():
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


def load_city(folder: Path) -> CityFolder:
    """Reads a city folder. Raises Invalid naming file, line and field for the first thing that is wrong; a tariff in another
    currency than a location that it stands at is.
    """
    settings = read_toml(folder / "city.toml")
    hours = read_json(folder / "opening_times.json", {})
    connectors = read_connectors(folder / "connectors.csv")
    evses = read_evses(folder / "evses.csv", connectors)
    locations = _locations(folder / "locations.csv", evses, hours)
    tariffs, assigned, default = read_tariffs(folder / "tariffs.json", connectors)
    centre = settings.get("centre", {})
    for name, kind in (("name", CITY_NAME), ("time_zone", ZONE), ("currency", CURRENCY)):
        if not isinstance(settings.get(name), str):
            raise Invalid.one(f"city.toml {name}", "must be given")
        try:
            settings[name] = kind.validate_python(settings[name])
        except ValidationError as error:
            raise Invalid.one(f"city.toml {name}", said(error)) from None
    if not isinstance(centre, dict) or not {"latitude", "longitude"} <= set(centre):
        raise Invalid.one("city.toml centre", "must have latitude and longitude")
    city = CityFolder(
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
    _check_currencies(city)
    return city


def _check_currencies(city: CityFolder) -> None:
    """A tariff is in the currency of every location that it stands at, as the API has it. Raises Invalid."""
    for location in city.locations:
        currency = location.currency or city.currency
        for evse, plugs in location.evses:
            for plug in plugs:
                for tariff in city.tariffs_of(evse, plug.connector_id):
                    if tariff.currency != currency:
                        key = f"{evse}/{plug.connector_id}"
                        own = (evse, plug.connector_id) in city.connector_tariffs
                        raise Invalid.one(
                            f"tariffs.json {f'connectors.{key}' if own else 'default'}",
                            f"{tariff.id!r} must be in {currency} as location {location.location_id!r} of connector {key} is, "
                            f"not in {tariff.currency}",
                        )


def _locations(path: Path, evses: dict[str, LocationEvses], hours: dict[str, Any]) -> tuple[FolderLocation, ...]:
    rows = Rows(path, ("location_id", "name", "address", "latitude", "longitude"))
    locations: dict[str, FolderLocation] = {}
    for line, row in rows:
        location_id = row["location_id"]
        if location_id in locations:
            raise rows.wrong(line, "location_id", f"{location_id!r} stands twice")
        try:
            opening = Hours.model_validate(hours[location_id]) if location_id in hours else None
        except ValidationError as error:
            raise Invalid.one(f"opening_times.json {location_id}", str(error.errors()[0]["msg"])) from error
        own = evses.get(location_id, LocationEvses())
        locations[location_id] = FolderLocation(
            location_id=location_id,
            name=rows.text(line, row, "name"),
            address=rows.text(line, row, "address"),
            latitude=rows.number(line, row, "latitude", -90, 90),
            longitude=rows.number(line, row, "longitude", -180, 180),
            opening_times=opening,
            evses=tuple(own.evses),
            city=rows.text(line, row, "city"),
            uids=own.uids,
            statuses=own.statuses,
            **{name: rows.checked(line, row, name, kind) for name, kind in OWN.items() if row.get(name)},
        )
    unknown = sorted(set(evses) - set(locations))
    if unknown:
        raise Invalid.one("evses.csv location_id", f"{unknown[0]!r} is not in locations.csv")
    return tuple(locations.values())


def load_sessions(folder: Path) -> list[FolderSession]:
    """The folder's sessions in order of start; none where it has no sessions file. Raises Invalid."""
    path = next((folder / name for name in ("sessions.csv", "sessions.csv.gz") if (folder / name).exists()), None)
    if path is None:
        return []
    rows = Rows(path, ("session_id", "evse_id", "start", "end", "energy_kwh"))
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
