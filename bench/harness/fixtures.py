"""The people and places of measurements: locations by the hundred, drivers with tokens, on the platform's own services."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from functions.accounts import consents
from functions.accounts import service as accounts
from functions.accounts.sessions import open_session
from functions.accounts.tables import user as user_account
from functions.stations import service as stations
from functions.stations.domain import Connector, LocationRecord
from functions.stations.enums import power_class
from functions.tariffs.domain import Tariff
from shared.db import new_id
from shared.platform import Platform
from shared.tx import Tx

TYPE2, CCS = "IEC_62196_T2", "IEC_62196_T2_COMBO"
BATCH = 500
TARIFF = Tariff.model_validate(
    {
        "id": "bench",
        "currency": "EUR",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": 0.39, "vat": 21, "step_size": 1}],
                "restrictions": {"start_time": "17:00", "end_time": "21:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": 0.35, "vat": 21, "step_size": 1}]},
            {"price_components": [{"type": "PARKING_TIME", "price": 3.0, "vat": 21, "step_size": 60}]},
            {"price_components": [{"type": "FLAT", "price": 4, "vat": 21}], "restrictions": {"booking": "BOOKING_EXPIRES"}},
        ],
    }
)
"""Energy by time of day, parking and a fee for no-shows: what an operator publishes."""


@dataclass(frozen=True)
class Box:
    """An area in degrees."""

    south: float = 51.6
    west: float = 4.4
    north: float = 52.5
    east: float = 5.8

    def point(self, rng: random.Random) -> tuple[float, float]:
        """A place in it, to a metre."""
        return round(rng.uniform(self.south, self.north), 5), round(rng.uniform(self.west, self.east), 5)


UTRECHT = Box(52.06, 5.05, 52.12, 5.17)
"""Some 50 square kilometres."""
COUNTRY = Box()
"""Some 10,000 square kilometres."""


def place(
    number: int, latitude: float, longitude: float, *, evses: int = 4, standard: str = TYPE2, power_kw: float = 22.0
) -> LocationRecord:
    """A location with one pool."""
    kind = "AC_3_PHASE" if standard == TYPE2 else "DC"
    plugs = tuple((f"E{at}", (Connector("1", standard, "CABLE", kind, power_kw),)) for at in range(evses))
    return LocationRecord(
        external_id=f"B{number}",
        name=f"Place {number}",
        address=f"Street {number}",
        city="Utrecht",
        country="NLD",
        latitude=latitude,
        longitude=longitude,
        time_zone="Europe/Amsterdam",
        currency="EUR",
        opening_times=None,
        evses=plugs,
        tariffs={(standard, power_class(power_kw).value): TARIFF},
    )


def build(platform: Platform, records: Sequence[LocationRecord]) -> list[uuid.UUID]:
    """Loads locations, a few hundred in each transaction. Their ids in order."""
    owner = new_id()
    location_ids: list[uuid.UUID] = []
    for begin in range(0, len(records), BATCH):
        load = partial(_load, owner=owner, batch=records[begin : begin + BATCH])
        location_ids += platform.transact(load)
    return location_ids


def _load(tx: Tx, *, owner: uuid.UUID, batch: Sequence[LocationRecord]) -> list[uuid.UUID]:
    return stations.import_locations(tx=tx, owner_id=owner, records=batch)


def people(platform: Platform, count: int, *, prefix: str = "driver") -> list[uuid.UUID]:
    """Accounts of drivers, all made like one that the service made: hashing a password for each would take minutes."""
    first = platform.transact(
        lambda tx: accounts.ensure_user(
            tx=tx, email=f"{prefix}0@example.org", password="x" * 16, name="Driver", role="driver", accepts=True
        )
    )
    ids = [new_id() for _ in range(count - 1)]

    def copy(tx: Tx) -> None:
        row = tx.execute(sa.select(user_account).where(user_account.c.id == first.id)).one()
        rows = [
            row._asdict() | {"id": user_id, "email": f"{prefix}{number + 1}@example.org"} for number, user_id in enumerate(ids)
        ]
        if rows:
            tx.execute(sa.insert(user_account), rows)
            consents.accept_for(tx=tx, user_ids=ids)

    platform.transact(copy)
    return [first.id, *ids]


def token(platform: Platform, user_id: uuid.UUID) -> str:
    """An access token of a session, good for a quarter of an hour from now."""

    def use_case(tx: Tx) -> str:
        return open_session(tx=tx, user=accounts.get_user(tx=tx, user_id=user_id), user_agent="bench").access_token

    return platform.transact(use_case)
