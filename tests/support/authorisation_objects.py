"""Objects of somebody's own, made afresh, that fill the paths of the table of who may call what (authorisation_rules.py)."""

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from functions.accounts import service as accounts
from functions.accounts.schemas import VehicleCreate
from functions.booking import service as bookings
from functions.booking.tables import booking as booking_table
from functions.notify import repository as messages
from functions.notify.records import Notification
from functions.operators import image_sanitizer, photos
from functions.operators import service as editing
from functions.operators.schemas import BlockedTimeCreate, PeriodIn
from functions.payments import repository as payment_rows
from functions.payments import service as payments
from functions.payments.documents import service as documents
from functions.payments.domain import Purpose
from functions.ratings import repository as rating_rows
from functions.stations import prices
from functions.stations import service as stations
from functions.stations.domain import Connector, LocationRecord
from functions.stations.feed import station_keys
from functions.stations.price_rules import PriceRule
from functions.stations.tables import evse, location
from functions.waitlist import offering
from shared import outbox
from shared.adapters.payments import Card
from shared.db import new_id
from shared.tx import Tx
from tests.support.world import TYPE2, Person, World


@dataclass
class Scene:
    """A world and the people in it. `mine` makes objects of a person: a fresh one at each call."""

    world: World
    people: dict[str, Person]
    stranger: Person

    def mine(self, kind: str, person: Person) -> str:
        """The id of a new `kind` of object that is `person`'s; of a station key only what a station has."""
        if isinstance(person, StationKeyHolder) and kind not in ("fed_location", "evse"):
            return str(new_id())
        return MAKERS[kind](self.world, person)


def _booking(world: World, person: Person, *, start: str = "12:00") -> str:
    car = person.post("/accounts/me/vehicles", {"battery_kwh": 60, "max_power_kw": 22, "connectors": ["IEC_62196_T2"]}).json()
    booked = person.book(world.location(name=f"Place {new_id()}"), start, vehicle_id=car["id"])
    assert booked.status_code == 201, booked.text
    return str(booked.json()["id"])


def _started_booking(world: World, person: Person) -> str:
    booking_id = _booking(world, person, start="08:00")
    assert person.post(f"/booking/bookings/{booking_id}/start").status_code == 200
    return booking_id


def _stopped_booking(world: World, person: Person) -> str:
    booking_id = _started_booking(world, person)
    assert person.post(f"/booking/bookings/{booking_id}/stop").status_code == 200
    return booking_id


def _relocated_booking(world: World, person: Person) -> str:
    """A booking that came in the place of another."""
    booking_id = _booking(world, person)
    row = booking_table.update().where(booking_table.c.id == uuid.UUID(booking_id))
    world.platform.transact(lambda tx: tx.execute(row.values(rebooked_from=new_id())))
    return booking_id


def _rated_booking(world: World, person: Person) -> str:
    booking_id = _stopped_booking(world, person)
    assert person.put(f"/booking/bookings/{booking_id}/rating", {"stars": 4, "words": "Well lit."}).status_code == 200
    return booking_id


def _rating(world: World, person: Person, *, reported: bool = False) -> str:
    """What somebody said of a place of the person's."""
    owner_before, world.owner_id = world.owner_id, person.id
    booking_id = uuid.UUID(_rated_booking(world, world.user()))
    world.owner_id = owner_before
    rating = world.platform.read(lambda tx: rating_rows.of_booking(tx, booking_id))
    assert rating is not None
    if reported:
        at = world.platform.clock.now()
        world.platform.transact(
            lambda tx: rating_rows.update(tx, booking_id, reported_at=at, report_reason="It names somebody")
        )
    return str(rating.id)


def _hosted_booking(world: World, person: Person) -> str:
    """Somebody's booking at a place of the person's."""
    owner_before, world.owner_id = world.owner_id, person.id
    booking_id = _booking(world, world.user())
    world.owner_id = owner_before
    return booking_id


def _staff_place(world: World, person: Person) -> str:
    """A location of somebody else's that the person was invited to help run."""
    owner = world.user("owner")
    place = _owned(world, owner, status="APPROVED")
    body = {"staff": [{"email": f"{person.id}@example.org", "rights": "OPERATE"}]}
    assert owner.put(f"/stations/locations/{place}/staff", body).status_code == 200
    return place


def _hosted_session(world: World, person: Person) -> str:
    """A session that runs at a place of the person's."""
    owner_before, world.owner_id = world.owner_id, person.id
    booking_id = _started_booking(world, world.user())
    world.owner_id = owner_before
    return booking_id


