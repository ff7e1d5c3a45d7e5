"""Memories of groups as bytes: one row a group, so that a run reads and writes a page of locations at a time."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from functions.forecast.features import AGES, HOURS, RECENT, Memory

FORMAT = 1
_PARTS = (
    ("recent", (RECENT + 1,)),
    ("means", (2,)),
    ("occupancy", (2, HOURS)),
    ("plugins", (2, HOURS)),
    ("unplugs", (2, HOURS)),
    ("seen", (2, HOURS)),
    ("risk", (AGES,)),
    ("ended", (AGES,)),
    ("booked", ()),
)
_WIDTH = sum(int(np.prod(shape)) for _, shape in _PARTS)
_HEAD = np.dtype([("format", "<u2"), ("points", "<u2"), ("warm", "<u4"), ("step", "<i8")])
_POINT = np.dtype([("id", "V16"), ("since", "<f8"), ("rate", "<f4"), ("busy", "u1"), ("left", "u1")])

GroupKey = tuple[uuid.UUID, str]
"""A group: location and power class."""


@dataclass(frozen=True)
class Group:
    """A location's points of one power class, in order of id."""

    location_id: uuid.UUID
    power_class: str
    evse_ids: tuple[uuid.UUID, ...]

    @property
    def key(self) -> GroupKey:
        """Location and class."""
        return self.location_id, self.power_class


def unpack(groups: Sequence[Group], rows: Mapping[GroupKey, bytes]) -> Memory:
    """The memory of groups, in their order; what has no row, or one of another format, is new. Points that came since are
    new, points that went are forgotten."""
    sizes = [len(group.evse_ids) for group in groups]
    memory = Memory.new(np.repeat(np.arange(len(groups)), sizes), len(groups))
    first = 0
    for number, group in enumerate(groups):
        data = rows.get(group.key)
        if data is not None:
            _read(memory, number, first, group, data)
        first += sizes[number]
    return memory


def _read(memory: Memory, number: int, first: int, group: Group, data: bytes) -> None:
    head = np.frombuffer(data, _HEAD, count=1)[0] if len(data) >= _HEAD.itemsize else None
    if head is None or head["format"] != FORMAT:
        return
    points = int(head["points"])
    if len(data) != _HEAD.itemsize + 4 * _WIDTH + points * _POINT.itemsize:
        return
    memory.step[number], memory.warm[number] = int(head["step"]), int(head["warm"])
    values = np.frombuffer(data, "<f4", count=_WIDTH, offset=_HEAD.itemsize)
    offset = 0
    for name, shape in _PARTS:
        size = int(np.prod(shape))
        getattr(memory, name)[number] = values[offset : offset + size].reshape(shape)
        offset += size
    known = np.frombuffer(data, _POINT, count=points, offset=_HEAD.itemsize + 4 * _WIDTH)
    row_of = {bytes(row["id"]): index for index, row in enumerate(known)}
    for point, evse_id in enumerate(group.evse_ids, start=first):
        index = row_of.get(evse_id.bytes)
        if index is not None:
            row = known[index]
            memory.since[point], memory.rate[point] = row["since"], row["rate"]
            memory.busy[point], memory.left[point] = row["busy"] == 1, row["left"] == 1


def pack(groups: Sequence[Group], memory: Memory) -> list[bytes]:
    """The rows of groups, in their order."""
    sizes = np.array([len(group.evse_ids) for group in groups], dtype=np.int64)
    heads = np.zeros(len(groups), _HEAD)
    heads["format"], heads["points"] = FORMAT, sizes
    heads["warm"], heads["step"] = np.minimum(memory.warm, 1 << 30), memory.step
    values = np.concatenate([getattr(memory, name).reshape(len(groups), -1) for name, _ in _PARTS], axis=1).astype("<f4")
    points = np.zeros(len(memory.group), _POINT)
    ids = b"".join(evse_id.bytes for group in groups for evse_id in group.evse_ids)
    points["id"] = np.frombuffer(ids, "V16")
    points["since"], points["rate"] = memory.since, memory.rate
    points["busy"], points["left"] = memory.busy, memory.left
    ends = np.cumsum(sizes)
    return [
        heads[number].tobytes() + values[number].tobytes() + points[ends[number] - sizes[number] : ends[number]].tobytes()
        for number in range(len(groups))
    ]
