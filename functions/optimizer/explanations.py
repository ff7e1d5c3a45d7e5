"""Why a row was chosen, or none could be, in words. Pure."""

import math

import numpy as np

from functions.optimizer.core.candidates import Candidates
from functions.optimizer.core.features import ROW_FEATURES, Climatology
from functions.optimizer.core.places import SPEED_KMH
from functions.stations.enums import PowerClass
from shared.slots import SLOTS_AN_HOUR

EXPLANATIONS = {
    "OUT_OF_REACH": "No station is within reach of the battery, or of the radius asked for.",
    "NEEDS_MORE_STOPS": "The trip needs more than one stop.",
    "NO_CONNECTOR": "No station within reach has a connector that fits the vehicle.",
    "WINDOW_TOO_SHORT": "The time given is too short to drive to a station and charge that much there.",
    "CLOSED": "Every station that fits is closed at that time.",
    "ALL_FULL": "Every station that fits is full over the whole time.",
    "LIMIT_REACHED": "A booking limit of the driver or the station stands in the way.",
    "TOO_LATE": "The time you asked for is over; nothing was booked.",
    "PLATFORM": "Something failed on our side: nothing was booked, and nothing will be. Please ask again.",
    "OFFER_EXPIRED": "The slot we held for you was not accepted in time and is free again. Ask again whenever you like.",
    "OFFER_WITHDRAWN": "The operator took away the place that we held for you. Ask again whenever you like.",
}
"""The sentence for each reason why nothing is reserved."""
FALLBACKS = {
    "NO_HISTORY": "no history of this city yet",
    "MODEL_MISSING": "no model is there",
    "MODEL_FAILED": "the model failed",
    "DEADLINE": "the model took too long",
    "NOT_FINITE": "the model gave no usable answer",
    "GUARD": "the model's choice was far worse than the rule's",
}
"""Why a rule decided instead of the champion."""


def decided_by(policy: str | None, fallback: str | None) -> str | None:
    """Who decided, and why where it was not the champion: `greedy, no history of this city yet`."""
    if policy is None or fallback is None:
        return policy
    return f"{policy}, {FALLBACKS.get(fallback, fallback)}"


LAST_POINT, BID_PRICE, DEMAND = (ROW_FEATURES.index(name) for name in ("last_point", "bid_price", "demand_ahead"))
CLASS_WORDS = {
    PowerClass.SLOW: "slow",
    PowerClass.FAST: "fast",
    PowerClass.RAPID: "rapid",
    PowerClass.ULTRA: "ultra-rapid",
    PowerClass.MEGA: "high-power",
}
PEAK = 1.25
"""How far above its mean over the horizon a pool must be wanted for it to be a peak."""
DAY_PARTS = ((6, "night"), (11, "morning"), (16, "midday"), (22, "evening"), (24, "night"))
"""Until which local hour a part of the day lasts."""


def reason_in_words(rows: Candidates, row: int, nearest: int, currency: str) -> str:
    """How row `row` differs from the nearest one (of request 0): `12 min later than the nearest, 2.10 EUR cheaper`."""
    if row == nearest:
        return (
            "the nearest, with no wait"
            if rows.wait_min[0, row] < 1
            else f"the nearest, {rows.wait_min[0, row]:.0f} min after arrival"
        )
    parts = []
    farther = float(rows.km[0, row] - rows.km[0, nearest])
    if farther >= 0.1:
        parts.append(f"{farther:.1f} km farther than the nearest")
    done = [float(rows.begin_min[0, item] + rows.duration_min[0, item]) for item in (row, nearest)]
    sooner = done[1] - done[0]
    if abs(sooner) >= 1:
        parts.append(f"done {abs(sooner):.0f} min {'sooner' if sooner > 0 else 'later'}")
    cheaper = float(rows.price[0, nearest] - rows.price[0, row])
    if abs(cheaper) >= 0.005:
        parts.append(f"{abs(cheaper):.2f} {currency} {'cheaper' if cheaper > 0 else 'dearer'}")
    return ", ".join(parts) or "as good as the nearest"


def more_stops(gets_km: float) -> str:
    """Why a trip cannot be finished with one stop, and how far it gets."""
    return f"The trip needs more than one stop: with one you get {math.floor(gets_km)} km towards your destination."


def on_the_way_in_words(rows: Candidates, row: int, at_the_end: int, currency: str) -> str:
    """What row `row` (of request 0) costs on the way to a destination: `4 minutes off your way, 2.10 EUR cheaper than at the
    destination`. `at_the_end` is the row nearest the destination."""
    off = round(float(rows.km[0, row]) / SPEED_KMH * 60)
    where = "on your way" if off < 1 else f"{off} {'minute' if off == 1 else 'minutes'} off your way"
    parts = ["at the destination" if row == at_the_end else where]
    if rows.wait_min[0, row] >= 1:
        parts.append(f"{rows.wait_min[0, row]:.0f} min after arrival")
    cheaper = float(rows.price[0, at_the_end] - rows.price[0, row])
    if abs(cheaper) >= 0.005:
        parts.append(f"{abs(cheaper):.2f} {currency} {'cheaper' if cheaper > 0 else 'dearer'} than at the destination")
    return ", ".join(parts)


def spares_the_last(rows: Candidates, features: np.ndarray, row: int, cheapest: int) -> bool:
    """Whether row `row` leaves somebody the last EVSE that the cheapest row would have taken (of request 0, `features`
    [1, K, F]): and, where anything is known of demand, one that is worth more to others than what it takes itself."""
    seen = features[0]
    if row == cheapest or not seen[cheapest, LAST_POINT]:
        return False
    begin, stop = rows.start[0], rows.start[0] + rows.length[0]
    apart = stop[row] <= begin[cheapest] or stop[cheapest] <= begin[row]
    if rows.pool[0, row] == rows.pool[0, cheapest] and not apart:
        return False
    for known in (BID_PRICE, DEMAND):
        if seen[cheapest, known] != seen[row, known]:
            return bool(seen[cheapest, known] > seen[row, known])
    return not seen[cheapest, BID_PRICE] and not seen[cheapest, DEMAND]


def peak_hour(known: Climatology, pool: int, start: int, stop: int, hour0: float) -> float | None:
    """The local hour at which a pool is most wanted within slots [start, stop), by bid price, else by expected demand;
    None unless that is PEAK times its mean over the horizon. `hour0` is the local hour at which the horizon begins."""
    for table in (known.price[pool], known.demand[pool]):
        if table.any():
            slot = start + int(table[start:stop].argmax())
            return (hour0 + slot / SLOTS_AN_HOUR) % 24.0 if table[slot] > PEAK * table.mean() else None
    return None


def kept_free(power_class: str, place: str, hour: float | None, *, plug: bool) -> str:
    """`keeps the last rapid charger at Stadhuis free for the evening peak`; `hour` is the peak's local hour, None: for
    others. `plug`: the place has pools of this class with other connectors."""
    when = "others" if hour is None else f"the {next(name for until, name in DAY_PARTS if hour < until)} peak"
    kind = CLASS_WORDS[PowerClass(power_class)]
    return f"keeps the last {kind} charger{' with this plug' if plug else ''} at {place} free for {when}"
