"""How many locations and EVSEs there are in each state."""

import sqlalchemy as sa

from functions.stations.domain import StationCounts
from functions.stations.enums import LocationStatus
from functions.stations.tables import evse, location
from shared.tx import Tx


def counts(tx: Tx) -> StationCounts:
    """The counts of now: four statements."""
    places, points = location.c, evse.c
    by_status = sa.select(places.status, sa.func.count().label("number")).group_by(places.status)
    of_evses = (
        sa.select(points.status, sa.func.count().label("number"))
        .join(location, places.id == points.location_id)
        .where(places.status == LocationStatus.APPROVED.value)
        .group_by(points.status)
    )
    proposed = sa.select(sa.func.count()).select_from(location).where(places.proposed.is_not(None))
    oldest = sa.select(places.updated_at).where(places.status == LocationStatus.SUBMITTED.value)
    return StationCounts(
        locations={row.status: row.number for row in tx.execute(by_status)},
        evses={row.status: row.number for row in tx.execute(of_evses)},
        changes_proposed=int(tx.execute(proposed).scalar_one()),
        oldest_waiting_since=tx.execute(oldest.order_by(places.updated_at).limit(1)).scalar(),
    )
