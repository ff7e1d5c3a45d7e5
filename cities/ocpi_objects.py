"""OCPI Locations, EVSEs, connectors (2.1.1, 2.2.1, 2.3.0) as files have them: read one by one, so that what is odd costs no
more than itself, and checked by the schemas that the API checks owners' input with.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, TypeAdapter, ValidationError

from cities.folder import CityLocation
from cities.regions import country_code, country_of, currency_of, named_zone, zone_at
from functions.stations.enums import EvseStatus, PowerType
from functions.stations.opening import Hours
from functions.stations.schemas import ConnectorCreate, EvseCreate, LocationCreate, Uid
from shared.web.fields import one_line

MAX_NAME, MAX_ADDRESS, MAX_CITY, MAX_ID = 120, 200, 80, 36
NOT_THERE = frozenset({EvseStatus.REMOVED})
UID = TypeAdapter(Uid)
HOURS = frozenset(Hours.model_fields)


class OddError(ValueError):
    """Why an object cannot be used: `kind: what is wrong`."""


def _spaced(value: Any) -> Any:
    """Text in one line: in files, addresses have line breaks."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [] if value is None else value


Text = Annotated[str, BeforeValidator(_spaced)]
Items = Annotated[list[Any], BeforeValidator(_listed)]


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class FilePoint(_Read):
    """OCPI GeoLocation: text in OCPI, numbers elsewhere."""

    latitude: float
    longitude: float


class FileConnector(_Read):
    """OCPI Connector; `voltage` and `amperage` are 2.1.1's, and so is `tariff_id` below."""

    id: Text = "1"
    standard: Text
    format: Text
    power_type: Text
    max_voltage: float | None = Field(None, validation_alias=AliasChoices("max_voltage", "voltage"))
    max_amperage: float | None = Field(None, validation_alias=AliasChoices("max_amperage", "amperage"))
    max_electric_power: float | None = None


class FileTariffs(_Read):
    """The tariffs that a connector names."""

    tariff_ids: Annotated[list[Text], BeforeValidator(_listed)] = []
    tariff_id: Text | None = None


class FileEvse(_Read):
    """OCPI EVSE."""

    uid: Text | None = None
    evse_id: Text | None = None
    status: Text | None = None
    connectors: Items = []


class FileLocation(_Read):
    """OCPI Location. 2.1.1 has neither party nor `publish`."""

    id: Text = Field(min_length=1)
    country_code: Text | None = None
    party_id: Text | None = None
    publish: StrictBool = True
    """Null too is refused: only what is said to be public, or is of the time before one could say so, is."""
    name: Text | None = None
    address: Text | None = None
    city: Text | None = None
    country: Text | None = None
    coordinates: FilePoint
    time_zone: Text | None = None
    currency: Text | None = None
    opening_times: Any = None
    evses: Items = []


@dataclass
class ReadEvse:
    """An EVSE that can be used: its connectors, and the ids of tariffs that each names."""

    uid: str
    status: str
    connectors: list[ConnectorCreate]
    tariff_ids: list[tuple[str, ...]]


@dataclass
class ReadLocation:
    """A location that can be used. `key` is its own over all parties; `scope` the party. Without a `currency` that the file
    names it has that of its tariffs, else the country's, which stands in `row`."""

    key: str
    scope: str
    row: CityLocation
    currency: str | None = None
    evses: list[ReadEvse] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    """What of it is left out: a reason each."""
    remarks: list[str] = field(default_factory=list)
    """What was made of it where it could not be taken as written: a sentence each."""


