"""The forecast's timer: what EVSEs, sessions and bookings say is brought into memory, what was forecast for now is compared
with it, all groups of a page of locations are scored in one batch, and the forecasts are stored. One transaction a page.

A run that repeats or overlaps another finds its pages done: memories are read with their locks, a group that has forecasts
for this step is left alone.
"""

import logging
import uuid
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa

from functions.booking import sessions as booking
from functions.forecast import repository as repository
from functions.forecast.features import AHEAD, DAY, HORIZONS, STEP_MINUTES, Memory, features, observe, without_left
from functions.forecast.memory import Group, Key, pack, unpack
from functions.forecast.model import FORECAST, WARM, Chances, Source, by_last_observation, by_table, score, shipped_table
from functions.forecast.repository import Forecast
from functions.optimizer.models.policy import LoadedModel
from functions.optimizer.models.registry import ModelRegistry
from functions.stations import service as stations
from functions.stations.domain import UNUSABLE, Location
from functions.stations.enums import EvseStatus, power_class
from functions.stations.feed import service as feed
from shared.db import is_duplicate
from shared.platform import Platform
from shared.slots import SLOT, slot_of, slot_start
from shared.tx import Tx

log = logging.getLogger(__name__)
PAGE = 250
"""Locations of one transaction: memory and locks stay small however many there are."""
STEP = timedelta(minutes=STEP_MINUTES)
BINS = 20
KEEP_FORECASTS, KEEP_MEMORIES, KEEP_FIGURES = timedelta(hours=1), 60 * DAY, timedelta(days=180)
ABSENT = frozenset({EvseStatus.PLANNED.value, EvseStatus.REMOVED.value})
TAKEN = frozenset({EvseStatus.CHARGING.value, EvseStatus.BLOCKED.value, EvseStatus.RESERVED.value})
UNKNOWN = EvseStatus.UNKNOWN.value

_sources: "weakref.WeakKeyDictionary[Platform, ModelRegistry]" = weakref.WeakKeyDictionary()


def forecast_registry(platform: Platform) -> ModelRegistry:
    """The process's holder of the forecast's champion, one a platform."""
    return _sources.setdefault(platform, ModelRegistry(platform.blobs, platform.clock, FORECAST))


def step_of(at: datetime) -> int:
    """The number of five minutes since 1970 in which an instant lies."""
    return int(at.timestamp()) // (60 * STEP_MINUTES)


def instant_of(step: int) -> datetime:
    """When a step begins."""
    return datetime.fromtimestamp(step * 60 * STEP_MINUTES, UTC)


@dataclass(frozen=True)
class Run:
    """What a run did: groups forecast, of them by the model, and forecasts compared with what came true."""

    groups: int = 0
    by_model: int = 0
    compared: int = 0

    def __add__(self, other: "Run") -> "Run":
        return Run(self.groups + other.groups, self.by_model + other.by_model, self.compared + other.compared)


def forecast_availability(platform: Platform) -> Run:
    """Forecasts every approved location's groups for the step that is now, and prunes. Does nothing twice."""
    source = forecast_registry(platform)
    model, total, after = source.current(), Run(), None
    if model is None:
        log.warning("no forecast model serves, the table answers: %s", source.refusal)
    now = platform.clock.now()
    while True:
        read = partial(stations.approved_locations, after=after, limit=PAGE)
        page = platform.read(lambda tx, read=read: read(tx=tx))  # type: ignore[misc]
        if page:
            total += _forecast_page(platform, page, model, now)
        if len(page) < PAGE:
            break
        after = page[-1].id
    limits = {
        "forecasts_before": now - KEEP_FORECASTS,
        "memories_before": step_of(now) - KEEP_MEMORIES,
        "reliability_before": now - KEEP_FIGURES,
    }
    while platform.transact(lambda tx: repository.prune(tx, **limits)) >= repository.PRUNED:  # type: ignore[arg-type]
        pass
    log.info("forecast of %s groups, %s by the model; %s compared", total.groups, total.by_model, total.compared)
    return total


