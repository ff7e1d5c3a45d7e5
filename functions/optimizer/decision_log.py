"""A decision as it is kept: every row that was weighed, in columns, with its terms and its score. Pure."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from functions.optimizer.core.objective import TERMS
from functions.optimizer.serving import Decision
from shared.slots import SLOT_S, slot_start


def decision_record(
    decision: Decision, *, chosen: int | None, look: int, deadline_ms: float, reason: str | None, why: str | None
) -> dict[str, Any]:
    """The whole decision as JSON. `chosen` is the rank of the row that was reserved, None: none was,
    for `reason`; `why` says either in words.

    `candidates` are columns of equal length, cheapest first: `pool` indexes `pools` (whose `location` indexes `locations`),
    `start` and `length` are slots of `slot_minutes` from `begins_at` on, `begin_min` minutes from it, `wait_min` and
    `duration_min` minutes, `price` in major units of `currency`, `km` by road, `cost` the sum of the four `terms` (cost),
    `score` the policy's (higher is better).
    `chosen_row` and the shadow's `row` are indices of these columns.
    """
    rows, around, ranking = decision.rows, decision.around, decision.ranking
    count = int(rows.mask[0].sum())
    used, pool = np.unique(rows.pool[0, :count], return_inverse=True)
    locations = sorted({int(around.city.pool_location[pool_index]) for pool_index in used.tolist()})
    weights = decision.requests.weights[0].tolist()
    return {
        "policy": ranking.policy,
        "version": ranking.version,
        "fallback": ranking.fallback,
        "latency_ms": round(ranking.latency_ms, 3),
        "deadline_ms": deadline_ms,
        "look": look,
        "chosen_row": None if chosen is None else int(ranking.order[chosen]),
        "why": why,
        "reason": reason,
        "weights": dict(zip(TERMS, [round(weight, 6) for weight in weights], strict=True)),
        "price_unit": round(around.city.price_unit, 6),
        "currency": around.city.currency,
        "begins_at": slot_start(around.slot0).isoformat(),
        "slot_minutes": SLOT_S // 60,
        "locations": [{"id": str(around.locations[index].id), "name": around.locations[index].name} for index in locations],
        "pools": [
            {
                "location": locations.index(int(around.city.pool_location[pool_index])),
                "connector": around.pools[pool_index].standard,
                "power_class": around.pools[pool_index].power_class,
                "power_kw": around.pools[pool_index].power_kw,
            }
            for pool_index in used.tolist()
        ],
        "candidates": {
            "pool": pool.tolist(),
            "start": rows.start[0, :count].tolist(),
            "length": rows.length[0, :count].tolist(),
            "begin_min": _rounded(rows.begin_min[0, :count], 0),
            "wait_min": _rounded(rows.wait_min[0, :count], 1),
            "price": _rounded(rows.price[0, :count], 3),
            "km": _rounded(rows.km[0, :count], 3),
            "duration_min": _rounded(rows.duration_min[0, :count], 1),
            "terms": {name: _rounded(term[0, :count], 5) for name, term in zip(TERMS, decision.terms(), strict=True)},
            "cost": _rounded(rows.cost[0, :count], 5),
            "score": _rounded(ranking.scores[:count], 5),
        },
        "shadow": None if decision.shadow is None else _shadow(asdict(decision.shadow)),
    }


def _shadow(choice: dict[str, Any]) -> dict[str, Any]:
    return choice | {"cost": round(choice["cost"], 5), "score": round(choice["score"], 5)}


def _rounded(values: Iterable[float], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
