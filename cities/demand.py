"""A day's sessions as charge requests.

Start, kWh and the connector used are real. Origins, lead times, batteries and vehicles are synthetic, drawn by PROBLEM.md's
rules, and called so wherever they are shown.
"""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from functions.optimizer.core.city import CityFolder, FolderSession
from functions.stations.enums import PowerType

LEAD_MEAN_MIN = 90.0
ORIGIN_SD_DEGREES = 0.012
MIN_KWH, MAX_SHARE = 4.0, 0.7
CONSUMPTION = 0.18


@dataclass(frozen=True)
class SyntheticRequest:
    """A synthetic charge request for a real session."""

    session: FolderSession
    """The session it was made from."""
    book_time: datetime
    """When the driver asks."""
    earliest_departure: datetime
    latitude: float
    longitude: float
    """Where the driver sets out."""
    battery_kwh: float
    soc: float
    """State of charge at departure, a share."""
    energy_kwh: float
    """What the driver wants to charge."""
    max_power_kw: float
    """The vehicle's, at the kind of charger that the session used."""
    standards: tuple[str, ...]
    """OCPI connector standards that fit the vehicle."""


def real_sessions(sessions: list[FolderSession]) -> list[FolderSession]:
    """Those that drew energy for at least a minute."""
    return [item for item in sessions if item.energy_kwh >= 0.5 and item.end - item.start >= timedelta(minutes=1)]


def days(city: CityFolder, sessions: list[FolderSession]) -> Counter[date]:
    """Sessions by local day."""
    zone = ZoneInfo(city.time_zone)
    return Counter(item.start.astimezone(zone).date() for item in real_sessions(sessions))


def crowded_day(
    city: CityFolder, sessions: list[FolderSession], *, overlaid: int, seed: int = 0
) -> tuple[date, list[SyntheticRequest]]:
    """The busiest day with the requests of the next busiest ones laid over it, `overlaid` days in all: the real drivers of
    several days on one, so that chargers become scarce. In order of booking."""
    ranked = sorted(days(city, sessions).items(), key=lambda item: (item[1], item[0]), reverse=True)[:overlaid]
    onto = busiest_day(city, sessions)
    requests = []
    for day, _ in ranked:
        shift = onto - day
        requests += [
            replace(request, book_time=request.book_time + shift, earliest_departure=request.earliest_departure + shift)
            for request in day_requests(city, sessions, day, seed=seed)
        ]
    return onto, sorted(requests, key=lambda request: (request.book_time, request.session.session_id))


def busiest_day(city: CityFolder, sessions: list[FolderSession]) -> date:
    """The local day with the most sessions; the latest of them. Raises ValueError without sessions."""
    sessions_by_day = days(city, sessions)
    if not sessions_by_day:
        raise ValueError(f"{city.name} has no sessions to make requests of")
    return max(sessions_by_day, key=lambda day: (sessions_by_day[day], day))


def day_requests(city: CityFolder, sessions: list[FolderSession], day: date, *, seed: int = 0) -> list[SyntheticRequest]:
    """The requests of one local day in order of booking: the same for the same seed."""
    zone = ZoneInfo(city.time_zone)
    rng = random.Random(f"{city.name}-{day}-{seed}")
    where = {evse: location for location in city.locations for evse, _ in location.evses}
    plugs = {evse: connectors for location in city.locations for evse, connectors in location.evses}
    requests = []
    for session in real_sessions(sessions):
        if session.start.astimezone(zone).date() != day or session.evse_id not in where:
            continue
        site, connector = where[session.evse_id], plugs[session.evse_id][0]
        dc = connector.power_type == PowerType.DC.value
        battery = rng.choice((40.0, 60.0, 77.0))
        energy = min(max(session.energy_kwh, MIN_KWH), MAX_SHARE * battery)
        power = rng.choices((50.0, 100.0, 150.0), (3, 4, 2))[0] if dc else rng.choices((7.4, 11.0, 22.0), (3, 5, 2))[0]
        start = session.start
        requests.append(
            SyntheticRequest(
                session=session,
                book_time=start - timedelta(minutes=rng.expovariate(1 / LEAD_MEAN_MIN)),
                earliest_departure=start,
                latitude=site.latitude + rng.gauss(0, ORIGIN_SD_DEGREES),
                longitude=site.longitude + rng.gauss(0, ORIGIN_SD_DEGREES),
                battery_kwh=battery,
                soc=round(max(0.08, min(rng.uniform(0.15, 0.5), 1 - energy / battery)), 3),
                energy_kwh=round(energy, 3),
                max_power_kw=power,
                standards=tuple(sorted({plug.standard for plug in plugs[session.evse_id]})),
            )
        )
    return sorted(requests, key=lambda request: (request.book_time, request.session.session_id))
