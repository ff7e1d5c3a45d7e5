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
from functions.forecast import repository
from functions.forecast.features import AHEAD, DAY, HORIZONS, STEP_MINUTES, Memory, features, observe, without_left
from functions.forecast.memory import Group, GroupKey, pack, unpack
from functions.forecast.model import (
    FORECAST,
    WARM,
    Chances,
    Source,
    by_last_observation,
    by_table,
    ladder_of,
    score,
    shipped_table,
)
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

_registries: "weakref.WeakKeyDictionary[Platform, ModelRegistry]" = weakref.WeakKeyDictionary()


def forecast_registry(platform: Platform) -> ModelRegistry:
    """The registry of forecast models in this process, one a platform."""
    return _registries.setdefault(platform, ModelRegistry(platform.blobs, platform.clock, FORECAST))


def step_of(at: datetime) -> int:
    """The number of five minutes since 1970 in which an instant lies."""
    return int(at.timestamp()) // (60 * STEP_MINUTES)


def instant_of(step: int) -> datetime:
    """When a step begins."""
    return datetime.fromtimestamp(step * 60 * STEP_MINUTES, UTC)


@dataclass(frozen=True)
class SweepResult:
    """What a run did: groups forecast, of them by the model at some horizon, and forecasts compared with what came true."""

    groups: int = 0
    by_model: int = 0
    compared: int = 0

    def __add__(self, other: "SweepResult") -> "SweepResult":
        return SweepResult(self.groups + other.groups, self.by_model + other.by_model, self.compared + other.compared)


def forecast_availability(platform: Platform) -> SweepResult:
    """Forecasts every approved location's groups for the step that is now, and prunes. Does nothing twice."""
    registry = forecast_registry(platform)
    model, total, after = registry.current(), SweepResult(), None
    if model is None:
        log.warning("no forecast model serves, the table answers: %s", registry.refusal)
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


def _forecast_page(platform: Platform, page: list[Location], model: LoadedModel | None, now: datetime) -> SweepResult:
    try:
        return platform.transact(partial(_page, page=page, model=model, step=step_of(now)))
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):  # a run beside this one met these groups for the first time too, and was quicker
            return SweepResult()
        raise


