"""Dynamic prices of a location: its owner's rule, under If-Match as every edit."""

import uuid

from functions.operators.service import edit
from functions.stations import prices
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.price_rules import PriceRule
from shared.tx import Tx


def get_rule(*, tx: Tx, location_id: uuid.UUID) -> Location:
    """The caller's location with its rule. Raises NotFound."""
    return stations.get_managed(tx=tx, location_id=location_id)


def put_rule(*, tx: Tx, location_id: uuid.UUID, rule: PriceRule | None, if_match: str | None) -> Location:
    """Replaces the rule, or removes it (None). What is booked keeps the quote it was booked with. Raises what `edit` does."""

    def change(location: Location) -> None:
        prices.put_rule(tx=tx, location_id=location.id, rule=rule)

    return edit(tx=tx, location_id=location_id, if_match=if_match, action="location.price_rule", change=change)
