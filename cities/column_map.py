"""`import.toml` (or import.json) beside exports: which of their columns is what, and what counts where they say nothing.
docs/importing.md shows one of each kind.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cities.ocpi_objects import OddError
from cities.readings import AmbiguousError, Mark, number
from cities.regions import named_zone
from functions.tariffs.domain import Tariff

NAMES = ("import.toml", "import.json")
LocationField = Literal[
    "id",
    "country_code",
    "party_id",
    "name",
    "address",
    "city",
    "country",
    "latitude",
    "longitude",
    "time_zone",
    "currency",
    "uid",
    "status",
    "quantity",
    "connector_id",
    "standard",
    "format",
    "power_type",
    "max_power_kw",
    "tariff_id",
]
SessionField = Literal[
    "id", "location", "uid", "start", "start_date", "start_time", "end", "end_date", "end_time", "energy_kwh", "energy_wh"
]
Words = dict[str, dict[str, str]]


class _Map(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LocationsMap(_Map):
    """Which files have charge points (a row a connector, or features of a GeoJSON), and how."""

    files: list[str] = ["*.csv", "*.csv.gz"]
    columns: Annotated[dict[LocationField, str], Field(min_length=1)]
    """Their column by our field."""
    constants: dict[LocationField, str] = {}
    """What counts where a row says nothing."""
    decimal: Mark | None = None
    """The decimal mark of numbers that can be read two ways; unset: that of the file's other numbers."""
    words: Words = {}
    """By field: our word for theirs, such as standard."Type 2" = "IEC_62196_T2"."""


class SessionsMap(_Map):
    """Which files have sessions, and how."""

    files: list[str]
    columns: Annotated[dict[SessionField, str], Field(min_length=1)]
    dates: Literal["DMY", "MDY", "YMD"] | None = None
    """The order of day, month and year; unset: what the file's own dates leave possible, and no years of two digits."""
    decimal: Mark | None = None
    """The decimal mark of numbers that can be read two ways; unset: that of the file's other numbers."""
    time_zone: str | None = None
    """Of times without an offset; unset: the location's."""


class ImportMap(_Map):
    """The file."""

    name: str | None = None
    """The city's."""
    defaults: dict[Literal["country_code", "party_id", "city", "country", "time_zone", "currency"], str] = {}
    """Members that count where a location has none."""
    tariff: dict[str, Any] | None = None
    """An OCPI Tariff for every connector that names none that is there."""
    locations: LocationsMap | None = None
    sessions: SessionsMap | None = None


def read_map(folder: Path) -> ImportMap:
    """The map beside a folder's exports; an empty one where there is none. Raises ValueError naming file and member."""
    path = next((folder / name for name in NAMES if (folder / name).exists()), None)
    if path is None:
        return ImportMap()
    try:
        text = path.read_text("utf-8-sig")
        column_map = ImportMap.model_validate(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text))
        if column_map.tariff is not None:
            Tariff.model_validate(column_map.tariff)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path.name} {where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    zone = column_map.sessions.time_zone if column_map.sessions else None
    if zone is not None and named_zone(zone) is None:
        raise ValueError(f"{path.name} sessions.time_zone: {zone!r} is not an IANA time zone such as Europe/Amsterdam")
    return column_map


def location_fields(row: Mapping[str, Any], locations: LocationsMap | None) -> dict[str, Any]:
    """A row in our fields: by the map, or, without one, those of its columns that are called as ours."""
    if locations is None:
        names = LocationField.__args__  # type: ignore[attr-defined]
        return {name: row[name] for name in names if row.get(name) not in (None, "")}
    fields: dict[str, Any] = {str(name): value for name, value in locations.constants.items()}
    for name, column in locations.columns.items():
        value = row.get(column)
        if isinstance(value, str):
            value = value.strip()
            value = locations.words.get(name, {}).get(value, value)
        if value not in (None, ""):
            fields[name] = value
    return fields


def location_object(fields: Mapping[str, Any], mark: Mark | None = None) -> dict[str, Any]:
    """Our fields of a charge point as an OCPI Location with its EVSEs of one connector: as many as `quantity` says. `mark` is
    the decimal mark of the file's numbers. Raises OddError."""
    names = ("id", "country_code", "party_id", "name", "address", "city", "country", "time_zone", "currency")
    # Degrees have no thousands: a comma in them is a decimal one.
    degrees = {name: fields[name] for name in ("latitude", "longitude") if name in fields}
    point = {name: value.replace(",", ".") if isinstance(value, str) else value for name, value in degrees.items()}
    return {name: fields[name] for name in names if name in fields} | {"coordinates": point, "evses": _evses(fields, mark)}


def _evses(fields: Mapping[str, Any], mark: Mark | None) -> list[dict[str, Any]]:
    connector = {name: fields[name] for name in ("standard", "format", "power_type") if name in fields}
    connector |= {"id": fields.get("connector_id", "1"), "tariff_id": fields.get("tariff_id")}
    power = _number(fields, "max_power_kw", None, mark)
    connector["max_electric_power"] = power * 1000 if isinstance(power, float) else power
    uid = str(fields.get("uid", fields.get("id", "")))
    status = fields.get("status", "AVAILABLE")
    quantity = _number(fields, "quantity", 1, mark)
    if not isinstance(quantity, float) or not 1 <= quantity <= MAX_QUANTITY or quantity != int(quantity):
        return [{"uid": uid, "status": status, "connectors": [f"quantity {fields['quantity']!r}"]}]
    uids = [uid] if quantity == 1 else [f"{uid}-{number + 1}" for number in range(int(quantity))]
    return [{"uid": one, "status": status, "connectors": [connector]} for one in uids]


MAX_QUANTITY = 200


def _number(fields: Mapping[str, Any], name: str, default: Any, mark: Mark | None) -> Any:
    """A field as a number, as it is where it is none. Raises OddError."""
    value = fields.get(name, default)
    try:
        return number(value, mark)
    except AmbiguousError as error:
        raise OddError(f"{name} {error}") from None
    except ValueError:
        return value
