"""The rules of charging sessions: what a station reports of one, and what many reports make of it. No I/O, no clock.

States are OCPI's; a report counts by its own `last_updated`, so that every order of arrival ends the same.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from functions.stations.enums import EvseStatus
from functions.stations.feed.service import EvseState
from shared.errors import Invalid

LONGEST_SESSION = timedelta(days=1)
"""A session that nobody ended is over after that."""
CONFIRM_WITHIN = timedelta(minutes=5)
"""Who said that they are there is charging by then, by their station's word, or the no-show clock goes on."""
UNSEEN_STAYS = timedelta(hours=1)
"""Who said that they charge, where no station can tell, is thought to stay so long after their time, not for a day."""
METER_TOLERANCE_KWH = 0.5
CONNECTED = frozenset({EvseStatus.CHARGING.value, EvseStatus.BLOCKED.value})
"""What an EVSE reports while a vehicle is at it."""


class SessionStatus(StrEnum):
    """OCPI SessionStatus: the two that say something of a session that was."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"


class SessionSource(StrEnum):
    """Who says that it takes place: the station, or the driver alone, where no feed of the station lives."""

    STATION = "STATION"
    SELF_DECLARED = "SELF_DECLARED"


class Authorisation(StrEnum):
    """How a driver said that they are there: in the app, or at the station by what it asked us of."""

    APP = "APP"
    ACCESS_CODE = "ACCESS_CODE"
    LICENSE_PLATE = "LICENSE_PLATE"


class SessionOutcome(StrEnum):
    """What became of a report of a session."""

    OPENED = "OPENED"
    """The session is known from now on."""
    UPDATED = "UPDATED"
    """It is the newest of a session that runs."""
    COMPLETED = "COMPLETED"
    """The session has ended by it."""
    DUPLICATE = "DUPLICATE"
    """It was known already."""
    OLDER = "OLDER"
    """A newer one is known; what it measured is kept."""
    CLOSED = "CLOSED"
    """The session had ended before."""


@dataclass(frozen=True, kw_only=True)
class ChargingSession:
    """A vehicle at an EVSE. Instants are UTC."""

    id: uuid.UUID
    location_id: uuid.UUID
    evse_id: uuid.UUID
    running_evse_id: uuid.UUID | None
    """The EVSE while it is ACTIVE; unique."""
    ref: str | None
    """The station's own name for it; None until the station spoke of it."""
    booking_id: uuid.UUID | None
    """The booking it fulfils; None for a walk-in."""
    source: str
    """A SessionSource."""
    auth: str | None
    """An Authorisation; None where nobody knows."""
    status: str
    """A SessionStatus."""
    started_at: datetime
    ended_at: datetime | None = None
    kwh: float | None = None
    """Delivered so far, by meter or owner; None: no reading (UNMETERED)."""
    charging_until: datetime | None = None
    """Since when the vehicle takes no more power: parking time; None while it charges."""
    soc_percent: float | None = None
    """The battery's state of charge at the newest report, where the station says it."""
    last_updated: datetime | None = None
    """Of the newest report."""
    signed_data: str | None = None
    """The meter's own signed words (calibration law), as they came."""
    created_at: datetime

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == SessionStatus.ACTIVE


@dataclass(frozen=True)
class MeterValue:
    """What a meter had counted at an instant."""

    at: datetime
    kwh: float
    charging: bool


@dataclass(frozen=True)
class MeterReport:
    """What a station reports of a session; `ended_at` of one that is COMPLETED."""

    status: SessionStatus
    started_at: datetime
    ended_at: datetime | None
    kwh: float
    charging: bool
    last_updated: datetime
    signed_data: str | None = None
    booking_id: uuid.UUID | None = None
    """The booking, where the station asked whom it lets in."""
    soc_percent: float | None = None
    """The battery's state of charge, where the station says it."""

    @property
    def until(self) -> datetime:
        """Until when it speaks of the session."""
        return self.ended_at or self.last_updated

    def value(self) -> MeterValue:
        """What the meter had counted."""
        return MeterValue(self.last_updated, self.kwh, self.charging)


def metered(values: Iterable[MeterValue]) -> tuple[float, datetime | None]:
    """(kWh, since when there is no charging) of a session's values, in whichever order they came.

    kWh never fall: the highest counts. Parking begins with the first of the last values in a row that say `charging: false`.
    """
    in_order = sorted(values, key=lambda value: value.at)
    charging_until = None
    for value in in_order:
        charging_until = None if value.charging else charging_until or value.at
    return max(value.kwh for value in in_order), charging_until


def check_energy(kwh: float, power_kw: float, span: timedelta) -> None:
    """Raises Invalid where an EVSE of `power_kw` cannot have delivered so much in `span`."""
    minutes = max(0.0, span / timedelta(minutes=1))
    possible = power_kw * minutes / 60
    if kwh > possible + METER_TOLERANCE_KWH:
        raise Invalid.one("kwh", f"{power_kw:g} kW cannot deliver more than {possible:.1f} kWh in {minutes:.0f} min")


def freed_at(state: EvseState | None, session: ChargingSession, *, asked: bool) -> datetime | None:
    """When the EVSE was free again, by what its station says of its state; None while it is not known to be.

    One AVAILABLE may be a flap: it counts once it is said again, or where the driver said that they are done (`asked`). A
    meter that speaks later of the session is believed more.
    """
    if state is None or not state.live or state.status != EvseStatus.AVAILABLE or state.last_updated is None:
        return None
    since = next((change.at for change in reversed(state.changes)), None)
    if since is None or since <= session.started_at or since < (session.last_updated or since):
        return None
    return since if asked or state.last_updated > since else None


@dataclass(frozen=True)
class RecordedSession:
    """What a fulfilled booking tells of demand: where, when and how much (kWh), nothing of who."""

    evse_id: uuid.UUID
    start: datetime
    end: datetime
    energy_kwh: float


class CdrKind(StrEnum):
    """What a record says: what a session costs, or that an earlier one counts no more."""

    CDR = "CDR"
    CREDIT = "CREDIT"


@dataclass(frozen=True)
class Cdr:
    """A stored charge detail record."""

    id: uuid.UUID
    session_id: uuid.UUID | None
    """None of a session that code of before began."""
    booking_id: uuid.UUID
    seq: int
    """Counts a booking's records from 1."""
    kind: str
    """A CdrKind."""
    credit_of: uuid.UUID | None
    """The record that a credit takes back."""
    document: dict[str, Any]
    """The CDR in OCPI's words."""
    created_at: datetime
    bill: dict[str, Any] | None = None
    """The price it says, line by line, as a Price; None: of before it was kept."""
