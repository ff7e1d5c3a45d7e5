"""Changes of an approved place that wait for an administrator: what drivers know a place by is what was approved.

Otherwise an owner could rename an approved place into any sentence, and the platform would send it to every phone.
"""

import uuid
from typing import Any

from functions.operators import repository
from functions.operators.revisions import LocationDocument
from functions.stations import service as stations
from functions.stations.domain import Location, Submission
from functions.stations.enums import LocationStatus
from shared.db import new_id
from shared.tx import Tx

KNOWN_BY = ("name", "address", "city")
"""What is decided by an administrator once the place is approved."""
APPROVED_ONCE = (LocationStatus.APPROVED, LocationStatus.SUSPENDED)


def hold_back(tx: Tx, location: Location, values: dict[str, Any], *, document: LocationDocument) -> dict[str, Any]:
    """Takes what waits for an administrator out of an owner's changes, and returns the rest.

    What waits already stays, unless it is written anew; written as it stands it waits no more. `document` is the location as
    it is compared; what is proposed is kept beside the submissions with the change made.
    """
    if tx.actor.role != "owner" or location.status not in APPROVED_ONCE:
        return values
    wanted = {name: values[name] for name in KNOWN_BY if name in values}
    rest = {name: value for name, value in values.items() if name not in KNOWN_BY}
    if not wanted:
        return rest
    proposed = {
        name: value for name, value in {**(location.proposed or {}), **wanted}.items() if value != getattr(location, name)
    }
    if proposed == (location.proposed or {}):
        return rest
    close(tx, location, decision="WITHDRAWN", reason=None)
    if proposed:
        row = (new_id(), location.id, location.version + 1, {**document, **proposed}, tx.now, tx.actor.id)
        repository.add_submission(tx, Submission(*row, None, None, None, None))
    stations.update_location(tx=tx, location_id=location.id, proposed=proposed or None)
    return rest


def close(tx: Tx, location: Location, *, decision: str, reason: str | None) -> uuid.UUID | None:
    """Closes the submission that waits, where there is one (none were kept at first). Returns its id."""
    for latest in repository.submissions(tx, location.id, before=None, limit=1):
        if latest.decision is None:
            repository.decide_submission(tx, latest.id, decision=decision, reason=reason)
            return latest.id
    return None
