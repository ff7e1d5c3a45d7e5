"""From a driver's needs to ranked offers: the surroundings, the core's candidates, the policy's ranking."""

import functools
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from functions.booking import service as booking
from functions.booking.limits import Limits
from functions.optimizer.core import candidates as core
from functions.optimizer.core.candidates import NOTHING, Candidates, Reason, candidates
from functions.optimizer.core.features import Climatology, features, observe
from functions.optimizer.core.objective import TERMS, cost_terms
from functions.optimizer.core.places import great_circle_km
from functions.optimizer.core.requests import Requests
from functions.optimizer.domain import Offer
from functions.optimizer.explanations import (
    EXPLANATIONS,
    kept_free,
    more_stops,
    on_the_way_in_words,
    peak_hour,
    reason_in_words,
    spares_the_last,
)
from functions.optimizer.models.climatology import pool_key
from functions.optimizer.models.policy import LoadedModel, Ranking, rank
from functions.optimizer.models.registry import ModelRegistry
from functions.optimizer.models.shadow import ShadowChoice, watch
from functions.optimizer.needs import ChargingNeeds
from functions.optimizer.surroundings import (
    RequestingDriver,
    Surroundings,
    anything_in_reach,
    requests_of,
    surroundings_of,
    within_limits,
)
from shared.errors import LimitReached
from shared.money import minor_digits
from shared.platform import Platform
from shared.slots import slot_start
from shared.tx import Tx


@dataclass(frozen=True)
class Decision:
    """What was weighed for one driver's needs, best first by the ranking."""

    around: Surroundings
    rows: Candidates
    ranking: Ranking
    requests: Requests
    """The needs as the core takes them: a batch of one."""
    reason: str | None
    """Why nothing is left, None where something is: a word of Reason, or LIMIT_REACHED."""
    features: np.ndarray
    """What the policy saw of the rows: [1, K, F]."""
    known: Climatology
    """The climatology around the driver."""
    shadow: ShadowChoice | None = None
    """What a challenger would have chosen."""
    refusal: LimitReached | None = None
    """The error that reserving would meet, with LIMIT_REACHED."""

    def offer(self, rank: int) -> Offer:
        """The row of a rank, every term in units that people read."""
        row = int(self.ranking.order[rank])
        rows, around = self.rows, self.around
        location = around.locations[int(rows.location[0, row])]
        pool = around.pools[int(rows.pool[0, row])]
        start, end = self.period(row)
        return Offer(
            location_id=location.id,
            location_name=location.name,
            address=", ".join(part for part in (location.address, location.city) if part),
            connector=pool.standard,
            power_class=pool.power_class,
            power_kw=pool.power_kw,
            start=start,
            end=end,
            distance_km=round(float(rows.km[0, row]), 3),
            travel_minutes=round(float(rows.travel_min[0, row]), 1),
            arrival=start - timedelta(minutes=float(rows.wait_min[0, row])),
            wait_minutes=round(float(rows.wait_min[0, row]), 1),
            duration_minutes=round(float(rows.duration_min[0, row]), 1),
            price_minor=round(float(rows.price[0, row]) * 10 ** minor_digits(location.currency)),
            currency=location.currency,
            cost=round(float(rows.cost[0, row]), 6),
            cost_terms={name: round(float(term[0, row]), 6) for name, term in zip(TERMS, self.terms(), strict=True)},
            score=round(float(self.ranking.scores[row]), 6),
            why=self.why(row),
        )

    def period(self, row: int) -> tuple[datetime, datetime]:
        """When a booking of a row begins and ends: whole minutes."""
        return _period(self.around, self.rows, row)

    def terms(self) -> tuple[np.ndarray, ...]:
        """The weighted terms of every row."""
        rows = self.rows
        return cost_terms(
            self.requests.weights,
            wait_h=rows.wait_min / 60.0,
            price=rows.price,
            km=rows.km,
            duration_h=rows.duration_min / 60.0,
            price_unit=self.around.city.price_unit,
        )

    def why(self, row: int) -> str:
        """A row against the nearest way to charge, in words; and whom it leaves the last EVSE, where the policy put it
        before the cheapest row for that."""
        rows = self.rows
        count = int(rows.mask[0].sum())
        currency = self.around.locations[int(rows.location[0, row])].currency
        from_the_end = self._from_the_end(count)
        if from_the_end is None:
            comparison = reason_in_words(rows, row, self.nearest_row(), currency)
        else:
            comparison = on_the_way_in_words(rows, row, from_the_end, currency)
        cheapest = int(rows.cost[0, :count].argmin())
        preferred = self.ranking.fallback is None and self.ranking.scores[row] > self.ranking.scores[cheapest]
        if not preferred or not spares_the_last(rows, self.features, row, cheapest):
            return comparison
        return f"{comparison}, {self._spared(cheapest)}"

    def nearest_row(self) -> int:
        """The first row to begin at the nearest location; with a destination at the one of least detour."""
        rows, count = self.rows, int(self.rows.mask[0].sum())
        return int(np.lexsort((rows.start[0, :count], rows.km[0, :count]))[0])

    def _from_the_end(self, count: int) -> int | None:
        """The first of `count` rows that begins at the location nearest the destination; None without one."""
        to_latitude, to_longitude = self.requests.to_latitude, self.requests.to_longitude
        if to_latitude is None or to_longitude is None:
            return None
        city, location = self.around.city, self.rows.location[0, :count]
        left = great_circle_km(city.latitude[location], city.longitude[location], to_latitude[0], to_longitude[0])
        return int(np.lexsort((self.rows.start[0, :count], left))[0])

    def _spared(self, row: int) -> str:
        """The EVSE that `row` would have taken, in words."""
        rows, around = self.rows, self.around
        pool_index, start = int(rows.pool[0, row]), int(rows.start[0, row])
        pool, location = around.pools[pool_index], around.locations[int(rows.location[0, row])]
        alike = [other for other in around.pools if (other.location_id, other.power_class) == (location.id, pool.power_class)]
        hour = peak_hour(self.known, pool_index, start, start + int(rows.length[0, row]), around.occupancy.minute_of_day / 60.0)
        return kept_free(pool.power_class, location.name, hour, plug=len(alike) > 1)

    def explanation(self, reason: str) -> str:
        """Why nothing can be reserved, in words."""
        if reason == "LIMIT_REACHED" and self.refusal is not None:
            return self.refusal.detail
        return more_stops(float(self.rows.gets_km[0])) if reason == Reason.NEEDS_MORE_STOPS else EXPLANATIONS[reason]

    def __len__(self) -> int:
        return len(self.ranking.order)