def _forecast_page(platform: Platform, page: list[Location], model: LoadedModel | None, now: datetime) -> Run:
    try:
        return platform.transact(partial(_page, page=page, model=model, step=step_of(now)))
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):  # a run beside this one met these groups for the first time too, and was quicker
            return Run()
        raise


def _page(tx: Tx, *, page: list[Location], model: LoadedModel | None, step: int) -> Run:
    at, ids = instant_of(step), [location.id for location in page]
    groups = groups_of(page)
    rows = repository.memories(tx, ids)
    done = {
        (item.location_id, item.power_class)
        for item in repository.of_locations(tx, ids, after=at + AHEAD[0] * STEP - STEP, until=at + AHEAD[0] * STEP)
        if item.horizon_minutes == HORIZONS[0]
    }
    groups = [group for group in groups if group.key not in done]
    if not groups:
        return Run()
    seen = look(tx, page, groups, unpack(groups, rows), step)
    seen.bring_forward()
    compared = _compare(tx, seen, ids, at)
    forecasts = _forecasts(tx, seen, model)
    repository.insert(tx, forecasts)
    kept = [number for number, group in enumerate(groups) if seen.memory.step[number] == step]
    made = dict(zip([group.key for group in groups], pack(groups, seen.memory), strict=True))
    keys = [groups[number].key for number in kept]
    repository.put_memories(tx, step, {key: made[key] for key in keys}, [key for key in keys if key in rows])
    by_model = sum(item.source == Source.MODEL for item in forecasts) // len(HORIZONS)
    return Run(len(forecasts) // len(HORIZONS), by_model, compared)


def groups_of(page: Sequence[Location]) -> list[Group]:
    """The groups of locations: points by the class of their strongest connector; planned and removed ones are none."""
    found: dict[Key, list[uuid.UUID]] = {}
    for location in page:
        for evse in location.evses:
            if evse.status not in ABSENT and evse.connectors:
                group = power_class(max(plug.max_power_kw for plug in evse.connectors)).value
                found.setdefault((location.id, group), []).append(evse.id)
    return [Group(location, group, tuple(sorted(evses))) for (location, group), evses in sorted(found.items())]


@dataclass
class Seen:
    """What is known of a page's groups [G] and their points [E] at a step, and their memory."""

    groups: list[Group]
    memory: Memory
    step: int
    zones: list[str]
    power: np.ndarray
    """kW of each group's strongest point, [G]."""
    first: int
    """The first step that is made up, at most a day ago."""
    taken: np.ndarray
    """Which points have a car, at each step from `first` on, bool [K, E]."""
    usable: np.ndarray
    """Which can be used and are heard of, or have no feed, likewise."""
    unknown: np.ndarray
    """Points whose feed is silent, bool [E]."""
    live: np.ndarray
    """Points that are heard now, bool [E]."""
    claimed: np.ndarray
    """Points claimed by bookings that have not begun, blocked or closed, now and at each horizon, bool [E, 1 + horizons]."""

    @cached_property
    def observed(self) -> np.ndarray:
        """Groups with a point that can be used, bool [G]."""
        return self.memory.sums(self.usable[-1].astype(np.float64)) > 0

    @cached_property
    def fed(self) -> np.ndarray:
        """Groups of which every usable point is heard now, bool [G]."""
        return self.observed & (self.memory.sums((self.usable[-1] & ~self.live).astype(np.float64)) == 0)

    def local(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hour, minute and weekday of a step where each group is, [G] each."""
        at = instant_of(step)
        times = {zone: at.astimezone(ZoneInfo(zone)) for zone in set(self.zones)}
        found = np.array([(times[zone].hour, times[zone].minute, times[zone].weekday()) for zone in self.zones], dtype=np.int64)
        return found[:, 0], found[:, 1], found[:, 2]

    def bring_forward(self) -> None:
        """Makes up the steps since each group was last seen, and the one that is now."""
        for number, step in enumerate(range(self.first, self.step + 1)):
            usable = self.usable[number]
            only = self.observed & (self.memory.sums(usable.astype(np.float64)) > 0)
            if step < self.step:
                only &= self.fed
            if only.any():
                hour, _, weekday = self.local(step)
                new = usable & (only & (self.memory.step < step))[self.memory.group]
                taken = without_left(self.memory, step, self.taken[number], new)
                observe(self.memory, step, taken, usable, hour=hour, weekend=weekday >= 5, only=only)

    def free_now(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Usable points, those free, and those free and not claimed now, by group [G]: cars that were left do not count."""
        usable = self.usable[-1] & ~self.memory.left
        free = usable & ~self.memory.busy
        return tuple(self.memory.sums(part.astype(np.float64)) for part in (usable, free, free & ~self.claimed[:, 0]))  # type: ignore[return-value]


def look(tx: Tx, page: Sequence[Location], groups: list[Group], memory: Memory, step: int) -> Seen:
    """Asks stations and bookings about groups, back to the step each was last seen at, at most a day."""
    places = {location.id: location for location in page}
    evses = [evse for group in groups for evse in group.evse_ids]
    number = {evse: place for place, evse in enumerate(evses)}
    first = int(np.clip(np.where(memory.step < 0, 0, memory.step + 1).min(), step - DAY, step))
    ids = sorted({group.location_id for group in groups})
    steps = [instant_of(each) for each in range(first, step)] + [tx.now]
    taken, usable = np.zeros((len(steps), len(evses)), bool), np.zeros((len(steps), len(evses)), bool)
    unknown, live = np.zeros(len(evses), bool), np.zeros(len(evses), bool)
    for states in feed.states_of(tx=tx, location_ids=ids, since=steps[0]).values():
        for state in states:
            place = number.get(state.evse_id)
            if place is None:
                continue
            unknown[place], live[place] = state.status == UNKNOWN, state.live
            if not state.changes:
                usable[:, place], taken[:, place] = state.status not in UNUSABLE, state.status in TAKEN
                continue
            for row, at in enumerate(steps):
                status = state.status if row == len(steps) - 1 else state.status_at(at)
                usable[row, place], taken[row, place] = status is not None and status not in UNUSABLE, status in TAKEN
    known = booking.committed(
        tx=tx, location_ids=ids, evse_ids=evses, start=tx.now, end=instant_of(step + int(AHEAD[-1])) + timedelta(seconds=1)
    )
    for evse, began in known.running.items():
        if evse in number:
            taken[[at >= began for at in steps], number[evse]] = True
    claimed = np.zeros((len(evses), 1 + len(HORIZONS)), bool)
    slots = [slot_start(slot_of(at)) for at in [tx.now] + [instant_of(step + int(ahead)) for ahead in AHEAD]]
    for evse, slot in known.claimed:
        claimed[number[evse], [slot == each for each in slots]] = True
    for location in page:
        if location.opening_times is not None or location.blocked:
            _shut(location, slots, number, claimed)
    kw = {
        evse.id: max(plug.max_power_kw for plug in evse.connectors) for item in page for evse in item.evses if evse.connectors
    }
    power = np.array([max(kw[evse] for evse in group.evse_ids) for group in groups])
    zones = [places[group.location_id].time_zone for group in groups]
    return Seen(groups, memory, step, zones, power, first, taken, usable, unknown, live, claimed)


def _shut(location: Location, slots: list[datetime], number: dict[uuid.UUID, int], claimed: np.ndarray) -> None:
    """Marks the points of a location that are closed or blocked in the quarter hours of `slots`."""
    blocked = list(location.blocked_evses())
    for place, slot in enumerate(slots):
        shut = not location.opened(slot, 1)[0]
        evses = (
            [evse.id for evse in location.evses]
            if shut
            else [id for id, item in blocked if item.period_begin < slot + SLOT and slot < item.period_end]
        )
        claimed[[number[evse] for evse in evses if evse in number], place] = True


def _compare(tx: Tx, seen: Seen, location_ids: list[uuid.UUID], at: datetime) -> int:
    """Adds what was forecast for now to the figures, where now is known, and deletes it. Returns how many."""
    due = repository.due(tx, location_ids, at)
    points, _, free = seen.free_now()
    known = seen.fed & (points > 0)
    place = {group.key: number for number, group in enumerate(seen.groups)}
    rows = [(item, place.get((item.location_id, item.power_class))) for item in due if item.target_time == at]
    judged = [(item, number) for item, number in rows if number is not None and known[number]]
    numbers = np.array([number for _, number in judged], dtype=np.int64)
    day = at.replace(hour=0, minute=0)
    share = 1.0 - free[numbers] / np.maximum(points[numbers], 1.0)
    tallies = repository.tally([item for item, _ in judged], free[numbers] > 0, share, day=day, bins=BINS)
    repository.add_tallies(tx, tallies)
    if due:
        repository.forget_due(tx, location_ids, at)
    return len(judged)


def _forecasts(tx: Tx, seen: Seen, model: LoadedModel | None) -> list[Forecast]:
    memory, groups = seen.memory, seen.groups
    usable = seen.usable[-1] & ~memory.left
    booked = np.stack([memory.sums((part & seen.usable[-1]).astype(np.float64)) for part in seen.claimed[:, 1:].T], axis=1)
    points, free, _ = seen.free_now()
    hour, minute, weekday = seen.local(seen.step)
    inputs = features(
        memory, seen.step, usable, hour=hour, minute=minute, weekday=weekday, power=seen.power, booked=booked
    )  # fmt: skip
    sources = np.where(points > 0, Source.TABLE, Source.LAST_OBSERVATION).astype(object)
    chances = by_table(shipped_table(), points, free, booked)
    asked = np.flatnonzero((points > 0) & seen.fed & (memory.warm >= WARM))
    answer = score(model, inputs[asked]) if len(asked) else None
    if answer is not None:
        sources[asked] = Source.MODEL
        chances.p_free[asked], chances.occupancy[asked] = answer.p_free, answer.occupancy
    nobodys = (booked >= points[:, None]) & (points[:, None] > 0)
    chances.p_free[nobodys], chances.occupancy[nobodys] = 0.0, 1.0
    silent = _silent(seen)
    rows = np.flatnonzero(points == 0)
    chances.p_free[rows], chances.occupancy[rows] = silent.p_free[rows], silent.occupancy[rows]
    nothing = (points == 0) & (memory.sums(seen.unknown.astype(np.float64)) > 0) & (memory.step < 0)
    version = None if model is None else model.manifest.version
    return [
        Forecast(
            group.location_id, group.power_class, instant_of(seen.step + int(AHEAD[place])), minutes,
            float(chances.p_free[number, place]), float(chances.occupancy[number, place]), tx.now,
            version if sources[number] == Source.MODEL else None, str(sources[number]),
        )
        for number, group in enumerate(groups) if not nothing[number]
        for place, minutes in enumerate(HORIZONS)
    ]  # fmt: skip


def _silent(seen: Seen) -> Chances:
    """As it was when last heard, of groups whose points are all silent; nothing is free where all are out of order."""
    memory = seen.memory
    points = memory.sums(seen.unknown.astype(np.float64))
    free = memory.sums((seen.unknown & ~memory.busy).astype(np.float64))
    booked = np.stack([memory.sums((part & seen.unknown).astype(np.float64)) for part in seen.claimed[:, 1:].T], axis=1)
    return by_last_observation(points, free, booked)
