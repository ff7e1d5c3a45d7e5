"""A station that reports: what tests of the feed share."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2 as httpx
import sqlalchemy as sa

from functions.stations.feed.tables import evse_feed, evse_status_change
from functions.stations.tables import evse
from tests.support.world import API, Person, World


@dataclass
class Station:
    """A location of an owner with its key, and the calls that its controller makes."""

    world: World
    owner: Person
    location: str
    key: str = field(repr=False)
    evses: dict[str, str]
    """EVSE ids by uid."""

    @classmethod
    def at(cls, world: World, **options: Any) -> "Station":
        """A new location with a key, of an owner of its own (or `owner=`)."""
        owner = options.pop("owner", None) or world.user("owner")
        world.owner_id = owner.id
        place = world.location(**options)
        created = owner.post(f"/stations/locations/{place}/keys", {"name": "gateway"})
        assert created.status_code == 201, created.text
        listed = owner.get(f"/stations/locations/{place}/feed").json()["evses"]
        return cls(world, owner, place, created.json()["key"], {item["uid"]: item["evse_id"] for item in listed})

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        """A call with the station's key, or another."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return self.world.client.request(method, API + path, json=body, headers=headers)

    def report(self, uid: str, status: str, at: str | datetime, *, key: str | None = None) -> httpx.Response:
        """Reports one EVSE; `at` is a time of 2 March 2026, UTC, or an instant."""
        return self.call("PUT", f"/stations/evses/{self.evses[uid]}/status", body(status, at), key=key)

    def batch(self, *reports: dict[str, Any]) -> httpx.Response:
        """Reports several at once."""
        return self.call("PUT", f"/stations/locations/{self.location}/status", {"evses": list(reports)})

    def heartbeat(self) -> httpx.Response:
        """Says that the feed lives."""
        return self.call("POST", f"/stations/locations/{self.location}/heartbeat")

    def shown(self) -> dict[str, str]:
        """The status of each EVSE as the API shows it to everybody."""
        location = self.world.client.get(f"{API}/stations/locations/{self.location}").json()
        return {item["uid"]: item["status"] for item in location["evses"]}

    def history(self, uid: str) -> list[tuple[str, str, str | None]]:
        """(time, status, previous) of an EVSE's changes, in order."""
        mine = sa.select(evse_status_change).join(evse, evse.c.id == evse_status_change.c.evse_id)
        rows = mine.where(evse.c.uid == uid, evse.c.location_id == uuid.UUID(self.location))
        with self.world.platform.database.reading() as conn:
            changes = conn.execute(rows.order_by(evse_status_change.c.at)).all()
        return [(f"{row.at:%H:%M}", row.status, row.previous) for row in changes]

    def in_force(self, uid: str) -> tuple[str, datetime]:
        """The report that counts, as stored."""
        mine = sa.select(evse_feed.c.status, evse_feed.c.last_updated).where(evse_feed.c.evse_id == uuid.UUID(self.evses[uid]))
        with self.world.platform.database.reading() as conn:
            row = conn.execute(mine).one()
        return row.status, row.last_updated


def instant(at: str | datetime) -> str:
    """A time of 2 March 2026 (`08:00`), or an instant, in full."""
    if isinstance(at, datetime):
        return at.isoformat()
    return at if "T" in at else f"2026-03-02T{at}:00Z"


def body(status: str, at: str | datetime) -> dict[str, str]:
    """A report."""
    return {"status": status, "last_updated": instant(at)}


def minutes(number: float) -> timedelta:
    """A span."""
    return timedelta(minutes=number)
