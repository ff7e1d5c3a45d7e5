"""Use cases of stations: reads, new locations, and the writes that operators build their edits of. None commits."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from functions.stations import nearby, repository, repository_counts, repository_places, repository_staff, terms_text
from functions.stations.domain import (
    APPROVED,
    BlockedTime,
    BookingTerms,
    Connector,
    Evse,
    Location,
    LocationRecord,
    PlaceSummary,
    Pool,
    StaffRight,
    StationCounts,
    TariffPeriod,
)
from functions.stations.enums import LocationStatus
from functions.stations.schemas import LocationCreate
from functions.tariffs.domain import Tariff, chosen, stored_tariff
from shared.db import new_id
from shared.errors import Conflict, Forbidden, Invalid, NotFound, PriceNotKnown
from shared.geo import great_circle_km
from shared.tx import Tx

KEPT_TARIFFS = 20_000
_tariffs: dict[uuid.UUID, Tariff] = {}


def get_location(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """A location in any state; for the platform's own use. Raises NotFound."""
    location = repository.get_many(tx, [location_id]).get(location_id)
    if location is None:
        raise NotFound(f"There is no location {location_id}.")
    return location


def get_locations(*, tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Location]:
    """Those of the locations that are approved."""
    locations = repository.get_many(tx, location_ids)
    return {location_id: each for location_id, each in locations.items() if each.status == APPROVED}


def approved_locations(*, tx: Tx, after: uuid.UUID | None = None, limit: int = 200) -> list[Location]:
    """A page of all approved locations in order of id; the last one's id is the cursor of the next page."""
    ids = repository.approved_ids(tx, after=after, limit=limit)
    locations = repository.get_many(tx, ids)
    return [locations[location_id] for location_id in ids]


