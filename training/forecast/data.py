"""A city's recorded sessions as the forecast's task: which points of which group are taken at each step of five minutes, what
came true 15 to 60 minutes later, and the features replayed step by step as serving would have seen them.

A point counts from its first session on. A session counts for at most a day. A step whose group has no point yet is no row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from functions.forecast.features import AHEAD, DAY, FORECAST_FEATURES, LONGEST, STEP_MINUTES, WEEK, Memory, features, observe
from functions.optimizer.core.city import CityFolder, load_city, load_sessions
from functions.stations.enums import power_class

STEP_S = STEP_MINUTES * 60
PARTS = (0.6, 0.8)
"""Where the recorded steps divide into training, validation and test."""
LEAST_DAYS, LEAST_SESSIONS = 28, 500
"""Below this a city's last fifth says nothing."""
LEAD_MEAN_STEPS = 18
"""How long ahead synthetic bookings are made: 90 minutes on average, as cities/demand.py has it."""


class TooFewSessionsError(ValueError):
    """The city has too few recorded sessions; the text says what there is and what is needed."""


@dataclass(frozen=True)
class Records:
    """Sessions of a city, S in all, in steps of five minutes; E points in order of their group, G groups."""

    name: str
    """of the city"""
    origin: int
    """its first step, counted since 1970"""
    groups: tuple[tuple[str, str], ...]
    """location and power class of each group"""
    group: np.ndarray
    """each point's group, [E]"""
    power: np.ndarray
    """each point's kW, [E]"""
    point: np.ndarray
    """each session's point, [S]"""
    begin: np.ndarray
    """each session's first step, [S]"""
    end: np.ndarray
    """the step after each session's last, [S]"""
    local: np.ndarray
    """Hour, minute, weekday of each step in the city's zone, [T, 3]."""
    recorded: np.ndarray
    """Steps in which the city was recorded at all, bool [T]: a week in which nothing begins anywhere is a hole."""

    @property
    def steps(self) -> int:
        """How many steps there are, T."""
        return len(self.local)

    @cached_property
    def opened(self) -> np.ndarray:
        """The step of each point's first session, [E]."""
        first = np.full(len(self.group), self.steps)
        np.minimum.at(first, self.point, self.begin)
        return first

    @cached_property
    def taken(self) -> np.ndarray:
        """Which points have a car, bool [T, E]; a session counts for LONGEST steps."""
        end = np.minimum(self.end, self.begin + LONGEST)
        change = np.zeros((self.steps + 1, len(self.group)), dtype=np.int16)
        np.add.at(change, (np.clip(self.begin, 0, self.steps), self.point), 1)
        np.add.at(change, (np.clip(end, 0, self.steps), self.point), -1)
        taken: np.ndarray = np.cumsum(change, axis=0)[:-1] > 0
        return taken

    @cached_property
    def capacity(self) -> np.ndarray:
        """Points of each group, [T, G]."""
        rows = np.arange(self.steps)[:, None] >= self.opened
        return np.stack([rows[:, self.group == number].sum(axis=1) for number in range(len(self.groups))], axis=1)

    @cached_property
    def busy(self) -> np.ndarray:
        """Taken points of each group, [T, G]."""
        return np.stack([self.taken[:, self.group == number].sum(axis=1) for number in range(len(self.groups))], axis=1)

    def bounds(self) -> tuple[int, int]:
        """The steps where validation and test begin, by share of the recorded steps."""
        recorded_steps = np.flatnonzero(self.recorded)
        validation, test = (int(recorded_steps[int(len(recorded_steps) * part)]) for part in PARTS)
        return validation, test

    def rows(self, begin: int, end: int, every: int = 1) -> np.ndarray:
        """Steps in [begin, end) whose farthest target lies before `end`, all recorded."""
        steps = np.arange(begin, end - int(AHEAD[-1]), every)
        return steps[self.recorded[steps] & self.recorded[steps + int(AHEAD[-1])]]


