"""Climatology in serving: what training days taught of an average weekday and an average day of a weekend, tables a pool, as
a file beside the model.

A pool is known by where it is and what it has, not by the id a database gave it: a city is learnt from its folder and
served from a database that numbers its locations anew.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from functions.optimizer.core.city import City
from functions.optimizer.core.features import ROW_FEATURES, Climatology
from functions.optimizer.models.manifest import Refused
from functions.stations.enums import ConnectorType, power_class
from shared.slots import SLOTS_A_DAY, SLOTS_A_QUARTER, slot_start

QUARTERS = 96
KINDS = ("occupancy", "demand", "price")
DAYS = ("weekday", "weekend")
REGRET, BID_PRICE = ROW_FEATURES.index("regret"), ROW_FEATURES.index("bid_price")
_STANDARDS = tuple(ConnectorType)


def pool_key(latitude: float, longitude: float, standard: str, power_class: str) -> str:
    """A pool's key: the place to a metre (in hundred-thousandths of a degree), connector standard and power class."""
    return f"{round(latitude * 1e5)},{round(longitude * 1e5)},{standard},{power_class}"


def keys_of(city: City) -> list[str]:
    """The keys of a city's pools: [P]."""
    return [
        pool_key(float(city.latitude[location]), float(city.longitude[location]), _STANDARDS[bit].value, power_class(kw).value)
        for location, bit, kw in zip(
            city.pool_location.tolist(), city.pool_standard.tolist(), city.pool_power_kw.tolist(), strict=True
        )
    ]


@dataclass(frozen=True)
class PolicyBlend:
    """How far a city's own training days bear out the network's A and the bid prices: Q = network x A - regret - prices x
    bid price, each from 0 to 1. (0, 0) is greedy, (1, 0) the network as it was learnt, (0, 1) the static bid price."""

    network: float = 1.0
    prices: float = 0.0

    def scores(self, scores: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Scores A - regret of rows [M], by their features [M, F], as they are to be trusted."""
        if self == AS_LEARNT:
            return scores
        regret = features[:, REGRET]
        blended: np.ndarray = self.network * (scores + regret) - regret - self.prices * features[:, BID_PRICE]
        return blended


AS_LEARNT, GREEDY = PolicyBlend(), PolicyBlend(0.0, 0.0)


@dataclass(frozen=True)
class Tables:
    """Average local days of pools: `values` float32 [N, 2, 3, 96], a row a key: for each of DAYS, KINDS (share busy, EVSEs,
    cost of a quarter hour) by quarter hour of local time. `blend` is what those days bore out."""

    keys: tuple[str, ...]
    values: np.ndarray
    blend: PolicyBlend = AS_LEARNT

    def check(self) -> "Tables":
        """Itself. Raises Refused for a wrong shape, a key that stands twice, or numbers below 0 or not finite."""
        wanted = (len(self.keys), len(DAYS), len(KINDS), QUARTERS)
        if self.values.shape != wanted:
            raise Refused(f"climatology: values are {list(self.values.shape)}, must be {list(wanted)}")
        if not (0.0 <= self.blend.network <= 1.0 and 0.0 <= self.blend.prices <= 1.0):
            raise Refused(f"climatology: trust must be two numbers from 0 to 1, not {self.blend}")
        if len(set(self.keys)) != len(self.keys):
            raise Refused("climatology: a key stands twice")
        for number, kind in enumerate(KINDS):
            if not np.isfinite(self.values[:, :, number]).all():
                raise Refused(f"climatology: {kind} has values that are not finite")
            if (self.values[:, :, number] < 0).any():
                raise Refused(f"climatology: {kind} has values below 0")
        return self

    def to_bytes(self) -> bytes:
        """The file: an .npz of `keys`, `values` and `trust`, without pickle."""
        out = io.BytesIO()
        keys, values = np.array(self.keys, dtype=np.str_), self.values.astype(np.float32)
        blend = np.array([self.blend.network, self.blend.prices])
        np.savez_compressed(out, keys=keys, values=values, trust=blend)
        return out.getvalue()

    @classmethod
    def of_bytes(cls, data: bytes) -> "Tables":
        """Reads the file; one of an average day [N, 3, 96] is of every day, one without trust is as it was learnt. Raises
        Refused where it is not one."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                keys, values = archive["keys"], archive["values"]
                blend = archive["trust"] if "trust" in archive.files else np.array([AS_LEARNT.network, AS_LEARNT.prices])
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise Refused(f"climatology: not an .npz of keys and values: {str(error)[:200]}") from error
        if keys.ndim != 1 or keys.dtype.kind != "U":
            raise Refused("climatology: keys must be a list of strings")
        if values.dtype != np.float32:
            raise Refused(f"climatology: values are {values.dtype}, must be float32")
        if values.ndim == 3:
            values = np.repeat(values[:, None], len(DAYS), axis=1)
        if blend.shape != (2,) or blend.dtype != np.float64:
            raise Refused("climatology: trust must be two float64")
        return cls(tuple(keys.tolist()), values, PolicyBlend(*blend.tolist())).check()

    @cached_property
    def _index(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.keys)}

    def share_known(self, keys: Sequence[str]) -> float:
        """Of how many of the pools [P] the tables tell, from 0 to 1."""
        return sum(key in self._index for key in keys) / max(1, len(keys))

    def around(self, keys: Sequence[str], zones: Sequence[str], slot0: int, slots: int) -> Climatology:
        """The core's climatology of pools [P] by key and IANA zone, over `slots` from `slot0` on: each slot has its local
        quarter hour's value of its local kind of day, of the price its part, so the day the clocks go back has an hour twice.
        Zeros for pools that are not known."""
        values = np.zeros((len(KINDS), len(keys), slots))
        local = {zone: local_quarters(zone, slot0, slots) for zone in set(zones)}
        for number, (key, zone) in enumerate(zip(keys, zones, strict=True)):
            row = self._index.get(key)
            if row is not None:
                weekend, quarter = local[zone]
                values[:, number] = self.values[row][weekend, :, quarter].T
        values[KINDS.index("price")] /= SLOTS_A_QUARTER
        return Climatology(*values)