def _page(tx: Tx, *, page: list[Location], model: LoadedModel | None, step: int) -> SweepResult:
    now, location_ids = instant_of(step), [location.id for location in page]
    groups = groups_of(page)
    rows = repository.memories(tx, location_ids)
    done = {
        (forecast.location_id, forecast.power_class)
        for forecast in repository.of_locations(
            tx, location_ids, after=now + AHEAD[0] * STEP - STEP, until=now + AHEAD[0] * STEP
        )
        if forecast.horizon_minutes == HORIZONS[0]
    }
    groups = [group for group in groups if group.key not in done]
    if not groups:
        return SweepResult()
    seen = observe_page(tx, page, groups, unpack(groups, rows), step)
    seen.bring_forward()
    compared = _compare(tx, seen, location_ids, now)
    forecasts = _forecasts(tx, seen, model)
    repository.insert(tx, forecasts)
    packed = dict(zip([group.key for group in groups], pack(groups, seen.memory), strict=True))
    keys = [group.key for index, group in enumerate(groups) if seen.memory.step[index] == step]
    repository.put_memories(tx, step, {key: packed[key] for key in keys}, [key for key in keys if key in rows])
    by_model = {(forecast.location_id, forecast.power_class) for forecast in forecasts if forecast.source == Source.MODEL}
    return SweepResult(len(forecasts) // len(HORIZONS), len(by_model), compared)


def groups_of(page: Sequence[Location]) -> list[Group]:
    """The groups of locations: points by the class of their strongest connector; planned and removed ones are none."""
    evse_ids: dict[GroupKey, list[uuid.UUID]] = {}
    for location in page:
        for evse in location.evses:
            if evse.status not in ABSENT and evse.connectors:
                strongest = power_class(max(connector.max_power_kw for connector in evse.connectors)).value
                evse_ids.setdefault((location.id, strongest), []).append(evse.id)
    return [Group(location_id, name, tuple(sorted(members))) for (location_id, name), members in sorted(evse_ids.items())]


@dataclass
class PageObservation:
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
        instant = instant_of(step)
        times = {zone: instant.astimezone(ZoneInfo(zone)) for zone in set(self.zones)}
        local = np.array([(times[zone].hour, times[zone].minute, times[zone].weekday()) for zone in self.zones], dtype=np.int64)
        return local[:, 0], local[:, 1], local[:, 2]

    def bring_forward(self) -> None:
        """Makes up the steps since each group was last seen, and the one that is now."""
        for index, step in enumerate(range(self.first, self.step + 1)):
            usable = self.usable[index]
            only = self.observed & (self.memory.sums(usable.astype(np.float64)) > 0)
            if step < self.step:
                only &= self.fed
            if only.any():
                hour, _, weekday = self.local(step)
                new = usable & (only & (self.memory.step < step))[self.memory.group]
                taken = without_left(self.memory, step, self.taken[index], new)
                observe(self.memory, step, taken, usable, hour=hour, weekend=weekday >= 5, only=only)

    def free_now(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Usable points, those free, and those free and not claimed now, by group [G]: cars that were left do not count."""
        usable = self.usable[-1] & ~self.memory.left
        free = usable & ~self.memory.busy
        return tuple(self.memory.sums(part.astype(np.float64)) for part in (usable, free, free & ~self.claimed[:, 0]))  # type: ignore[return-value]


def observe_page(tx: Tx, page: Sequence[Location], groups: list[Group], memory: Memory, step: int) -> PageObservation:
    """Asks stations and bookings about groups, back to the step each was last seen at, at most a day."""
    zone_of = {location.id: location.time_zone for location in page}
    evses = [evse for group in groups for evse in group.evse_ids]
    point_of = {evse: point for point, evse in enumerate(evses)}
    first = int(np.clip(np.where(memory.step < 0, 0, memory.step + 1).min(), step - DAY, step))
    location_ids = sorted({group.location_id for group in groups})
    instants = [instant_of(each) for each in range(first, step)] + [tx.now]
    taken, usable = np.zeros((len(instants), len(evses)), bool), np.zeros((len(instants), len(evses)), bool)
    unknown, live = np.zeros(len(evses), bool), np.zeros(len(evses), bool)
    for states in feed.states_of(tx=tx, location_ids=location_ids, since=instants[0]).values():
        for state in states:
            point = point_of.get(state.evse_id)
            if point is None:
                continue
            unknown[point], live[point] = state.status == UNKNOWN, state.live
            if not state.changes:
                usable[:, point], taken[:, point] = state.status not in UNUSABLE, state.status in TAKEN
                continue
            for row, instant in enumerate(instants):
                status = state.status if row == len(instants) - 1 else state.status_at(instant)
                usable[row, point], taken[row, point] = status is not None and status not in UNUSABLE, status in TAKEN
    commitments = booking.committed(
        tx=tx,
        location_ids=location_ids,
        evse_ids=evses,
        start=tx.now,
        end=instant_of(step + int(AHEAD[-1])) + timedelta(seconds=1),
    )
    for evse, began in commitments.running.items():
        if evse in point_of:
            taken[[instant >= began for instant in instants], point_of[evse]] = True
    claimed = np.zeros((len(evses), 1 + len(HORIZONS)), bool)
    slots = [slot_start(slot_of(instant)) for instant in [tx.now] + [instant_of(step + int(ahead)) for ahead in AHEAD]]
    for evse, slot in commitments.claimed:
        claimed[point_of[evse], [slot == each for each in slots]] = True
    for location in page:
        if location.opening_times is not None or location.blocked:
            _claim_closed(location, slots, point_of, claimed)
    kw = {
        evse.id: max(connector.max_power_kw for connector in evse.connectors)
        for location in page
        for evse in location.evses
        if evse.connectors
    }
    power = np.array([max(kw[evse] for evse in group.evse_ids) for group in groups])
    zones = [zone_of[group.location_id] for group in groups]
    return PageObservation(groups, memory, step, zones, power, first, taken, usable, unknown, live, claimed)


def _claim_closed(location: Location, slots: list[datetime], point_of: dict[uuid.UUID, int], claimed: np.ndarray) -> None:
    """Marks the points of a location that are closed or blocked in the quarter hours of `slots`."""
    blocked = list(location.blocked_evses())
    for column, slot in enumerate(slots):
        closed = not location.opened(slot, 1)[0]
        evses = (
            [evse.id for evse in location.evses]
            if closed
            else [evse_id for evse_id, time in blocked if time.period_begin < slot + SLOT and slot < time.period_end]
        )
        claimed[[point_of[evse] for evse in evses if evse in point_of], column] = True


def _compare(tx: Tx, seen: PageObservation, location_ids: list[uuid.UUID], now: datetime) -> int:
    """Adds what was forecast for now to the figures, where now is known, and deletes it. Returns how many."""
    due = repository.due(tx, location_ids, now)
    points, _, free = seen.free_now()
    known = seen.fed & (points > 0)
    index_of = {group.key: index for index, group in enumerate(seen.groups)}
    rows = [
        (forecast, index_of.get((forecast.location_id, forecast.power_class)))
        for forecast in due
        if forecast.target_time == now
    ]
    judged = [(forecast, index) for forecast, index in rows if index is not None and known[index]]
    indices = np.array([index for _, index in judged], dtype=np.int64)
    day = now.replace(hour=0, minute=0)
    share = 1.0 - free[indices] / np.maximum(points[indices], 1.0)
    tallies = repository.tally([forecast for forecast, _ in judged], free[indices] > 0, share, day=day, bins=BINS)
    repository.add_tallies(tx, tallies)
    if due:
        repository.forget_due(tx, location_ids, now)
    return len(judged)


def _forecasts(tx: Tx, seen: PageObservation, model: LoadedModel | None) -> list[Forecast]:
    memory, groups = seen.memory, seen.groups
    usable = seen.usable[-1] & ~memory.left
    booked = np.stack([memory.sums((part & seen.usable[-1]).astype(np.float64)) for part in seen.claimed[:, 1:].T], axis=1)
    points, free, _ = seen.free_now()
    hour, minute, weekday = seen.local(seen.step)
    inputs = features(memory, seen.step, usable, hour=hour, minute=minute, weekday=weekday, power=seen.power, booked=booked)
    sources = np.where(points > 0, Source.TABLE, Source.LAST_OBSERVATION).astype(object)
    sources = np.repeat(sources[:, None], len(HORIZONS), axis=1)
    ladder = None if model is None else ladder_of(model.manifest.metrics)
    table = shipped_table() if ladder is None else np.array(ladder.table)
    chances = by_table(table, points, free, booked)
    asked = np.flatnonzero((points > 0) & seen.fed & (memory.warm >= WARM))
    answer = score(model, inputs[asked]) if len(asked) else None
    if answer is not None:
        sources[asked] = Source.MODEL
        if ladder is not None:
            sources[asked] = np.array(ladder.p_free, dtype=object)
            answer = ladder.serves(answer, Chances(chances.p_free[asked], chances.occupancy[asked]))
        chances.p_free[asked], chances.occupancy[asked] = answer.p_free, answer.occupancy
    all_booked = (booked >= points[:, None]) & (points[:, None] > 0)
    chances.p_free[all_booked], chances.occupancy[all_booked] = 0.0, 1.0
    silent = _silent(seen)
    rows = np.flatnonzero(points == 0)
    chances.p_free[rows], chances.occupancy[rows] = silent.p_free[rows], silent.occupancy[rows]
    nothing = (points == 0) & (memory.sums(seen.unknown.astype(np.float64)) > 0) & (memory.step < 0)
    version = None if model is None else model.manifest.version
    return [
        Forecast(
            location_id=group.location_id,
            power_class=group.power_class,
            target_time=instant_of(seen.step + int(AHEAD[horizon])),
            horizon_minutes=minutes,
            p_free=float(chances.p_free[index, horizon]),
            occupancy=float(chances.occupancy[index, horizon]),
            generated_at=tx.now,
            model_version=version if sources[index, horizon] == Source.MODEL else None,
            source=str(sources[index, horizon]),
        )
        for index, group in enumerate(groups)
        if not nothing[index]
        for horizon, minutes in enumerate(HORIZONS)
    ]


def _silent(seen: PageObservation) -> Chances:
    """As it was when last heard, of groups whose points are all silent; nothing is free where all are out of order."""
    memory = seen.memory
    points = memory.sums(seen.unknown.astype(np.float64))
    free = memory.sums((seen.unknown & ~memory.busy).astype(np.float64))
    booked = np.stack([memory.sums((part & seen.unknown).astype(np.float64)) for part in seen.claimed[:, 1:].T], axis=1)
    return by_last_observation(points, free, booked)
