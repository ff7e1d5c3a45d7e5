"""Use cases of stations. None commits. Owner edits take the location's row lock first."""

import uuid
from collections.abc import Sequence
from typing import Any

from functions.stations import nearby, repository
from functions.stations.domain import APPROVED, BookingTerms, Connector, Evse, Location, LocationRecord, great_circle_km
from functions.stations.schemas import EvseCreate, LocationCreate, TariffsPut
from functions.stations.tariffs import Tariff
from functions.stations.words import LocationStatus
from shared.db import new_id
from shared.errors import Conflict, Invalid, NotFound, WrongState
from shared.tx import Tx


def get_location(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """A location in any state; for the platform's own use. Raises NotFound."""
    found = repository.get_many(tx, [location_id]).get(location_id)
    if found is None:
        raise NotFound(f"There is no location {location_id}.")
    return found


def get_locations(*, tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Location]:
    """Many locations at once, by id; absent ones are left out."""
    return repository.get_many(tx, location_ids)


def approved_locations(*, tx: Tx, after: uuid.UUID | None = None, limit: int = 200) -> list[Location]:
    """A page of all approved locations in order of id; the last one's id is the cursor of the next page."""
    ids = repository.approved_ids(tx, after=after, limit=limit)
    found = repository.get_many(tx, ids)
    return [found[id] for id in ids]


def lock_location(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """The location with its row locked until the transaction ends: the first lock of every change of claims."""
    if not repository.lock(tx, location_id):
        raise NotFound(f"There is no location {location_id}.")
    return get_location(tx=tx, location_id=location_id)


def get_visible(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """A location as the caller may see it: approved ones everybody, others their owner and administrators."""
    found = get_location(tx=tx, location_id=location_id)
    if found.status == APPROVED or tx.actor.role in ("admin", "system") or tx.actor.id == found.owner_id:
        return found
    raise NotFound(f"There is no location {location_id}.")


def get_owned(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """The caller's own location, locked for an edit; administrators may edit all. Raises NotFound for others'."""
    found = lock_location(tx=tx, location_id=location_id)
    if tx.actor.role in ("admin", "system") or tx.actor.id == found.owner_id:
        return found
    raise NotFound(f"There is no location {location_id}.")


def locations_near(
    *,
    tx: Tx,
    latitude: float,
    longitude: float,
    radius_km: float,
    standards: frozenset[str] | None = None,
    limit: int = 20,
    min_power_kw: float = 0.0,
    after: tuple[float, uuid.UUID] | None = None,
) -> list[tuple[float, Location]]:
    """Approved locations with such a connector, nearest first, as (great-circle km, location).

    Looks into growing rings of H3 cells and stops when `limit` are sure to be the nearest. `after` is the position of
    the last item of the page before.
    """
    accepted: list[tuple[float, uuid.UUID]] = []
    waiting: list[tuple[float, uuid.UUID]] = []
    seen: set[uuid.UUID] = set()

    def take(until_km: float) -> None:
        nonlocal waiting
        ready = [item for item in waiting if item[0] <= until_km]
        waiting = [item for item in waiting if item[0] > until_km]
        if ready and (standards is not None or min_power_kw > 0):
            ids = [id for _, id in ready]
            fits = repository.having_standards(tx, ids, standards or frozenset(), min_power_kw)
            ready = [item for item in ready if item[1] in fits]
        accepted.extend(ready)

    for ring in nearby.rings(latitude, longitude, radius_km):
        for id, at_latitude, at_longitude in repository.in_cells(tx, resolution=ring.resolution, cells=ring.cells):
            if id in seen:
                continue
            seen.add(id)
            km = great_circle_km(latitude, longitude, at_latitude, at_longitude)
            if km <= radius_km and (after is None or (km, id) > after):
                waiting.append((km, id))
        take(min(ring.complete_km, radius_km))
        if len(accepted) >= limit:
            break
    else:
        take(radius_km)
    page = sorted(accepted)[:limit]
    locations = repository.get_many(tx, [id for _, id in page])
    return [(km, locations[id]) for km, id in page]


def get_tariffs(*, tx: Tx, tariff_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Tariff]:
    """Tariffs by id."""
    documents = repository.tariff_documents(tx, tariff_ids)
    return {id: Tariff.model_validate(document) for id, document in documents.items()}


def get_tariff(*, tx: Tx, tariff_id: uuid.UUID) -> Tariff:
    """One tariff. Raises NotFound."""
    found = get_tariffs(tx=tx, tariff_ids=[tariff_id]).get(tariff_id)
    if found is None:
        raise NotFound(f"There is no tariff {tariff_id}.")
    return found


def tariffs_of(*, tx: Tx, location: Location) -> dict[uuid.UUID, Tariff]:
    """The tariffs in force at a location."""
    return get_tariffs(tx=tx, tariff_ids=sorted(set(location.tariff_ids.values())))


def create_location(*, tx: Tx, location_in: LocationCreate) -> Location:
    """A new location of the caller, submitted for approval."""
    if tx.actor.id is None:
        raise Conflict("A location needs an owner.")
    if location_in.latitude == location_in.longitude == 0:
        raise Invalid.one("latitude", "0, 0 lies in the Gulf of Guinea")
    made = Location(
        id=new_id(),
        owner_id=tx.actor.id,
        status=LocationStatus.SUBMITTED.value,
        booking_terms=BookingTerms(),
        evses=(),
        tariff_ids={},
        **{name: getattr(location_in, name) for name in type(location_in).model_fields},
    )
    repository.insert_location(tx, made)
    tx.audit("location.create", object_type="location", object_id=made.id, after=location_in.model_dump(mode="json"))
    return made


def add_evse(*, tx: Tx, location_id: uuid.UUID, evse_in: EvseCreate) -> Evse:
    """A new EVSE of the caller's location. Raises Conflict where the uid is there already."""
    location = get_owned(tx=tx, location_id=location_id)
    connectors = tuple(
        Connector(item.connector_id, item.standard.value, item.format.value, item.power_type.value, item.max_power_kw)
        for item in evse_in.connectors
    )
    made = Evse(new_id(), evse_in.uid, "AVAILABLE", connectors)
    if not repository.insert_evse(tx, location.id, made):
        raise Conflict(f"uid: {location.name} has an EVSE {evse_in.uid} already")
    tx.audit("evse.create", object_type="location", object_id=location.id, after=evse_in.model_dump(mode="json"))
    return made


def put_tariffs(*, tx: Tx, location_id: uuid.UUID, tariffs_in: TariffsPut) -> Location:
    """Replaces the tariffs of a location's pools. What is booked keeps the quote it was booked with."""
    location = get_owned(tx=tx, location_id=location_id)
    pools = {(pool.standard, pool.power_class) for pool in location.pools()}
    assignment: dict[tuple[str, str], uuid.UUID] = {}
    for number, item in enumerate(tariffs_in.tariffs):
        if item.tariff.currency != location.currency:
            raise Invalid.one(
                f"tariffs.{number}.tariff.currency",
                f"must be the location's, {location.currency}, not {item.tariff.currency}",
            )
        wanted = [
            pool
            for pool in sorted(pools)
            if (not item.applies_to.standards or pool[0] in item.applies_to.standards)
            and (not item.applies_to.power_classes or pool[1] in item.applies_to.power_classes)
        ]
        if not wanted:
            raise Invalid.one(f"tariffs.{number}.applies_to", "fits none of the location's pools; add the EVSEs first")
        id = repository.insert_tariff(tx, location.id, item.tariff)
        for pool in wanted:
            assignment.setdefault(pool, id)
    before = {" ".join(pool): str(id) for pool, id in location.tariff_ids.items()}
    repository.assign_tariffs(tx, location.id, assignment)
    after = {" ".join(pool): str(id) for pool, id in assignment.items()}
    tx.audit("location.tariffs", object_type="location", object_id=location.id, before=before, after=after)
    return get_location(tx=tx, location_id=location.id)


def put_booking_terms(*, tx: Tx, location_id: uuid.UUID, terms: BookingTerms) -> Location:
    """Replaces the booking terms for bookings to come."""
    location = get_owned(tx=tx, location_id=location_id)
    repository.update_location(tx, location.id, booking_terms=terms.model_dump(mode="json"))
    before, after = location.booking_terms.model_dump(mode="json"), terms.model_dump(mode="json")
    changed = {name for name in after if before[name] != after[name]}
    _audit_change(tx, "location.booking_terms", location, before, after, changed)
    return get_location(tx=tx, location_id=location.id)


def _audit_change(
    tx: Tx, action: str, location: Location, before: dict[str, Any], after: dict[str, Any], changed: set[str]
) -> None:
    tx.audit(
        action,
        object_type="location",
        object_id=location.id,
        before={name: before[name] for name in sorted(changed)},
        after={name: after[name] for name in sorted(changed)},
    )


def approve_location(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """An administrator lets a submitted location be searched and booked. Approving twice changes nothing."""
    location = lock_location(tx=tx, location_id=location_id)
    if location.status == APPROVED:
        return location
    if location.status != LocationStatus.SUBMITTED:
        raise WrongState(f"A {location.status} location cannot be approved.", location_status=location.status)
    if not location.pools():
        raise WrongState(
            "The location has no EVSE that can be used; it cannot be approved yet.", location_status=location.status
        )
    repository.update_location(tx, location.id, status=APPROVED)
    _audit_change(tx, "location.approve", location, {"status": location.status}, {"status": APPROVED}, {"status"})
    return get_location(tx=tx, location_id=location.id)


def import_locations(*, tx: Tx, owner_id: uuid.UUID, records: Sequence[LocationRecord]) -> list[uuid.UUID]:
    """Loads approved locations from a city folder. Returns their ids in order."""
    return repository.insert_records(tx, owner_id, records)


def count_locations(*, tx: Tx) -> int:
    """How many locations there are."""
    return repository.count(tx)
