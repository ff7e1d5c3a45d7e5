"""What somebody would have us remember: language, usual vehicle, what matters to them, their places. Read and changed whole."""

import uuid
from typing import Any

from functions.accounts import repository, repository_preferences
from functions.accounts.preferences_schemas import Preferences, PreferencesUpdate
from functions.accounts.service import find_vehicle
from shared.errors import Invalid, Unauthenticated
from shared.tx import Tx


def get(*, tx: Tx) -> Preferences:
    """The caller's preferences; where they have said nothing, that of nobody. A vehicle that is gone is not named."""
    assert tx.actor.id is not None
    return _standing(tx, tx.actor.id)


def of_user(*, tx: Tx, user_id: uuid.UUID) -> Preferences:
    """Somebody's preferences, for the platform's own use."""
    return _standing(tx, user_id)


def _standing(tx: Tx, user_id: uuid.UUID) -> Preferences:
    stored = repository_preferences.get(tx, user_id)
    preferences = Preferences() if stored is None else Preferences.model_validate(stored)
    vehicle_id = preferences.vehicle_id
    if vehicle_id is not None and find_vehicle(tx=tx, user_id=user_id, vehicle_id=vehicle_id) is None:
        return preferences.model_copy(update={"vehicle_id": None})
    return preferences


def update(*, tx: Tx, changes: PreferencesUpdate) -> Preferences:
    """Changes what is given; null takes it back. Raises Invalid for a vehicle that is not the caller's."""
    user_id = tx.actor.id
    if user_id is None or not repository.lock_user(tx, user_id):
        raise Unauthenticated("This account no longer exists.")
    values: dict[str, Any] = {name: getattr(changes, name) for name in changes.model_fields_set}
    for name in ("book_at_once", "places"):
        if values.get(name, ...) is None:
            values[name] = Preferences.model_fields[name].get_default(call_default_factory=True)
    vehicle_id = values.get("vehicle_id")
    if vehicle_id is not None and find_vehicle(tx=tx, user_id=user_id, vehicle_id=vehicle_id) is None:
        raise Invalid.one("vehicle_id", "is none of your vehicles")
    changed = _standing(tx, user_id).model_copy(update=values)
    repository_preferences.put(tx, user_id, changed.model_dump(mode="json"))
    return changed