def _owned(world: World, person: Person, *, status: str) -> str:
    plug = Connector("1", TYPE2, "CABLE", "AC_3_PHASE", 22.0)
    record = LocationRecord(
        external_id="x",
        name="Own place",
        address="Plein 2",
        city="Utrecht",
        country="NLD",
        latitude=52.1,
        longitude=5.1,
        time_zone="Europe/Amsterdam",
        currency="EUR",
        opening_times=None,
        evses=(("E1", (plug,)),),
        tariffs={},
        free_of_charge=True,
    )

    def make(tx: Tx) -> str:
        from functions.stations import repository

        (location_id,) = stations.import_locations(tx=tx, owner_id=person.id, records=[record])
        repository.update_location(tx, location_id, status=status)
        return str(location_id)

    return world.platform.transact(make)


def _newest_location(world: World, person: Person) -> uuid.UUID:
    """The location made for `location_id` a moment ago: what lies in it is made after it."""
    location_id: uuid.UUID = world.scalar(
        sa.select(location.c.id).where(location.c.owner_id == person.id).order_by(location.c.id.desc()).limit(1)
    )
    return location_id


def _evse_there(world: World, person: Person) -> str:
    return str(world.scalar(sa.select(evse.c.id).where(evse.c.location_id == _newest_location(world, person))))


def _blocked_time(world: World, person: Person) -> str:
    now = world.platform.clock.now()
    period = PeriodIn(start=now + timedelta(days=1), end=now + timedelta(days=2))
    body = BlockedTimeCreate(period=period, reason="Inspection")
    location_id = _newest_location(world, person)
    revision = world.platform.transact(
        lambda tx: editing.block_time(tx=tx, location_id=location_id, block_in=body, if_match="*")
    )
    return str(revision[1].id)


def _photo(world: World, person: Person) -> str:
    photo_id, location_id, picture = new_id(), _newest_location(world, person), image_sanitizer.clean(PICTURE)
    photos.store(world.platform.blobs, photo_id, picture)
    world.platform.transact(
        lambda tx: photos.add_photo(
            tx=tx, location_id=location_id, photo_id=photo_id, picture=picture, caption=None, if_match="*"
        )
    )
    return str(photo_id)


def _vehicle(world: World, person: Person) -> str:
    vehicle = VehicleCreate.model_validate({"battery_kwh": 52, "max_power_kw": 22, "standards": [TYPE2]})
    car = world.platform.transact(lambda tx: accounts.add_vehicle(tx=tx, vehicle_in=vehicle, user_id=person.id))
    return str(car.id)


def _notification(world: World, person: Person) -> str:
    notification = Notification(new_id(), person.id, "test", "Title", "Body", {}, world.platform.clock.now(), None)
    world.platform.transact(lambda tx: messages.add_notification(tx, notification))
    return str(notification.id)


def _document(world: World, person: Person) -> str:
    """The receipt of a booking of the person's that they cancelled late."""
    booking_id = _booking(world, person, start="08:30")
    assert person.post(f"/booking/bookings/{booking_id}/cancel", {"reason": "TRAFFIC"}).status_code == 200
    (receipt,) = world.platform.transact(lambda tx: documents.issue_of(tx, booking_id=uuid.UUID(booking_id)))
    return str(receipt.id)


def _dead_letter(world: World, _person: Person) -> str:
    now = world.platform.clock.now()
    message = world.platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "nonsense", {}))
    world.platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="ValueError", now=now))
    return str(message.id)


def _session(world: World, person: Person) -> str:
    return str(Person(world, person.id, person.role).session())


WISH: dict[str, Any] = {
    "battery_kwh": 60,
    "soc": 0.3,
    "connectors": [TYPE2],
    "max_power_kw": 22,
    "energy_kwh": 12,
    "origin": {"lat": 52.091, "lon": 5.121},
}


AT = {"origin": {"latitude": 52.091, "longitude": 5.121}}


def _charge_request(world: World, person: Person, *, drained: bool = True, auto_book: bool = True) -> str:
    world.location(name=f"Place {new_id()}")
    asked = person.post("/optimizer/charge-requests", WISH | {"auto_book": auto_book})
    assert asked.status_code == 202, asked.text
    if drained:
        world.drain()
    return str(asked.json()["id"])


def _waitlist_entry(world: World, person: Person) -> str:
    now = world.platform.clock.now()
    window = {"start": (now + timedelta(hours=2)).isoformat(), "end": (now + timedelta(hours=6)).isoformat()}
    joined = person.post("/waitlist", {"wish": WISH | AT, "window": window})
    assert joined.status_code == 201, joined.text
    return str(joined.json()["id"])


def _waitlist_offered(world: World, person: Person) -> str:
    """An entry for which a place is held."""
    entry_id = _waitlist_entry(world, person)
    world.location(name=f"Place {new_id()}")
    offering.offer_places(world.platform)
    return entry_id


