"""Station keys: made by a location's owner, shown once, stored as a hash, rotated with a grace time, revoked, listed.

A test makes one by `key = person.post(f"/stations/locations/{location_id}/keys", {"name": "gateway"}).json()["key"]` as an
owner of the location or an administrator, then calls `client.put(..., headers={"Authorization": f"Bearer {key}"})`.
Without HTTP, `platform.transact(lambda tx: station_keys.create_key(tx=tx, location_id=..., name="gateway"))` gives the record
and the secret.
Its role in the authorisation is `shared.web.auth.STATION_KEY`.
"""

import secrets
import uuid
from dataclasses import replace
from datetime import timedelta

from functions.stations import service
from functions.stations.feed import repository
from functions.stations.feed.domain import StationKey
from functions.stations.feed.repository import KeyContext
from shared.db import new_id
from shared.errors import LimitReached, NotFound, Unauthenticated, WrongState
from shared.tx import Tx
from shared.web.auth import KEY_PREFIX, make_station_key, station_key_hash

MAX_KEYS = 10
"""Good keys of one location: one a controller, and some for a change of supplier."""
USED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a write a minute, not one a report."""
SYSTEM_ID = uuid.UUID(int=0)


def create_key(*, tx: Tx, location_id: uuid.UUID, name: str) -> tuple[StationKey, str]:
    """A new key of the caller's location, and its secret. Raises NotFound, LimitReached."""
    location = service.get_owned(tx=tx, location_id=location_id)
    station_key, secret = _make(tx, location.id, name, rotated_from=None)
    tx.audit("station_key.create", object_type="station_key", object_id=station_key.id, after=_audited(station_key))
    return station_key, secret


def _make(tx: Tx, location_id: uuid.UUID, name: str, *, rotated_from: uuid.UUID | None) -> tuple[StationKey, str]:
    good = [key for key in repository.keys_of(tx, location_id) if key.good(tx.now)]
    if len(good) >= MAX_KEYS:
        lifts_at = min((key.valid_until for key in good if key.valid_until is not None), default=None)
        raise LimitReached(
            f"A location may have {MAX_KEYS} keys that are good; revoke one first.",
            limit="station_keys",
            lifts_at=None if lifts_at is None else lifts_at.isoformat(),
        )
    secret = make_station_key()
    station_key = StationKey(
        id=new_id(),
        location_id=location_id,
        name=name,
        hint=secret[-4:],
        token_hash=station_key_hash(secret),
        created_by=tx.actor.id or SYSTEM_ID,
        created_at=tx.now,
        rotated_from=rotated_from,
    )
    repository.add_key(tx, station_key)
    return station_key, secret


def list_keys(*, tx: Tx, location_id: uuid.UUID, after: uuid.UUID | None, limit: int) -> list[StationKey]:
    """The keys of the caller's location, revoked ones too, in order of creation."""
    location = service.get_managed(tx=tx, location_id=location_id)
    return repository.keys_of(tx, location.id, after=after, limit=limit)


def get_owned(*, tx: Tx, key_id: uuid.UUID) -> StationKey:
    """A key of one of the caller's locations, the location locked. Raises NotFound, the same for others' keys as for none."""
    station_key = repository.key_by_id(tx, key_id)
    try:
        if station_key is not None:
            service.get_owned(tx=tx, location_id=station_key.location_id)
            station_key = repository.key_by_id(tx, key_id)
    except NotFound:
        station_key = None
    if station_key is None:
        raise NotFound(f"There is no key {key_id}.")
    return station_key


def rotate_key(*, tx: Tx, key_id: uuid.UUID, grace: timedelta) -> tuple[StationKey, str]:
    """A new key in place of this one, which stays good for `grace` and no longer. Raises NotFound, WrongState where it is
    rotated or revoked already."""
    old = get_owned(tx=tx, key_id=key_id)
    if old.status(tx.now) != "ACTIVE":
        raise WrongState(
            f"The key is {old.status(tx.now)}; only one that is ACTIVE can be rotated.", key_status=old.status(tx.now)
        )
    valid_until = tx.now + grace
    repository.update_key(tx, old.id, valid_until=valid_until)
    station_key, secret = _make(tx, old.location_id, old.name, rotated_from=old.id)
    after = _audited(station_key) | {"valid_until_of_old": valid_until.isoformat()}
    tx.audit("station_key.rotate", object_type="station_key", object_id=old.id, before=_audited(old), after=after)
    return station_key, secret


def revoke_key(*, tx: Tx, key_id: uuid.UUID) -> None:
    """Ends a key at once; again changes nothing. The feed goes on by others, or falls silent."""
    station_key = get_owned(tx=tx, key_id=key_id)
    if station_key.revoked_at is None:
        repository.update_key(tx, station_key.id, revoked_at=tx.now)
        tx.audit("station_key.revoke", object_type="station_key", object_id=station_key.id, before=_audited(station_key))


def _audited(key: StationKey) -> dict[str, str]:
    """What the audit keeps of a key: never the key."""
    return {"id": str(key.id), "location_id": str(key.location_id), "name": key.name, "hint": key.hint, "prefix": KEY_PREFIX}


def authenticated(tx: Tx, context: KeyContext | None) -> KeyContext:
    """What was found for the key of this call, if the key is good; from here on the transaction acts as that key. Notes its
    use. Raises Unauthenticated, the same for unknown, expired and revoked keys."""
    given_hash = tx.actor.key_hash or ""
    # Found by the index of a hash of 190 random bits; the comparison takes as long for every hash that is wrong.
    if context is None or not secrets.compare_digest(context.key.token_hash, given_hash) or not context.key.good(tx.now):
        raise Unauthenticated("The station key is not good (any more); the location's owner makes a new one.")
    tx.actor = replace(tx.actor, id=context.key.id, key_hash=None)
    if context.key.last_used_at is None or tx.now - context.key.last_used_at >= USED_EVERY:
        repository.update_key(tx, context.key.id, last_used_at=tx.now)
    return context