def said(error: ValidationError, kind: str = "") -> str:
    """The first fault that pydantic found, as a reason: `kind: field what`; the kind is the field where none is given."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f", not {str(given)[:40]!r}" if isinstance(given, str | int | float) and "not " not in what else ""
    return f"{kind}: {where} {what}{shown}" if kind else f"{first['loc'][0] if first['loc'] else 'object'}: {what}{shown}"


def scope_of(country: str | None, party: str | None) -> str:
    """The party that ids are of, as OCPI writes it; empty where the file names none."""
    return f"{country or ''}*{party or ''}".upper() if country or party else ""


def read_location(item: Any, defaults: Mapping[Any, str]) -> ReadLocation:
    """A location with its EVSEs. `defaults` are members that count where the object has none. Raises OddError."""
    if not isinstance(item, dict):
        raise OddError(f"no object: {type(item).__name__} where a location should be")
    if "coordinates" not in item:
        raise OddError("coordinates: are missing")
    said_members = {key: value for key, value in item.items() if value is not None or key == "publish"}
    try:
        read = FileLocation.model_validate({**defaults, **said_members})
    except ValidationError as error:
        raise OddError(said(error)) from None
    if not read.publish:
        raise OddError("not published: publish is false, so it is nobody's but its owner's")
    location = _checked(read)
    for number, evse in enumerate(read.evses):
        try:
            location.evses.append(_read_evse(evse, number, location))
        except OddError as error:
            location.odd.append(f"{error} (evses.{number})")
    if not location.evses:
        raise OddError(f"no usable EVSE: {'; '.join(location.odd[:3]) or 'it has none'}")
    return location


def _checked(read: FileLocation) -> ReadLocation:
    remarks: list[str] = []
    point = read.coordinates
    zone = named_zone(read.time_zone or "")
    if zone is None:
        zone = zone_at(point.latitude, point.longitude) if abs(point.latitude) <= 90 and abs(point.longitude) <= 180 else None
        if zone is None:
            raise OddError(f"time_zone: {read.time_zone!r} is none, and the coordinates are in none")
        remarks.append(f"time zone by its coordinates: {zone}, for the file says {read.time_zone!r}")
    country = country_code(read.country or "") or (None if read.country else country_of(zone))
    if country is None:
        raise OddError(f"country: {read.country!r} is no ISO 3166-1 code, such as BEL")
    hours = _hours(read.opening_times, remarks)
    address = read.address or read.name or ""
    texts = {"name": read.name or address or read.id, "address": address or read.id, "city": read.city or ""}
    for name, most in (("name", MAX_NAME), ("address", MAX_ADDRESS), ("city", MAX_CITY)):
        if len(texts[name]) > most:
            remarks.append(f"{name} cut to {most} characters: it has {len(texts[name])}")
            texts[name] = texts[name][:most].strip()
    try:
        key = one_line(read.id)
        scope = one_line(scope_of(read.country_code, read.party_id))
        location_in = LocationCreate.model_validate(
            {
                **texts,
                "country": country,
                "latitude": point.latitude,
                "longitude": point.longitude,
                "time_zone": zone,
                "currency": read.currency or currency_of(country) or "",
                "opening_times": hours,
            }
        )
    except ValidationError as error:
        raise OddError(said(error)) from None
    except ValueError as error:
        raise OddError(f"id: {error}") from None
    if len(key) > MAX_ID or len(scope) > MAX_ID:
        raise OddError(f"id: longer than {MAX_ID} characters")
    if (point.latitude, point.longitude) == (0, 0):
        raise OddError("coordinates: 0, 0 is in the Atlantic")
    own = location_in.model_dump(exclude={"currency", "opening_times", "free_of_charge"})
    key = f"{scope}*{key}" if scope else key
    kept_hours = None if location_in.opening_times is None else location_in.opening_times.model_dump(mode="json")
    row = CityLocation(key, **own, opening_times=kept_hours, currency=location_in.currency)
    return ReadLocation(key, scope, row, read.currency and location_in.currency, remarks=remarks)


def _hours(value: Any, remarks: list[str]) -> Hours | None:
    """Opening times as OCPI's files write them: its times without an offset are UTC, and other members are nobody's business
    here. Raises OddError."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise OddError("opening_times: are no object")
    members = {key: item for key, item in value.items() if key in HOURS}
    for name in ("exceptional_openings", "exceptional_closings"):
        if isinstance(members.get(name), list):
            members[name] = [_utc(item) for item in members[name]]
    if isinstance(members.get("regular_hours"), list):
        names = ("weekday", "period_begin", "period_end")
        members["regular_hours"] = [
            {name: item[name] for name in names if name in item} if isinstance(item, dict) else item
            for item in members["regular_hours"]
        ]
    if not any(members.values()):
        remarks.append("opening times not known: they say neither twentyfourseven nor any hours")
        return None
    try:
        return _hours_of(json.dumps(members))
    except ValidationError as error:
        if members.get("twentyfourseven") is not True or not members.get("regular_hours"):
            raise OddError(said(error, "opening_times")) from None
    remarks.append("opening times contradict themselves: twentyfourseven is true beside regular_hours, and these count")
    return _hours(members | {"twentyfourseven": False}, remarks)


