"""The files of a city folder, one by one: what they hold, and complaints that name file, line and field."""

import csv
import gzip
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter, ValidationError

from functions.stations.domain import Connector
from functions.stations.enums import ConnectorFormat, ConnectorType, EvseStatus, PowerType
from functions.stations.schemas import Country, Currency, TimeZone, Uid
from functions.tariffs.domain import Tariff
from shared.errors import FieldError, Invalid
from shared.web.fields import one_line

ZONE, CURRENCY, COUNTRY = TypeAdapter(TimeZone), TypeAdapter(Currency), TypeAdapter(Country)
UID, CITY_NAME = TypeAdapter(Uid), TypeAdapter(Annotated[str, AfterValidator(one_line)])
OWN: dict[str, TypeAdapter[str]] = {"country": COUNTRY, "time_zone": ZONE, "currency": CURRENCY}
"""What a location may have of its own, as the API checks it."""


def said(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


class Rows:
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

    def text(self, line: int, row: dict[str, str], name: str) -> str:
        try:
            return one_line(row.get(name, ""))
        except ValueError as error:
            raise self.wrong(line, name, str(error)) from None

    def checked(self, line: int, row: dict[str, str], name: str, kind: TypeAdapter[str]) -> str:
        try:
            return kind.validate_python(row[name])
        except ValidationError as error:
            raise self.wrong(line, name, said(error)) from None

    def wrong(self, line: int, name: str, what: str) -> Invalid:
        where = f"{self.path.name} line {line}, {name}"
        return Invalid(f"{where}: {what}", fields=[FieldError(where, what)])


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise Invalid.one("city.toml", f"is not in {path.parent}: not a city folder") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid.one("city.toml", str(error)) from error


def read_json(path: Path, default: Any) -> Any:
    if not path.exists():
        return default
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise Invalid.one(path.name, str(error)) from error


def read_connectors(path: Path) -> dict[str, list[Connector]]:
    rows = Rows(path, ("evse_id", "connector_id", "standard", "format", "power_type", "max_power_kw"))
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


@dataclass
class LocationEvses:
    """The EVSEs of a location, as evses.csv has them."""

    evses: list[tuple[str, tuple[Connector, ...]]] = field(default_factory=list)
    uids: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)


def read_evses(path: Path, connectors: dict[str, list[Connector]]) -> dict[str, LocationEvses]:
    rows = Rows(path, ("evse_id", "location_id"))
    evses: dict[str, LocationEvses] = {}
    seen: set[str] = set()
    for line, row in rows:
        if row["evse_id"] in seen:
            raise rows.wrong(line, "evse_id", f"{row['evse_id']!r} stands twice")
        if row["evse_id"] not in connectors:
            raise rows.wrong(line, "evse_id", f"{row['evse_id']!r} has no connector")
        seen.add(row["evse_id"])
        group = evses.setdefault(row["location_id"], LocationEvses())
        group.evses.append((row["evse_id"], tuple(connectors[row["evse_id"]])))
        if row.get("uid"):
            group.uids[row["evse_id"]] = rows.checked(line, row, "uid", UID)
        if row.get("status"):
            group.statuses[row["evse_id"]] = rows.word(line, row, "status", EvseStatus)
    return evses


def read_tariffs(
    path: Path, connectors: Mapping[str, Sequence[Connector]]
) -> tuple[dict[str, Tariff], dict[tuple[str, str], tuple[str, ...]], str | None]:
    document = read_json(path, {"tariffs": []})
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
    # Both ids may have a slash.
    plugs = {f"{evse}/{plug.connector_id}": (evse, plug.connector_id) for evse, own in connectors.items() for plug in own}
    for name, ids in document.get("connectors", {}).items():
        evse, connector = plugs.get(name) or name.rpartition("/")[::2]
        if not ids or any(item not in tariffs for item in ids):
            raise Invalid.one(f"tariffs.json connectors.{name}", f"{ids!r} names no tariff of the file")
        assigned[evse, connector] = tuple(ids)
    default = next(iter(document.get("default", [])), None)
    if default is not None and default not in tariffs:
        raise Invalid.one("tariffs.json default", f"{default!r} names no tariff of the file")
    return tariffs, assigned, default
