"""A tariff as rates for the optimizer: what energy and time cost in each slot; tables of stored tariffs, kept.

Restrictions are evaluated in the location's local time by the tariff engine itself (`pricing.active`), once for each slot
of the local week that somebody asks about, not for each slot of each decision.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from functions.tariffs.domain import Tariff
from functions.tariffs.restrictions import Dimension, Moment, Use, active
from shared.slots import SLOT_S, SLOTS_A_QUARTER

if TYPE_CHECKING:
    import numpy as np

MONDAY = datetime(2024, 1, 1)
"""A Monday: what depends on weekday and time alone may be asked of any week."""
DAY_MIN, WEEK_MIN, SLOT_MIN = 1440, 10080, SLOT_S // 60


@dataclass(frozen=True)
class SlotRates:
    """A tariff as the optimizer sees it, VAT included, major units: per kWh and per hour in each slot, and once."""

    energy: "np.ndarray"
    time: "np.ndarray"
    flat: float


@lru_cache(maxsize=256)
def local_minutes(time_zone: str, slot0: int, slots: int) -> "np.ndarray":
    """The minute of the local week (Monday 00:00 is 0) at which each slot from number `slot0` on begins: [slots]. Not
    to be written to: it is kept."""
    import numpy as np

    # Clocks change at quarter hours.
    early = slot0 % SLOTS_A_QUARTER
    quarters = _local(time_zone, slot0 - early, slots + early, SLOTS_A_QUARTER)
    starts = np.array([at.weekday() * DAY_MIN + at.hour * 60 + at.minute for at in quarters], dtype=np.int64)
    steps = np.arange(SLOTS_A_QUARTER) * SLOT_MIN
    minutes = (starts[:, None] + steps).reshape(-1)[early : early + slots]
    minutes.flags.writeable = False
    return minutes


def _local(time_zone: str, slot0: int, slots: int, every: int = 1) -> Iterable[datetime]:
    zone = ZoneInfo(time_zone)
    return (datetime.fromtimestamp((slot0 + number) * SLOT_S, UTC).astimezone(zone) for number in range(0, slots, every))


class RateTable:
    """One tariff at one power. `rates` may be asked by many threads: what it fills in is the same whoever does."""

    def __init__(self, tariff: Tariff, power_kw: float) -> None:
        restricted = [element.restrictions for element in tariff.elements if element.restrictions is not None]
        self._tariff = tariff
        self._kw = Fraction(power_kw).limit_denominator(1000)
        self._dated = any(item.start_date is not None or item.end_date is not None for item in restricted)
        self._period = WEEK_MIN if any(item.day_of_week for item in restricted) else DAY_MIN
        priced = {item.type for element in tariff.elements for item in element.price_components}
        self._priced = [dimension for dimension in Dimension if dimension in priced]
        self._known: dict[Dimension, np.ndarray] = {}

    def _at(self, dimension: Dimension, local: datetime) -> float:
        at = Moment(local, kw=self._kw)
        uses = (Use.SESSION, Use.BOOKING) if dimension is Dimension.FLAT else (Use.SESSION,)
        priced = (active(self._tariff, dimension, at, use) for use in uses)
        return float(sum(self._tariff.gross(component) for component in priced if component is not None))

    def _by_slot(self, dimension: Dimension, slots: "np.ndarray") -> "np.ndarray":
        """The rates in slots of the local week (of the day, where no day differs); each is asked for once."""
        import numpy as np

        known = self._known.setdefault(dimension, np.full(self._period // SLOT_MIN, np.nan))
        missing = np.isnan(known[slots])
        for slot in np.unique(slots[missing]).tolist() if missing.any() else ():
            known[slot] = self._at(dimension, MONDAY + timedelta(minutes=slot * SLOT_MIN))
        rates: np.ndarray = known[slots]
        return rates

    def rates(self, *, time_zone: str, slot0: int, slots: int) -> SlotRates:
        """See `compile_rates`."""
        import numpy as np

        if self._dated:
            local = list(_local(time_zone, slot0, slots))
            flat = self._at(Dimension.FLAT, local[0]) if slots else 0.0
            energy, time = (
                np.array([self._at(dimension, at) for at in local], dtype=np.float64)
                for dimension in (Dimension.ENERGY, Dimension.TIME)
            )
            return SlotRates(energy, time, flat)
        local_slots = local_minutes(time_zone, slot0, slots) % self._period // SLOT_MIN

        def row(dimension: Dimension) -> "np.ndarray":
            return self._by_slot(dimension, local_slots) if dimension in self._priced else np.zeros(slots)

        flat = float(self._by_slot(Dimension.FLAT, local_slots[:1])[0]) if slots and Dimension.FLAT in self._priced else 0.0
        return SlotRates(row(Dimension.ENERGY), row(Dimension.TIME), flat)


def compile_rates(tariff: Tariff, *, time_zone: str, slot0: int, slots: int, power_kw: float) -> SlotRates:
    """SlotRates of each slot from number `slot0` on (counted since the epoch): shapes [slots].

    What depends on consumption or duration is taken as at a session's start; min_price, max_price and step_size are left
    out. Where a tariff has none of those, a booking on slot boundaries costs by these rates what `expected_price` says.
    """
    return RateTable(tariff, power_kw).rates(time_zone=time_zone, slot0=slot0, slots=slots)


class RateTables:
    """Tables of stored tariffs by id, kept: a stored tariff never changes.

    Tariffs of the same text, as an operator gives to all of their stations, share one table. Beyond `size` ids it forgets
    all and begins anew. Safe to use from many threads.
    """

    def __init__(self, size: int = 20_000) -> None:
        self._size = size
        self._by_id: dict[tuple[uuid.UUID, float], RateTable] = {}
        self._by_text: dict[tuple[str, float], RateTable] = {}

    @property
    def tables(self) -> int:
        """How many tables are kept."""
        return len(self._by_text)

    def rates(
        self, tariff_id: uuid.UUID, tariff: Tariff, *, time_zone: str, slot0: int, slots: int, power_kw: float
    ) -> SlotRates:
        """`compile_rates` of the stored tariff `tariff_id`."""
        table = self._by_id.get((tariff_id, power_kw))
        if table is None:
            if len(self._by_id) >= self._size:
                self._by_id.clear()
                self._by_text.clear()
            text = tariff.model_dump_json(exclude={"id", "last_updated"})
            table = self._by_text.setdefault((text, power_kw), RateTable(tariff, power_kw))
            self._by_id[tariff_id, power_kw] = table
        return table.rates(time_zone=time_zone, slot0=slot0, slots=slots)