def local_quarters(zone: str, slot0: int, slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each slot begins on a day of a weekend (0 or 1), and in which quarter hour of the local day: [slots] each."""
    place, early = ZoneInfo(zone), slot0 % SLOTS_A_QUARTER
    # Clocks change at quarter hours, so all slots of one are alike.
    begins = range(slot0 - early, slot0 + slots, SLOTS_A_QUARTER)
    local = [slot_start(number).astimezone(place) for number in begins]
    weekend = np.array([int(at.weekday() >= 5) for at in local], dtype=np.int64)
    quarter = np.array([at.hour * 4 + at.minute // 15 for at in local], dtype=np.int64)
    weekends, quarters = (np.repeat(values, SLOTS_A_QUARTER)[early : early + slots] for values in (weekend, quarter))
    return weekends, quarters


def by_quarters(values: np.ndarray) -> np.ndarray:
    """Means of quarter hours of values by slot, [..., T] from a quarter hour on to [..., T / SLOTS_A_QUARTER]. Raises
    ValueError where T is not whole quarter hours."""
    if values.shape[-1] % SLOTS_A_QUARTER:
        raise ValueError(f"values: must be of whole quarter hours, not of {values.shape[-1]} slots")
    means: np.ndarray = values.reshape(*values.shape[:-1], -1, SLOTS_A_QUARTER).mean(axis=-1)
    return means


def tables_of(city: City, weekday: Climatology, weekend: Climatology | None = None) -> Tables:
    """A training scenario's climatologies [P, T], which begin at local midnight, as tables: the quarter hours of their first
    day, of the price their sum. Pools with the same key share their mean; without a `weekend` every day is alike. Raises
    ValueError below a day, Refused for numbers no table may have."""
    days = [np.stack([item.occupancy, item.demand, item.price], axis=1) for item in (weekday, weekend or weekday)]
    whole = np.stack(days, axis=1)
    if whole.shape[3] < SLOTS_A_DAY:
        raise ValueError(f"weekday: has {whole.shape[3]} slots, must have a day's {SLOTS_A_DAY}")
    whole = by_quarters(whole[..., :SLOTS_A_DAY])
    whole[:, :, KINDS.index("price")] *= SLOTS_A_QUARTER
    groups: dict[str, list[int]] = {}
    for number, key in enumerate(keys_of(city)):
        groups.setdefault(key, []).append(number)
    rows = [whole[group].mean(axis=0) for group in groups.values()]
    values = np.stack(rows) if rows else np.zeros((0, len(DAYS), len(KINDS), QUARTERS))
    return Tables(tuple(groups), values.astype(np.float32)).check()