def decide(
    *,
    platform: Platform,
    tx: Tx,
    registry: ModelRegistry,
    needs: ChargingNeeds,
    driver: RequestingDriver,
    watched: bool = False,
    holds: bool = False,
) -> Decision:
    """Ranks what may be offered for the needs, on the bookings as they are now and within the driver's limits.

    Nothing is proposed that reserving would refuse by these limits, and nothing is held here. `watched`: a challenger scores
    too, in what is left of the deadline. `holds`: what is chosen is to be held as an offer.
    """
    full = surroundings_of(tx, needs)
    requests = requests_of(needs, tx.now)
    car = booking.car_of(tx=tx, user_id=driver.id, vehicle_id=driver.vehicle_id)
    limits = booking.limits_of(tx=tx, user_id=driver.id, car=car, holds=holds)
    around = within_limits(full, limits, needs)
    champion, deadline = registry.current(), platform.settings.decision_deadline_ms
    known, history = _climatology_around(champion, around)
    rows, seen = observe(around.city, requests, around.occupancy, around.rates, known, whole_minutes=True)
    ranking = rank(
        champion,
        rows,
        seen,
        clock=platform.clock,
        deadline_ms=deadline,
        refusal=registry.refusal,
        known=known,
        history=history,
    )
    shadow, challenger = None, registry.challenger if watched else None
    if challenger is not None and len(ranking.order):
        score = functools.partial(_scores, challenger, around, requests, rows)
        left = (deadline - ranking.latency_ms) / 1000
        shadow = watch(challenger.manifest.version, score, rows, chosen=int(ranking.order[0]), budget_s=left)
    reason_index = int(rows.reason[0])
    reason = None if reason_index < 0 else core.REASONS[reason_index]
    if reason is Reason.OUT_OF_REACH and anything_in_reach(tx, needs):
        reason = Reason.NO_CONNECTOR
    refusal = None if reason is None else _refusal(full, requests, limits)
    why = reason if refusal is None else "LIMIT_REACHED"
    return Decision(around, rows, ranking, requests, why, seen, known, shadow, refusal)


def _refusal(full: Surroundings, requests: Requests, limits: Limits) -> LimitReached | None:
    """The limit in the way of the cheapest row there would be without limits; None where there would be none either."""
    rows = candidates(full.city, requests, full.occupancy, full.rates, whole_minutes=True)
    if not rows.mask.any():
        return None
    location = full.locations[int(rows.location[0, 0])]
    return limits.refusal(location.booking_terms, location.id, *_period(full, rows, 0))


def _period(around: Surroundings, rows: Candidates, row: int) -> tuple[datetime, datetime]:
    start = slot_start(around.slot0) + timedelta(minutes=round(float(rows.begin_min[0, row])))
    shortest = float(around.city.shortest_min[int(rows.pool[0, row])])
    return start, start + timedelta(minutes=max(1, math.ceil(max(shortest, float(rows.duration_min[0, row])) - NOTHING)))


HISTORY = 0.5
"""Of this share of the pools around the driver the tables must tell, for a network to decide there."""


def _climatology_around(model: LoadedModel | None, around: Surroundings) -> tuple[Climatology, bool]:
    """What a version's tables know of the pools around the driver, and whether that is a history of the place: without one
    the network is behind the greedy rule (docs/learning.md)."""
    if model is None or model.tables is None or not around.pools:
        return Climatology.unknown(len(around.pools), around.occupancy.slots), False
    locations = {location.id: location for location in around.locations}
    keys = [
        pool_key(location.latitude, location.longitude, pool.standard, pool.power_class)
        for pool, location in ((pool, locations[pool.location_id]) for pool in around.pools)
    ]
    zones = [locations[pool.location_id].time_zone for pool in around.pools]
    known = model.tables.around(keys, zones, around.slot0, around.occupancy.slots)
    return known, model.tables.share_known(keys) >= HISTORY


def _scores(model: LoadedModel, around: Surroundings, requests: Requests, rows: Candidates) -> np.ndarray:
    """A challenger's scores, by features of its own climatology: [rows]."""
    known, _ = _climatology_around(model, around)
    return model.score(rows, features(around.city, requests, around.occupancy, rows, known), known)
