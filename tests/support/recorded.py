"""Bookings of days gone by, put into the database as fulfilled ones are."""

import uuid
from dataclasses import MISSING, dataclass, field, fields
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
class RecordedDriver:
    """An account with a vehicle, and all that must never be found outside the database."""

    id: uuid.UUID
    secrets: list[str]
    bookings: list[uuid.UUID] = field(default_factory=list)

    def words(self) -> list[str]:
        """Everything about the driver as text, ids in both their forms."""
        ids = [self.id, *self.bookings]
        return [*self.secrets, *(str(one) for one in ids), *(one.hex for one in ids)]


def driver(world: World) -> RecordedDriver:
    """A new driver with a vehicle."""
    person = world.user("driver", phone="+31612345678")
    vehicle_in = VehicleCreate(
        name="Blue one", plate=PLATE, battery_kwh=60, max_power_kw=50, standards=[ConnectorType.IEC_62196_T2]
    )
    vehicle = world.platform.transact(lambda tx: accounts.add_vehicle(tx=tx, vehicle_in=vehicle_in, user_id=person.id))
    return RecordedDriver(
        person.id, [f"{person.id}@example.org", "+31612345678", PLATE, "Blue one", str(vehicle.id), vehicle.id.hex]
    )


def fulfilled(tx: Tx, driver: RecordedDriver, location_id: str, start: datetime, *, evse: int = 0, **values: Any) -> Booking:
    """A booking of an hour and 10 kWh that was kept, as one row; `values` change columns."""
    location = stations.get_location(tx=tx, location_id=uuid.UUID(location_id))
    point = location.evses[evse]
    columns: dict[str, Any] = {item.name: None if item.default is MISSING else item.default for item in fields(Booking)} | {
        "id": new_id(),
        "user_id": driver.id,
        "location_id": location.id,
        "evse_id": point.id,
        "evse_uid": point.uid,
        "standard": point.connectors[0].standard,
        "power_class": "FAST",
        "power_kw": point.connectors[0].max_power_kw,
        "start": start,
        "end": start + timedelta(hours=1),
        "energy_kwh": 10.0,
        "status": ReservationStatus.FULFILLED,
        "quote": {},
        "terms": {},
        "no_show_at": start,
        "created_at": start,
        "updated_at": start,
    }
    booking = Booking(**columns | values)
    repository.insert(tx, booking)
    driver.bookings.append(booking.id)
    return booking


def fulfilled_days(world: World, locations: list[str], days: int) -> RecordedDriver:
    """A driver with three kept bookings a day on each of the last `days` days: morning, noon and evening."""
    recorded = driver(world)
    today = world.platform.clock.now().replace(hour=0, minute=0)

    def use_case(tx: Tx) -> None:
        for back in range(1, days + 1):
            for turn, hour in enumerate((7, 12, 18)):
                start = today - timedelta(days=back) + timedelta(hours=hour, minutes=15 * (back % 4))
                fulfilled(tx, recorded, locations[(back + turn) % len(locations)], start)

    world.platform.transact(use_case)
    return recorded