def load_records(folder: Path) -> Records:
    """A city folder's sessions. Raises TooFewSessionsError, Invalid for a folder that cannot be read."""
    city, sessions = load_city(folder), load_sessions(folder)
    kept = [item for item in sessions if item.end > item.start]
    days = {item.start.date() for item in kept}
    if len(days) < LEAST_DAYS or len(kept) < LEAST_SESSIONS:
        raise TooFewSessionsError(
            f"{city.name}: {len(kept):,} recorded sessions on {len(days)} days are too few to forecast or to judge by; "
            f"at least {LEAST_SESSIONS} on {LEAST_DAYS} days are needed"
        )
    groups, points = _points(city)
    begin = np.array([int(np.ceil(item.start.timestamp() / STEP_S)) for item in kept])
    end = np.array([int(np.ceil(item.end.timestamp() / STEP_S)) for item in kept])
    origin = int(begin.min())
    steps = int(max(item.start.timestamp() for item in kept) // STEP_S) - origin + 1
    return Records(
        name=city.name,
        origin=origin,
        groups=groups,
        group=np.array([group for group, _ in points.values()]),
        power=np.array([power for _, power in points.values()]),
        point=_numbers(points, [item.evse_id for item in kept]),
        begin=begin - origin,
        end=end - origin,
        local=_local_times(city, origin, steps),
        recorded=_recorded(begin - origin, steps),
    )


def _numbers(points: dict[str, tuple[int, float]], names: list[str]) -> np.ndarray:
    number = {name: index for index, name in enumerate(points)}
    return np.array([number[name] for name in names])


def _points(city: CityFolder) -> tuple[tuple[tuple[str, str], ...], dict[str, tuple[int, float]]]:
    """The groups, and each point's group and kW, in order of group: a point is of the class of its strongest connector."""
    kw = {
        evse: (location.location_id, max(plug.max_power_kw for plug in plugs))
        for location in city.locations
        for evse, plugs in location.evses
    }
    groups = sorted({(location, power_class(power).value) for location, power in kw.values()})
    number = {group: index for index, group in enumerate(groups)}
    points = {evse: (number[location, power_class(power).value], power) for evse, (location, power) in kw.items()}
    return tuple(groups), dict(sorted(points.items(), key=lambda item: (item[1][0], item[0])))


def _local_times(city: CityFolder, origin: int, steps: int) -> np.ndarray:
    zone = ZoneInfo(city.time_zone)
    local_times = (datetime.fromtimestamp((origin + step) * STEP_S, UTC).astimezone(zone) for step in range(steps))
    return np.array([(local_time.hour, local_time.minute, local_time.weekday()) for local_time in local_times], dtype=np.int64)


def _recorded(begin: np.ndarray, steps: int) -> np.ndarray:
    recorded = np.ones(steps, dtype=bool)
    starts = np.unique(begin)
    for last, following in pairwise(starts.tolist()):
        if following - last > WEEK:
            recorded[last + DAY : following] = False
    return recorded


def booked_ahead(records: Records, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic bookings: in each group a share of the sessions (a tenth, three or six tenths) was booked before it began.
    Which plug-ins those are, bool [T, E], and at each step the points of each group that are claimed by bookings not begun
    yet at each horizon, [T, G, horizons]. No public record has bookings; who books comes."""
    rng = np.random.default_rng(seed)
    shares = rng.choice((0.1, 0.3, 0.6), len(records.groups))
    where = records.group[records.point]
    chosen = rng.random(len(where)) < shares[where]
    lead = np.ceil(rng.exponential(LEAD_MEAN_STEPS, len(where))).astype(int)
    plugged = np.zeros((records.steps, len(records.group)), dtype=bool)
    begins = chosen & (records.begin < records.steps)
    plugged[records.begin[begins], records.point[begins]] = True
    claims = np.zeros((records.steps + 1, len(records.groups), len(AHEAD)), dtype=np.int32)
    for number, ahead in enumerate(AHEAD):
        first = np.maximum(records.begin - lead, records.begin - ahead)
        last = np.minimum(records.begin, records.end - ahead)
        rows = chosen & (first < last) & (first >= 0) & (last <= records.steps)
        np.add.at(claims[:, :, number], (first[rows], where[rows]), 1)
        np.add.at(claims[:, :, number], (last[rows], where[rows]), -1)
    return plugged, np.minimum(np.cumsum(claims, axis=0)[:-1], records.capacity[:, :, None]).astype(np.float32)


def replay(
    records: Records, wanted: np.ndarray, bookings: tuple[np.ndarray, np.ndarray] | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """(step, features [G, F]) of the `wanted` steps (ascending), with all that came before remembered."""
    taken, memory = records.taken, Memory.new(records.group, len(records.groups))
    power = np.zeros(len(records.groups))
    np.maximum.at(power, records.group, records.power)
    none = np.zeros((len(records.groups), len(AHEAD)), dtype=np.float32)
    ones = np.ones(len(records.groups), dtype=np.int64)
    ask = np.zeros(records.steps, dtype=bool)
    ask[wanted] = True
    last = int(wanted[-1]) if len(wanted) else -1
    for step in range(last + 1):
        if not records.recorded[step]:
            continue
        hour, minute, weekday = (ones * value for value in records.local[step])
        usable = records.opened <= step
        plugged = None if bookings is None else bookings[0][step]
        observe(memory, step, taken[step], usable, hour=hour, weekend=weekday >= 5, booked=plugged)
        if ask[step]:
            claims = none if bookings is None else bookings[1][step]
            yield step, features(memory, step, usable, hour=hour, minute=minute, weekday=weekday, power=power, booked=claims)


@dataclass(frozen=True)
class Sample:
    """N rows of the task."""

    inputs: np.ndarray
    """features, [N, F]"""
    share: np.ndarray
    """busy share at each horizon, [N, horizons]"""
    free: np.ndarray
    """whether a point is free at each horizon, [N, horizons]"""
    share_now: np.ndarray
    """busy share now, [N]"""
    free_now: np.ndarray
    """free points now, [N]"""
    step: np.ndarray
    """when it is, [N]"""


def sample(
    records: Records, steps: np.ndarray, bookings: tuple[np.ndarray, np.ndarray] | None = None, *, read: bool = True
) -> Sample:
    """The rows of some steps; without `read` what came true alone, and no features."""
    capacity, busy = records.capacity, records.busy
    row = capacity[steps] > 0
    inputs = np.zeros((int(row.sum()), len(FORECAST_FEATURES) if read else 0), dtype=np.float32)
    if read:
        first = 0
        for (_, features_of_groups), kept in zip(replay(records, steps, bookings), row, strict=True):
            inputs[first : first + int(kept.sum())] = features_of_groups[kept]
            first += int(kept.sum())
    then = steps[:, None] + AHEAD
    share = (busy / np.maximum(capacity, 1)).astype(np.float32)
    return Sample(
        inputs,
        share[then].transpose(0, 2, 1)[row],
        (busy < capacity)[then].transpose(0, 2, 1)[row],
        share[steps][row],
        (capacity - busy)[steps][row],
        np.broadcast_to(steps[:, None], row.shape)[row],
    )