@lru_cache(maxsize=1024)
def _hours_of(text: str) -> Hours:
    """Opening times of a JSON text; most places of an operator have the same. Raises ValidationError."""
    return Hours.model_validate(json.loads(text))


def _utc(period: Any) -> Any:
    if not isinstance(period, dict):
        return period
    read = {}
    for name in ("period_begin", "period_end"):
        try:
            instant = datetime.fromisoformat(period[name])
            read[name] = f"{period[name]}Z" if instant.tzinfo is None else period[name]
        except (KeyError, TypeError, ValueError):
            read |= {name: period[name]} if name in period else {}
    return read


def _read_evse(item: Any, number: int, location: ReadLocation) -> ReadEvse:
    try:
        read = FileEvse.model_validate(item)
    except ValidationError as error:
        raise OddError(said(error, "EVSE")) from None
    uid = next((name for name in (read.uid, read.evse_id) if name and _is_uid(name)), None)
    if uid is None:
        given = (read.uid or "")[:60]
        raise OddError(f"EVSE uid: {given!r} is missing, longer than {MAX_ID}, or has other than letters, digits and *.-:/")
    if uid.casefold() in {evse.uid.casefold() for evse in location.evses}:
        raise OddError(f"EVSE stands twice: uid {uid}")
    if read.status in NOT_THERE:
        raise OddError(f"EVSE {read.status}: uid {uid}")
    plugs: list[ConnectorCreate] = []
    tariff_ids: list[tuple[str, ...]] = []
    for place, connector in enumerate(read.connectors):
        try:
            plug, named = _read_connector(connector)
            if plug.connector_id in {other.connector_id for other in plugs}:
                raise OddError(f"connector stands twice: id {plug.connector_id}")
        except OddError as error:
            location.odd.append(f"{error} (EVSE {uid}, evses.{number}.connectors.{place})")
            continue
        plugs.append(plug)
        tariff_ids.append(named)
    if not plugs:
        raise OddError(f"EVSE without a usable connector: uid {uid}")
    try:
        EvseCreate.model_validate({"uid": uid, "connectors": plugs})
    except ValidationError as error:
        raise OddError(said(error, "EVSE")) from None
    status = read.status or ""
    if status not in EvseStatus.__members__:
        location.remarks.append(f"status not known: {read.status!r} of EVSE {uid}; it is not bookable until it reports")
        status = EvseStatus.UNKNOWN.value
    return ReadEvse(uid, status, plugs, tariff_ids)


def _is_uid(text: str) -> bool:
    try:
        UID.validate_python(one_line(text))
    except ValueError:
        return False
    return True


MEMBERS = (
    "id",
    "standard",
    "format",
    "power_type",
    "max_voltage",
    "voltage",
    "max_amperage",
    "amperage",
    "max_electric_power",
)
"""Of a connector, what it is; its tariffs come besides."""


def _read_connector(item: Any) -> tuple[ConnectorCreate, tuple[str, ...]]:
    """A connector, and the ids of its tariffs. Raises OddError."""
    try:
        named = FileTariffs.model_validate(item)
        values = [item.get(name) for name in MEMBERS]
        # There are few kinds of connectors in a file, and each is checked once.
        hashable = all(isinstance(value, str | int | float | None) for value in values)
        plug = _connector_of(*values) if hashable else _connector_of.__wrapped__(*values)
    except ValidationError as error:
        raise OddError(said(error, "connector")) from None
    return plug, tuple(named.tariff_ids or ([named.tariff_id] if named.tariff_id else ()))


@lru_cache(maxsize=4096, typed=True)
def _connector_of(*values: Any) -> ConnectorCreate:
    """The connector of such members. Raises ValidationError, OddError."""
    read = FileConnector.model_validate({name: value for name, value in zip(MEMBERS, values, strict=True) if value is not None})
    power = read.max_electric_power
    if not power:
        if not read.max_voltage or not read.max_amperage:
            raise OddError("connector: no max_electric_power, nor max_voltage and max_amperage")
        # OCPI: voltage is line to neutral for three phases, amperage is per phase.
        power = read.max_voltage * read.max_amperage * (3 if read.power_type == PowerType.AC_3_PHASE else 1)
    return ConnectorCreate.model_validate(
        {
            "connector_id": read.id,
            "standard": read.standard,
            "format": read.format,
            "power_type": read.power_type,
            "max_power_kw": power / 1000,
        }
    )
