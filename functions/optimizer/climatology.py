"""Climatology in serving: what training days taught of an average local day, a table a pool, as a file beside the model.

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

from functions.booking.domain import slot_start
from functions.optimizer.city import City
from functions.optimizer.features import Climatology
from functions.optimizer.manifest import Refused
from functions.stations.words import ConnectorType, power_class

QUARTERS = 96
KINDS = ("occupancy", "demand", "price")
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
class Tables:
    """An average local day of pools: `values` float32 [N, 3, 96], a row a key, of KINDS (share busy, EVSEs, cost) by
    quarter hour of local time."""

    keys: tuple[str, ...]
    values: np.ndarray

    def check(self) -> "Tables":
        """Itself. Raises Refused for a wrong shape, a key that stands twice, or numbers below 0 or not finite."""
        wanted = (len(self.keys), len(KINDS), QUARTERS)
        if self.values.shape != wanted:
            raise Refused(f"climatology: values are {list(self.values.shape)}, must be {list(wanted)}")
        if len(set(self.keys)) != len(self.keys):
            raise Refused("climatology: a key stands twice")
        for number, kind in enumerate(KINDS):
            if not np.isfinite(self.values[:, number]).all():
                raise Refused(f"climatology: {kind} has values that are not finite")
            if (self.values[:, number] < 0).any():
                raise Refused(f"climatology: {kind} has values below 0")
        return self

    def to_bytes(self) -> bytes:
        """The file: an .npz of `keys` and `values`, without pickle."""
        out = io.BytesIO()
        np.savez_compressed(out, keys=np.array(self.keys, dtype=np.str_), values=self.values.astype(np.float32))
        return out.getvalue()

    @classmethod
    def of_bytes(cls, data: bytes) -> "Tables":
        """Reads the file. Raises Refused where it is not one."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                keys, values = found["keys"], found["values"]
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise Refused(f"climatology: not an .npz of keys and values: {str(error)[:200]}") from error
        if keys.ndim != 1 or keys.dtype.kind != "U":
            raise Refused("climatology: keys must be a list of strings")
        if values.dtype != np.float32:
            raise Refused(f"climatology: values are {values.dtype}, must be float32")
        return cls(tuple(keys.tolist()), values).check()

    @cached_property
    def _index(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.keys)}

    def around(self, keys: Sequence[str], zones: Sequence[str], slot0: int, slots: int) -> Climatology:
        """The core's climatology of pools [P] by key and IANA zone, over `slots` from `slot0` on: each slot has its local
        quarter hour's value, so the day the clocks go back has an hour twice. Zeros for pools that are not known."""
        made = np.zeros((len(KINDS), len(keys), slots))
        quarters = {zone: local_quarters(zone, slot0, slots) for zone in set(zones)}
        for number, (key, zone) in enumerate(zip(keys, zones, strict=True)):
            row = self._index.get(key)
            if row is not None:
                made[:, number] = self.values[row][:, quarters[zone]]
        return Climatology(*made)


def local_quarters(zone: str, slot0: int, slots: int) -> np.ndarray:
    """The quarter hour of the local day in which each slot begins: [slots]."""
    place = ZoneInfo(zone)
    local = (slot_start(slot0 + number).astimezone(place) for number in range(slots))
    return np.array([at.hour * 4 + at.minute // 15 for at in local], dtype=np.int64)


def tables_of(city: City, known: Climatology) -> Tables:
    """A training scenario's climatology [P, T], which begins at local midnight, as tables: its first 96 slots. Pools with
    the same key share their mean. Raises ValueError below 96 slots, Refused for numbers no table may have."""
    whole = np.stack([known.occupancy, known.demand, known.price], axis=1)
    if whole.shape[2] < QUARTERS:
        raise ValueError(f"known: has {whole.shape[2]} slots, must have a day's {QUARTERS}")
    groups: dict[str, list[int]] = {}
    for number, key in enumerate(keys_of(city)):
        groups.setdefault(key, []).append(number)
    rows = [whole[group, :, :QUARTERS].mean(axis=0) for group in groups.values()]
    values = np.stack(rows) if rows else np.zeros((0, len(KINDS), QUARTERS))
    return Tables(tuple(groups), values.astype(np.float32)).check()
