"""Payloads and answers of the feed and of station keys."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from functions.stations.enums import EvseStatus
from functions.stations.feed.domain import EvseFeedState, Outcome, StationKey
from functions.stations.schemas import Uid
from shared.web.fields import Input, Instant, Output

MAX_EVSES = 500


class StatusReport(Input):
    """What an EVSE reports of itself (OCPI `EVSE.status` and `EVSE.last_updated`)."""

    status: EvseStatus = Field(examples=["CHARGING"])
    last_updated: Instant = Field(
        description="When the EVSE came into this status, by the station's clock, with offset: reports are ordered by it",
        examples=["2026-03-02T08:00:00Z"],
    )


class EvseReport(StatusReport):
    """A report within a batch; the EVSE is named by the platform's id or by its own uid."""

    evse_id: uuid.UUID | None = Field(None, description="The EVSE's id as the API shows it; or give `uid`")
    uid: Uid | None = Field(None, description="The EVSE's uid in its location", examples=["NL*EVC*E0001"])

    @model_validator(mode="after")
    def _one_name(self) -> "EvseReport":
        if (self.evse_id is None) == (self.uid is None):
            raise ValueError("evse_id: give evse_id or uid, one of the two")
        return self


class StatusReports(Input):
    """The reports of several EVSEs of a location. All are taken, or none where one is wrong. An empty list is a heartbeat."""

    evses: Annotated[list[EvseReport], Field(max_length=MAX_EVSES)]


class StatusTaken(Output):
    """What is in force of an EVSE after a report, and what became of the report."""

    evse_id: uuid.UUID
    uid: str
    status: str = Field(examples=["CHARGING"])
    last_updated: datetime | None = Field(description="Of the report in force; null where there is none")
    applied: bool = Field(description="Whether the report is the one in force now")
    outcome: Outcome = Field(
        description="CHANGED: another status than before. CONFIRMED: the same, as of later. DUPLICATE: known already. "
        "OLDER: a newer one is known, nothing changed. REMOVED: the owner took the EVSE off the platform."
    )

    @classmethod
    def of(cls, evse: EvseFeedState, outcome: Outcome) -> "StatusTaken":
        """The answer for an EVSE as it is now."""
        report = evse.report
        return cls(
            evse_id=evse.evse_id,
            uid=evse.uid,
            status=evse.status if report is None else report.shown,
            last_updated=None if report is None else report.last_updated,
            applied=outcome.applied,
            outcome=outcome,
        )


class FeedHeard(Output):
    """That a location's feed was heard, and what it should send next."""

    location_id: uuid.UUID
    heard_at: datetime
    silent_after_s: int = Field(description="Say something at least this often, or the EVSEs become UNKNOWN")
    unknown: list[uuid.UUID] = Field(
        description="EVSEs whose state is in doubt since the feed was silent: report each again, with its last_updated"
    )


class StatusesTaken(FeedHeard):
    """What became of each report, in order."""

    evses: list[StatusTaken]


class FeedEvse(Output):
    """An EVSE as the feed sees it; `last_updated` and `received_at` are null before its first report."""

    evse_id: uuid.UUID
    uid: str
    status: str
    last_updated: datetime | None
    received_at: datetime | None

    @classmethod
    def of(cls, evse: EvseFeedState) -> "FeedEvse":
        """The answer for an EVSE."""
        return cls(
            evse_id=evse.evse_id,
            uid=evse.uid,
            status=evse.status,
            last_updated=None if evse.report is None else evse.report.last_updated,
            received_at=evse.received_at,
        )


class Waiting(Output):
    """A booking at an EVSE out of use that no other EVSE could take so far; nothing of who booked."""

    booking_id: uuid.UUID
    evse_uid: str
    connector: str
    start: datetime
    end: datetime


class Feed(Output):
    """The feed of a location. `heard_at` is null where it never had one, `silent_since` null while it is heard."""

    location_id: uuid.UUID
    heard_at: datetime | None
    silent_since: datetime | None
    silent_after_s: int
    evses: list[FeedEvse]
    waiting: list[Waiting] | None = Field(
        None, description="For the owner: what is booked at EVSEs out of use and could not be moved yet"
    )


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class StationKeyCreate(Input):
    """A new key; the name is for its owner."""

    name: Name = Field(examples=["gateway in the garage"])


class StationKeyRotate(Input):
    """How long the old key is good beside the new one."""

    grace_minutes: int = Field(
        1440, ge=0, le=43_200, description="Minutes the old key stays valid; 0 ends it at once", examples=[60]
    )


class StationKeyOut(Output):
    """A key without its secret."""

    id: uuid.UUID
    location_id: uuid.UUID
    name: str
    hint: str = Field(description="The last characters of the key")
    status: str = Field(description="ACTIVE; EXPIRING: rotated, good until valid_until; EXPIRED; REVOKED")
    created_at: datetime
    rotated_from: uuid.UUID | None
    valid_until: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")

    @classmethod
    def of(cls, station_key: StationKey, now: datetime) -> "StationKeyOut":
        """The answer for a key at `now`."""
        values = {name: getattr(station_key, name) for name in StationKeyOut.model_fields if name != "status"}
        return cls(**values, status=station_key.status(now))


class StationKeyMade(StationKeyOut):
    """A key that was just made: its secret is shown this once and stored nowhere."""

    key: str = Field(description="Sent as `Authorization: Bearer <key>`; it cannot be shown again")

    @classmethod
    def with_secret(cls, station_key: StationKey, secret: str, now: datetime) -> "StationKeyMade":
        """The answer for a new key."""
        return cls(**StationKeyOut.of(station_key, now).model_dump(), key=secret)
