"""Recorded demand: the platform's fulfilled bookings as an anonymised city folder.
`python -m training.release.recorded_demand --help`

Into the folder go approved locations with EVSEs, hours and tariffs, all of which every driver can see, and of each session the
EVSE, the minutes of start and end, and the energy to 0.1 kWh, under a random number drawn for this folder alone. No user,
vehicle or booking is named and no two sessions of a driver are tied together. That is not k-anonymity: who knows when and where
somebody charged finds that session and its energy, so the folder is to be kept like the database. Demand that was turned away,
cancelled or did not come is not in it.
"""

import json
import secrets
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cities.demand import real_sessions
from cities.folder import CityConnector, CityLocation, CitySession, write_city
from functions.booking import sessions as booking
from functions.booking.charging import RecordedSession
from functions.booking.domain import BookingPosition
from functions.optimizer.core.city import FolderSession, load_city
from functions.stations import service as stations
from functions.stations.domain import Evse, Location
from functions.stations.enums import EvseStatus, power_class
from functions.tariffs.domain import Tariff
from shared.errors import AppError
from shared.platform import Platform

LAST_DAYS, LEAST_DAYS = 180, 30
GONE = frozenset({EvseStatus.PLANNED.value, EvseStatus.REMOVED.value})
PAGE = 1000


class TooFewDaysError(ValueError):
    """Fewer recorded days than a policy can be trained on."""


@dataclass
class Recording:
    """What was written."""

    locations: int = 0
    """in the folder"""
    evses: int = 0
    """in the folder"""
    elsewhere: int = 0
    """locations of another time zone or currency than most EVSEs have: a city folder has one of each"""
    sessions: int = 0
    """in the folder"""
    days: set[date] = field(default_factory=set)
    """local days with a session"""
    left_out: Counter[str] = field(default_factory=Counter)
    """sessions by reason"""

    def __str__(self) -> str:
        text = f"{self.sessions:,} sessions of {len(self.days)} days at {self.locations:,} locations, {self.evses:,} EVSEs"
        left = [f"{count:,} sessions {why}" for why, count in self.left_out.most_common()]
        if self.elsewhere:
            left.insert(0, f"{self.elsewhere:,} locations of another time zone or currency")
        return text + (f"; left out: {', '.join(left)}" if left else "")


def record_city(
    platform: Platform, folder: Path, *, last_days: int = LAST_DAYS, least_days: int = LEAST_DAYS, page: int = PAGE
) -> Recording:
    """Writes the last whole local days of the platform's database as a city folder, page by page, each page in a reading
    transaction of its own. Replaces a city folder that stands there.

    Raises ValueError naming the argument that is wrong, TooFewDaysError, AppError where the database cannot be read; what stood
    there stays then.
    """
    for name, value in (("last_days", last_days), ("least_days", least_days), ("page", page)):
        if value < 1:
            raise ValueError(f"{name}: must be at least 1, not {value}")
    if folder.exists() and not (folder / "city.toml").exists():
        raise ValueError(f"folder: {folder} is there already and is no city folder")
    recording = Recording()
    locations = _places(platform, recording)
    if not locations:
        raise TooFewDaysError("recorded demand: the database has no approved location with an EVSE")
    zone, currency = locations[0].time_zone, locations[0].currency
    tariffs, assigned = _tariffs(platform, locations)
    midnight = datetime.combine(platform.clock.now().astimezone(ZoneInfo(zone)).date(), datetime.min.time(), ZoneInfo(zone))
    since = midnight - timedelta(days=last_days)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        write_city(
            draft,
            name=Counter(location.city for location in locations).most_common(1)[0][0],
            time_zone=zone,
            currency=currency,
            country=locations[0].country,
            locations=[_location(location) for location in locations],
            connectors=[
                CityConnector(str(evse.id), *vars(plug).values())
                for location in locations
                for evse in _evses(location)
                for plug in evse.connectors
            ],
            evses={str(evse.id): str(location.id) for location in locations for evse in _evses(location)},
            sessions=_sessions(platform, locations, recording, since, midnight, page),
            tariffs={"tariffs": tariffs, "connectors": assigned},
            free_of_charge=any(location.free_of_charge for location in locations),
            source={
                "what": "fulfilled bookings of the platform, anonymised (training/release/recorded_demand.py says how)",
                "from": since.date().isoformat(),
                "before": midnight.date().isoformat(),
            },
        )
        if len(recording.days) < least_days:
            found = f"{len(recording.days)} of the last {last_days} days have sessions"
            raise TooFewDaysError(f"recorded demand: {found}, at least {least_days} are needed")
        load_city(draft)
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return recording


def _evses(location: Location) -> list[Evse]:
    return [evse for evse in location.evses if evse.status not in GONE and evse.connectors]


