"""Dynamic prices of locations: the factors that count now for the coming week. What has no rule, or none fresh, costs what its
tariff says."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from functions.stations import repository, repository_prices
from functions.stations import service as stations
from functions.stations.domain import Location
from functions.stations.price_rules import PriceRule
from functions.tariffs.price_steps import AS_THE_TARIFF, PriceSteps
from shared.tx import Tx

FRESH = timedelta(minutes=15)
"""How old factors may be that count: older ones are 1."""
AHEAD = timedelta(days=7)
"""How far ahead factors are worked out; later starts cost what the tariff says."""
ByClass = dict[tuple[uuid.UUID, str], PriceSteps]


def steps_of(*, tx: Tx, locations: Sequence[Location], until: datetime) -> ByClass:
    """The factors of locations before an instant, by location and power class, inside their rules as they stand now; absent
    where what the tariff says counts. No statement where no location has a rule."""
    rules = {location.id: location.price_rule for location in locations if location.price_rule is not None}
    if not rules:
        return {}
    stored = repository_prices.steps(tx, sorted(rules), until=until, fresh=tx.now - FRESH)
    return {key: PriceSteps.of((start, rules[key[0]].held(factor)) for start, factor in steps) for key, steps in stored.items()}


def steps_at(*, tx: Tx, location: Location, power_class: str, start: datetime, end: datetime) -> PriceSteps:
    """The factors of a power class over [start, end)."""
    by_class = steps_of(tx=tx, locations=[location], until=end)
    return by_class.get((location.id, power_class), AS_THE_TARIFF).within(start, end)


def ruled_locations(*, tx: Tx, after: uuid.UUID | None = None, limit: int = 100) -> list[Location]:
    """A page of the approved locations with a price rule, in order of id."""
    ids = repository_prices.ruled(tx, after=after, limit=limit)
    locations = repository.get_many(tx, ids)
    return [locations[location_id] for location_id in ids]


def put_steps(*, tx: Tx, location_id: uuid.UUID, by_class: Mapping[str, Sequence[tuple[datetime, Decimal]]]) -> None:
    """Notes the factors of a location as they were worked out now, by power class: each from an instant on."""
    repository_prices.put(tx, location_id, by_class)


def put_rule(*, tx: Tx, location_id: uuid.UUID, rule: PriceRule | None) -> None:
    """Replaces or removes the rule of a location that the caller has locked; without one its factors are forgotten."""
    repository.update_location(tx, location_id, price_rule=None if rule is None else rule.model_dump(mode="json"))
    if rule is None:
        repository_prices.forget(tx, location_id)


@dataclass(frozen=True)
class PriceWeek:
    """What counts at a location from now on."""

    location: Location
    worked_out_at: datetime | None
    """When its factors were worked out; None: never, or too long ago to count."""
    by_class: Mapping[str, PriceSteps]
    """By power class."""


def week(*, tx: Tx, location_id: uuid.UUID) -> PriceWeek:
    """The factors of the coming week at a location that the caller may see. Raises NotFound."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    by_class = steps_of(tx=tx, locations=[location], until=tx.now + AHEAD)
    written_at = None if location.price_rule is None else repository_prices.written_at(tx, location.id)
    fresh = written_at is not None and written_at >= tx.now - FRESH
    return PriceWeek(
        location, written_at if fresh else None, {power_class: steps for (_, power_class), steps in by_class.items()}
    )