class StationKeyHolder(Person):
    """Whoever holds a key of a location: the role `station_key`. Their own objects are that location's."""

    def __init__(self, world: World) -> None:
        super().__init__(world, new_id(), "station_key")
        self.location = _owned(world, world.user("owner"), status="APPROVED")
        place = uuid.UUID(self.location)
        _, self.key = world.platform.transact(lambda tx: station_keys.create_key(tx=tx, location_id=place, name="gateway"))

    def headers(self) -> dict[str, str]:
        """The key, which does not run out."""
        return {"Authorization": f"Bearer {self.key}"}


def _priced_location(world: World, person: Person) -> str:
    location_id = _owned(world, person, status="APPROVED")
    rule = PriceRule.model_validate({"floor": 0.8, "ceiling": 1.5, "steps": [{"occupancy": 0.8, "factor": 1.2}]})
    world.platform.transact(lambda tx: prices.put_rule(tx=tx, location_id=uuid.UUID(location_id), rule=rule))
    return location_id


def _fed_location(world: World, person: Person) -> str:
    return person.location if isinstance(person, StationKeyHolder) else _owned(world, person, status="APPROVED")


def _evse(world: World, person: Person) -> str:
    place = uuid.UUID(_fed_location(world, person))
    return str(world.platform.read(lambda tx: stations.get_location(tx=tx, location_id=place)).evses[0].id)


def _station_key(world: World, person: Person) -> str:
    place = uuid.UUID(_owned(world, person, status="APPROVED"))
    key, _ = world.platform.transact(lambda tx: station_keys.create_key(tx=tx, location_id=place, name="gateway"))
    return str(key.id)


def _picture() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (80, 80), "red").save(out, "PNG")
    return out.getvalue()


PICTURE = _picture()


def _equipped_user(world: World, _person: Person) -> str:
    from tests.support.authenticator import equip

    user = world.user()
    equip(world, user)
    return str(user.id)


def _payment_method(world: World, person: Person) -> str:
    card = Card(f"pm_{new_id().hex}", "visa", "4242", "2034-12")
    return str(world.platform.transact(lambda tx: payment_rows.save_card(tx, person.id, card)).id)


def _payment(world: World, person: Person) -> str:
    booking_id = uuid.UUID(_booking(world, person))

    def add(tx: Tx) -> uuid.UUID:
        booked = bookings.get_owned(tx=tx, booking_id=booking_id)
        return payments.open_payment(tx, booked, Purpose.BOOKING, asked_minor=100, due_minor=None).id

    return str(world.platform.transact(add))


MAKERS: dict[str, Callable[[World, Person], str]] = {
    "booking": _booking,
    "payment": _payment,
    "payment_method": _payment_method,
    "booking_due": lambda world, person: _booking(world, person, start="08:00"),
    "booking_started": _started_booking,
    "booking_stopped": _stopped_booking,
    "booking_relocated": _relocated_booking,
    "booking_rated": _rated_booking,
    "rating": _rating,
    "reported_rating": lambda world, person: _rating(world, person, reported=True),
    "hosted_session": _hosted_session,
    "hosted_booking": _hosted_booking,
    "staff_place": _staff_place,
    "session_ref": lambda _world, _person: "4711",
    "location": lambda world, person: _owned(world, person, status="APPROVED"),
    "location_submitted": lambda world, person: _owned(world, person, status="SUBMITTED"),
    "fed_location": _fed_location,
    "priced_location": _priced_location,
    "evse": _evse,
    "station_key": _station_key,
    "location_draft": lambda world, person: _owned(world, person, status="DRAFT"),
    "location_suspended": lambda world, person: _owned(world, person, status="SUSPENDED"),
    "evse_there": _evse_there,
    "blocked_time": _blocked_time,
    "photo": _photo,
    "vehicle": _vehicle,
    "notification": _notification,
    "dead_letter": _dead_letter,
    "document": _document,
    "charge_request": _charge_request,
    "session": _session,
    "user": lambda world, _: str(world.user().id),
    "equipped_user": lambda world, person: _equipped_user(world, person),
    "waitlist_entry": _waitlist_entry,
    "waitlist_offered": _waitlist_offered,
    "offer": lambda world, person: _charge_request(world, person, auto_book=False),
}
OBJECTS = {
    "document_id": "document",
    "booking_id": "booking",
    "payment_id": "payment",
    "method_id": "payment_method",
    "location_id": "location",
    "evse_id": "evse",
    "key_id": "station_key",
    "blocked_time_id": "blocked_time",
    "photo_id": "photo",
    "vehicle_id": "vehicle",
    "notification_id": "notification",
    "message_id": "dead_letter",
    "request_id": "charge_request",
    "entry_id": "waitlist_entry",
    "rating_id": "rating",
    "session_id": "session",
    "user_id": "user",
}
"""What fills a path parameter of this name, where the rule does not say otherwise."""
