"""Bookings of days gone by, put into the database as fulfilled ones are."""

import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from functions.accounts import service as accounts
from functions.accounts.schemas import VehicleCreate
from functions.booking import repository
from functions.booking.domain import Booking, ReservationStatus
from functions.stations import service as stations
from functions.stations.enums import ConnectorType
from shared.db import new_id
from shared.tx import Tx
from tests.support.world import World

PLATE = "XX-99-YY"


@dataclass
class Driver:
    """An account with a vehicle, and all that must never be found outside the database."""

    id: uuid.UUID
    secrets: list[str]
    bookings: list[uuid.UUID] = field(default_factory=list)

    def words(self) -> list[str]:
        """Everything about him as text, ids in both their forms."""
        ids = [self.id, *self.bookings]
        return [*self.secrets, *(str(id) for id in ids), *(id.hex for id in ids)]


def driver(world: World) -> Driver:
    """A new driver with a vehicle."""
    person = world.user("driver", phone="+31612345678")
    vehicle_in = VehicleCreate(
        name="Blue one", plate=PLATE, battery_kwh=60, max_power_kw=50, standards=[ConnectorType.IEC_62196_T2]
    )
    made = world.platform.transact(lambda tx: accounts.add_vehicle(tx=tx, vehicle_in=vehicle_in, user_id=person.id))
    return Driver(person.id, [f"{person.id}@example.org", "+31612345678", PLATE, "Blue one", str(made.id), made.id.hex])


def fulfilled(tx: Tx, who: Driver, location: str, start: datetime, *, evse: int = 0, **values: Any) -> Booking:
    """A booking of an hour and 10 kWh that was kept, as one row; `values` change columns."""
    place = stations.get_location(tx=tx, location_id=uuid.UUID(location))
    point = place.evses[evse]
    columns: dict[str, Any] = dict.fromkeys(item.name for item in fields(Booking)) | {
        "id": new_id(), "user_id": who.id, "location_id": place.id, "evse_id": point.id, "evse_uid": point.uid,
        "standard": point.connectors[0].standard, "power_class": "FAST", "power_kw": point.connectors[0].max_power_kw,
        "start": start, "end": start + timedelta(hours=1), "energy_kwh": 10.0, "status": ReservationStatus.FULFILLED,
        "quote": {}, "terms": {}, "no_show_at": start, "created_at": start, "updated_at": start,
    }  # fmt: skip
    made = Booking(**columns | values)
    repository.insert(tx, made)
    who.bookings.append(made.id)
    return made


def fulfilled_days(world: World, locations: list[str], days: int) -> Driver:
    """A driver with three kept bookings a day on each of the last `days` days: morning, noon and evening."""
    who = driver(world)
    today = world.platform.clock.now().replace(hour=0, minute=0)

    def use_case(tx: Tx) -> None:
        for back in range(1, days + 1):
            for turn, hour in enumerate((7, 12, 18)):
                at = today - timedelta(days=back) + timedelta(hours=hour, minutes=15 * (back % 4))
                fulfilled(tx, who, locations[(back + turn) % len(locations)], at)

    world.platform.transact(use_case)
    return who