def lock_location(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """The location with its row locked until the transaction ends: every change of claims holds it."""
    location = repository.get_many(tx, [location_id], lock=True).get(location_id)
    if location is None:
        raise NotFound(f"There is no location {location_id}.")
    return location


def get_visible(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """A location as the caller may see it: approved ones everybody, others their owner and administrators."""
    location = get_location(tx=tx, location_id=location_id)
    if location.status == APPROVED or manages(tx=tx, location=location):
        return location
    raise NotFound(f"There is no location {location_id}.")


def get_managed(*, tx: Tx, location_id: uuid.UUID, right: StaffRight = StaffRight.READ) -> Location:
    """A location that the caller runs, to be read; administrators read all. Raises NotFound for others', Forbidden for staff
    who have a lesser right there."""
    return _with_right(tx, get_location(tx=tx, location_id=location_id), right)


def get_owned(*, tx: Tx, location_id: uuid.UUID, right: StaffRight = StaffRight.EDIT) -> Location:
    """A location that the caller runs, locked for an edit; administrators may edit all. Raises NotFound for others', Forbidden
    for staff who have a lesser right there."""
    return _with_right(tx, lock_location(tx=tx, location_id=location_id), right)


def manages(*, tx: Tx, location: Location) -> bool:
    """Whether the caller runs the location: its owner, their staff, an administrator, the platform."""
    return _right(tx, location) is not None


def _right(tx: Tx, location: Location) -> StaffRight | None:
    """What the caller may at a location; None: nothing but what everybody may. The one place that says it."""
    if location.status == LocationStatus.REMOVED:
        return StaffRight.OWN if tx.actor.role == "system" else None
    if tx.actor.role in ("admin", "system") or tx.actor.id == location.owner_id:
        return StaffRight.OWN
    if tx.actor.role != "owner" or tx.actor.id is None:
        return None
    return repository_staff.right_of(tx, location.id, tx.actor.id)


def _with_right(tx: Tx, location: Location, needed: StaffRight) -> Location:
    right = _right(tx, location)
    if right is None:
        raise NotFound(f"There is no location {location.id}.")
    if right < needed:
        needs = "its owner" if needed is StaffRight.OWN else f"the right {needed.name}"
        raise Forbidden(f"At {location.name} you have the right {right.name}; this needs {needs}.")
    return location


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
        ready = [(km, location_id) for km, location_id in waiting if km <= until_km]
        waiting = [(km, location_id) for km, location_id in waiting if km > until_km]
        if ready and (standards is not None or min_power_kw > 0):
            ids = [location_id for _, location_id in ready]
            suitable = repository.having_standards(tx, ids, standards or frozenset(), min_power_kw)
            ready = [(km, location_id) for km, location_id in ready if location_id in suitable]
        accepted.extend(ready)

    def promising(complete_km: float) -> float:
        return nearby.promising_km(complete_km, len(accepted), limit)

    for ring in nearby.rings(latitude, longitude, radius_km, promising):
        for location_id, its_latitude, its_longitude in repository.in_cells(tx, resolution=ring.resolution, cells=ring.cells):
            if location_id in seen:
                continue
            seen.add(location_id)
            km = great_circle_km(latitude, longitude, its_latitude, its_longitude)
            if km <= radius_km and (after is None or (km, location_id) > after):
                waiting.append((km, location_id))
        take(min(ring.complete_km, radius_km))
        if len(accepted) >= limit:
            break
    else:
        take(radius_km)
    page = sorted(accepted)[:limit]
    locations = repository.get_many(tx, [location_id for _, location_id in page])
    return [(km, locations[location_id]) for km, location_id in page]


def get_tariffs(*, tx: Tx, tariff_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Tariff]:
    """Tariffs by id. They are kept in the process: a stored tariff never changes."""
    known = {tariff_id: _tariffs[tariff_id] for tariff_id in tariff_ids if tariff_id in _tariffs}
    documents = repository.tariff_documents(tx, [tariff_id for tariff_id in tariff_ids if tariff_id not in known])
    read = {tariff_id: stored_tariff(document) for tariff_id, document in documents.items()}
    if len(_tariffs) + len(read) > KEPT_TARIFFS:
        _tariffs.clear()
    _tariffs.update(read)
    return known | read


def get_tariff(*, tx: Tx, tariff_id: uuid.UUID) -> Tariff:
    """One tariff. Raises NotFound."""
    tariff = get_tariffs(tx=tx, tariff_ids=[tariff_id]).get(tariff_id)
    if tariff is None:
        raise NotFound(f"There is no tariff {tariff_id}.")
    return tariff


def tariff_at(*, tx: Tx, pool: Pool, at: datetime) -> uuid.UUID | None:
    """The tariff that a session has which starts at a pool at an instant, chosen by type and dates; None where it is free of
    charge. Raises PriceNotKnown."""
    ids = pool.tariff_ids
    if not ids and pool.free_of_charge:
        return None
    tariffs = get_tariffs(tx=tx, tariff_ids=ids)
    number = chosen([tariffs[tariff_id] for tariff_id in ids], at)
    if number is None:
        raise PriceNotKnown(
            f"What {pool.standard} ({pool.power_class}) costs there is not known for {at.isoformat()}, so it cannot be booked."
        )
    return ids[number]


def has_price(*, tx: Tx, pool: Pool, at: datetime) -> bool:
    """Whether a session that starts at a pool at an instant has a price, so that it can be booked."""
    try:
        tariff_at(tx=tx, pool=pool, at=at)
    except PriceNotKnown:
        return False
    return True


def tariffs_of(*, tx: Tx, locations: Sequence[Location]) -> dict[uuid.UUID, Tariff]:
    """The tariffs that stand on the pools of locations."""
    firsts = {tariff_id for location in locations for tariff_id in location.tariff_ids.values()}
    others = {tariff_id for location in locations for ids in location.other_tariff_ids.values() for tariff_id in ids}
    return get_tariffs(tx=tx, tariff_ids=sorted(firsts | others))


def tariff_history(*, tx: Tx, location_id: uuid.UUID, before: uuid.UUID | None, limit: int) -> list[TariffPeriod]:
    """Which tariff each pool of the caller's location had when, newest first."""
    location = get_managed(tx=tx, location_id=location_id)
    return repository.tariff_periods(tx, location.id, before=before, limit=limit)


def terms_in_words(*, tx: Tx, location_id: uuid.UUID, terms: BookingTerms | None = None) -> tuple[BookingTerms, list[str]]:
    """A location's booking terms and the sentences that say them; with `terms` those that its owner thinks of setting."""
    access = get_visible if terms is None else get_managed
    location = access(tx=tx, location_id=location_id)
    shown = location.booking_terms if terms is None else BookingTerms.model_validate(terms.model_dump())
    tariffs = tariffs_of(tx=tx, locations=[location]).values()
    cap = tx.settings.fee_cap_percent
    return shown, terms_text.sentences(shown, tariffs, location.currency, fee_cap_percent=cap)


def create_location(*, tx: Tx, location_in: LocationCreate) -> Location:
    """A new location of the caller, a draft until they submit it."""
    if tx.actor.id is None:
        raise Conflict("A location needs an owner.")
    if location_in.latitude == location_in.longitude == 0:
        raise Invalid.one("latitude", "0, 0 is no place: give the real coordinates")
    location = Location(
        id=new_id(),
        owner_id=tx.actor.id,
        status=LocationStatus.DRAFT.value,
        booking_terms=BookingTerms(),
        evses=(),
        tariff_ids={},
        **{name: getattr(location_in, name) for name in type(location_in).model_fields},
    )
    repository.insert_location(tx, location)
    tx.audit("location.create", object_type="location", object_id=location.id, after=location_in.model_dump(mode="json"))
    return location


def list_managed(
    *,
    tx: Tx,
    status: str | None,
    owner_id: uuid.UUID | None,
    proposed: bool = False,
    before: uuid.UUID | None,
    limit: int,
) -> list[Location]:
    """The locations that the caller runs, in any state, newest first; administrators see all, or an owner's. With `proposed`
    only those of which a change waits for an administrator."""
    staff_id = None
    if tx.actor.role == "owner":
        if owner_id is not None and owner_id != tx.actor.id:
            raise Forbidden("owner_id: you see your own locations; leave it out")
        owner_id = staff_id = tx.actor.id
    ids = repository.managed(
        tx, owner_id=owner_id, staff_id=staff_id, status=status, proposed=proposed, before=before, limit=limit
    )
    locations = repository.get_many(tx, ids)
    return [locations[location_id] for location_id in ids]


def managed_ids(*, tx: Tx, limit: int = 1000) -> list[uuid.UUID]:
    """Ids of the locations that the caller owns or helps to run, in any state, newest first."""
    return repository.managed(tx, owner_id=tx.actor.id, staff_id=tx.actor.id, status=None, before=None, limit=limit)


def managed_locations(*, tx: Tx, limit: int) -> list[Location]:
    """The locations that the caller owns or helps to run, in any state, newest first."""
    ids = managed_ids(tx=tx, limit=limit)
    locations = repository.get_many(tx, ids)
    return [locations[location_id] for location_id in ids]


def import_locations(*, tx: Tx, owner_id: uuid.UUID, records: Sequence[LocationRecord]) -> list[uuid.UUID]:
    """Loads approved locations from a city folder. Returns their ids in order. Raises Invalid where a tariff is in another
    currency than its location."""
    for record in records:
        standing = (*record.tariffs.values(), *(item for others in record.other_tariffs.values() for item in others))
        other = next((item for item in standing if item.currency != record.currency), None)
        if other is not None:
            raise Invalid.one(
                f"{record.external_id} tariffs", f"{other.id!r} must be in {record.currency}, not in {other.currency}"
            )
    return repository.insert_records(tx, owner_id, records)


def owned_locations(*, tx: Tx, owner_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    """(id, name) of an owner's locations that are not removed."""
    return repository.owned(tx, owner_id)


def update_location(*, tx: Tx, location_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of a location that the caller has locked; with its point its cells change too."""
    repository.update_location(tx, location_id, **values)


def set_version(*, tx: Tx, location_id: uuid.UUID, version: int) -> None:
    """Notes that a location that the caller has locked is of a new version."""
    repository.update_location(tx, location_id, version=version)


def add_evse(*, tx: Tx, location_id: uuid.UUID, evse: Evse) -> bool:
    """Stores an EVSE with its connectors; False where the location has its uid."""
    return repository.insert_evse(tx, location_id, evse)


def update_evse(
    *, tx: Tx, evse_id: uuid.UUID, status: str | None = None, connectors: Sequence[Connector] | None = None
) -> None:
    """Changes an EVSE's status, or replaces its connectors."""
    repository.update_evse(tx, evse_id, status=status, plugs=connectors)


def add_tariff(*, tx: Tx, location_id: uuid.UUID, tariff: Tariff) -> uuid.UUID:
    """Stores a tariff; it is never changed, so what was quoted by it stays."""
    return repository.insert_tariff(tx, location_id, tariff)


def assign_tariffs(*, tx: Tx, location_id: uuid.UUID, assignment: dict[tuple[str, str], tuple[uuid.UUID, ...]]) -> None:
    """Replaces which tariffs each pool (standard, power class) has, from now on; the history keeps what it had."""
    repository.assign_tariffs(tx, location_id, assignment)


def add_blocked_time(*, tx: Tx, location_id: uuid.UUID, blocked_time: BlockedTime) -> None:
    """Stores a blocked time of a location that the caller has locked."""
    repository.add_blocked_time(tx, location_id, blocked_time)


def end_blocked_time(*, tx: Tx, location_id: uuid.UUID, blocked_time: BlockedTime) -> None:
    """Takes back a blocked time that has not begun; one that has ends now and stays in the list."""
    repository.end_blocked_time(tx, location_id, blocked_time)


def blocked_times(
    *, tx: Tx, location_id: uuid.UUID, ended_after: datetime | None, after: uuid.UUID | None, limit: int
) -> list[BlockedTime]:
    """A location's blocked times in order of id, after the cursor; those of the past too unless `ended_after`."""
    return repository.blocked_times(tx, location_id, ended_after=ended_after, after=after, limit=limit)


def count_stations(*, tx: Tx) -> StationCounts:
    """Locations and EVSEs by state, and what of them waits. For administrators."""
    return repository_counts.counts(tx)


def summaries(*, tx: Tx, location_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, PlaceSummary]:
    """What locations are called and where they are, in any state: for those who have something to do with them."""
    return repository_places.summaries(tx, location_ids)