def _places(platform: Platform, recording: Recording) -> list[Location]:
    """Approved locations with EVSEs, of the time zone and currency that most EVSEs have."""
    locations: list[Location] = []
    after: uuid.UUID | None = None
    while part := _page_of_places(platform, after):
        locations += [location for location in part if _evses(location)]
        after = part[-1].id
    count: Counter[tuple[str, str]] = Counter()
    for location in locations:
        count[location.time_zone, location.currency] += len(_evses(location))
    own = count.most_common(1)[0][0] if count else None
    kept_locations = [location for location in locations if (location.time_zone, location.currency) == own]
    recording.locations, recording.elsewhere = len(kept_locations), len(locations) - len(kept_locations)
    recording.evses = sum(len(_evses(location)) for location in kept_locations)
    return kept_locations


def _page_of_places(platform: Platform, after: uuid.UUID | None) -> list[Location]:
    return platform.read(lambda tx: stations.approved_locations(tx=tx, after=after))


def _location(location: Location) -> CityLocation:
    hours = None if location.opening_times is None else location.opening_times.model_dump(mode="json")
    return CityLocation(str(location.id), location.name, location.address, location.latitude, location.longitude, hours)


def _tariffs(platform: Platform, locations: list[Location]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Tariffs of the folder, equal ones once, and which each connector has: "EVSE/connector" to its id."""
    wanted = sorted({tariff_id for location in locations for tariff_id in location.tariff_ids.values()})
    known: dict[uuid.UUID, Tariff] = {}
    for first in range(0, len(wanted), PAGE):
        known |= _page_of_tariffs(platform, wanted[first : first + PAGE])
    # Owners call a tariff what they like: here the same number is the same tariff.
    numbers: dict[str, str] = {}
    own: dict[uuid.UUID, str] = {}
    for tariff_id in wanted:
        text = json.dumps(known[tariff_id].model_dump(mode="json", exclude_none=True) | {"id": ""}, sort_keys=True)
        own[tariff_id] = numbers.setdefault(text, f"T{len(numbers) + 1}")
    assigned = {
        f"{evse.id}/{plug.connector_id}": [own[location.tariff_ids[pool]]]
        for location in locations
        for evse in _evses(location)
        for plug in evse.connectors
        if (pool := (plug.standard, power_class(plug.max_power_kw).value)) in location.tariff_ids
    }
    return [json.loads(text) | {"id": number} for text, number in numbers.items()], assigned


def _page_of_tariffs(platform: Platform, ids: list[uuid.UUID]) -> dict[uuid.UUID, Tariff]:
    return platform.read(lambda tx: stations.get_tariffs(tx=tx, tariff_ids=ids))


def _sessions(
    platform: Platform, locations: list[Location], recording: Recording, since: datetime, until: datetime, page: int
) -> Iterator[CitySession]:
    """The sessions as they are read; counts them."""
    zones: Mapping[uuid.UUID, ZoneInfo] = {
        evse.id: ZoneInfo(location.time_zone) for location in locations for evse in _evses(location)
    }
    after: BookingPosition | None = None
    more = True
    while more:
        part, after = _page_of_sessions(platform, since, until, after, page)
        more = after is not None
        for item in part:
            zone = zones.get(item.evse_id)
            if zone is None:
                recording.left_out["at EVSEs that are not in the folder"] += 1
                continue
            session = _anonymous(item, zone)
            if not real_sessions([FolderSession(**vars(session))]):
                recording.left_out["below a minute or 0.5 kWh"] += 1
                continue
            recording.sessions += 1
            recording.days.add(session.start.date())
            yield session


def _page_of_sessions(
    platform: Platform, since: datetime, until: datetime, after: BookingPosition | None, page: int
) -> tuple[list[RecordedSession], BookingPosition | None]:
    return platform.read(lambda tx: booking.recorded_sessions(tx=tx, since=since, until=until, after=after, limit=page))


def _anonymous(session: RecordedSession, zone: ZoneInfo) -> CitySession:
    """Whole minutes and tenths of a kWh: the seconds would tell nothing of demand, but which log line it was."""
    start, end = (instant.astimezone(zone).replace(second=0, microsecond=0) for instant in (session.start, session.end))
    return CitySession(secrets.token_hex(8), str(session.evse_id), start, end, round(session.energy_kwh, 1))


def main(
    folder: Annotated[Path, typer.Argument(help="The city folder to write.")],
    last_days: Annotated[int, typer.Option(help="Whole local days to look back.")] = LAST_DAYS,
    least_days: Annotated[int, typer.Option(help="Days with sessions that there must be.")] = LEAST_DAYS,
) -> None:
    """Writes the recorded demand of the database in the environment's settings as an anonymised city folder."""
    platform = Platform()
    try:
        print(record_city(platform, folder, last_days=last_days, least_days=least_days))
    except (ValueError, OSError, AppError) as error:
        typer.echo(getattr(error, "detail", None) or str(error), err=True)
        raise typer.Exit(2) from error
    finally:
        platform.close()


if __name__ == "__main__":
    typer.run(main)
