"""Features of the availability forecast, one code for training and serving: what is remembered of groups of points (a
location's points of one power class), brought forward every five minutes, and the numbers the model reads.

All that is remembered is bounded: states and ages of the points, the last hour, and decayed statistics of plug-ins,
durations and hours of the day. A step that is seen twice changes nothing.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

STEP_MINUTES = 5
DAY = 288
"""Steps of a day."""
WEEK, MONTH, LONG = 7 * DAY, 28 * DAY, 84 * DAY
"""How long decayed statistics remember, in steps."""
HORIZONS = (15, 30, 45, 60)
"""Minutes ahead."""
AHEAD = np.array([minutes // STEP_MINUTES for minutes in HORIZONS])
FORECAST_VERSION = 1
LONGEST = DAY
"""Steps a session counts: beyond a day it is a car that was left, or a stop nobody recorded."""
RECENT = 12
"""Steps of the last hour."""
HOURS = 24
HOUR_MEMORY = 20 * 12.0
"""Steps of one hour of the day that its profile remembers: 20 days of 12."""
MISSED = 3
"""Steps that may be missing before the last hour counts as not known."""
FAR = 4.0 * DAY
"""Steps after which it no longer matters how long ago something was."""
FAST_KW = 22.5

AGE_EDGES = np.array(
    [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 24, 30, 36, 48, 60, 72, 96, 120, 144, 168, 192, 216, 240, LONGEST - 1, LONGEST]
)
"""Ages of a session in steps: where the bins of the hazard table begin, and where the last one ends."""
AGES = len(AGE_EDGES) - 1
_BIN = np.searchsorted(AGE_EDGES, np.arange(LONGEST + 1), side="right").clip(1, AGES) - 1
_WIDTH = np.diff(AGE_EDGES).astype(np.float64)
PRIOR_WEIGHT = 30.0
"""What the prior hazards weigh, in steps of sessions observed."""
HAZARD = np.array(
    [
        [0.0176, 0.012, 0.0135, 0.0135, 0.0152, 0.018, 0.0224, 0.0191, 0.018, 0.0167, 0.0155, 0.0149, 0.0159, 0.0163, 0.0092,
         0.0059, 0.0053, 0.0029, 0.0078, 0.0028, 0.0017, 0.0053, 0.0133, 0.0163, 0.0098, 1.0],
        [0.0862, 0.1378, 0.1757, 0.226, 0.2722, 0.3043, 0.3127, 0.3201, 0.4435, 0.0825, 0.0658, 0.0395, 0.046, 0.0257, 0.0278,
         0.0189, 0.0065, 0.0153, 0.1483, 0.0054, 0.0169, 0.025, 0.0349, 0.025, 0.025, 1.0],
    ]
)  # fmt: skip
"""Chance that a session ends in its next five minutes by age, up to 22 kW and above: what is assumed of points before their
own sessions tell. Dundee, September 2017 to April 2018 (ChargePlace Scotland, Open Government Licence v3.0)."""


@dataclass
class Memory:
    """What is remembered of groups [G] and their points [E] at a step, the number of five minutes since 1970."""

    step: np.ndarray
    """The last step seen, int64 [G]; -1: none."""
    warm: np.ndarray
    """Steps seen without a gap, int64 [G]."""
    recent: np.ndarray
    """Busy share of the last steps, newest first, [G, RECENT + 1]."""
    means: np.ndarray
    """Busy share of about the last day and the last week, [G, 2]."""
    occupancy: np.ndarray
    """Mean busy share by kind of day (workday, weekend) and hour, [G, 2, 24]."""
    plugins: np.ndarray
    """Mean plug-ins a step, likewise."""
    unplugs: np.ndarray
    """Mean cars that leave a step, likewise."""
    seen: np.ndarray
    """Steps seen, likewise."""
    risk: np.ndarray
    """Steps of sessions by age, decayed, [G, AGES]."""
    ended: np.ndarray
    """Sessions that ended in them, likewise."""
    booked: np.ndarray
    """Share of plug-ins that were booked ahead, decayed, [G]."""
    group: np.ndarray
    """The group of each point, int64 [E], ascending."""
    busy: np.ndarray
    """Bool [E]."""
    left: np.ndarray
    """Busy for longer than LONGEST, and counted as free since, bool [E]."""
    since: np.ndarray
    """Step of a point's last change, float64 [E]; -inf: not known."""
    rate: np.ndarray
    """Plug-ins of a point, decayed: about those of four weeks, [E]."""

    @classmethod
    def new(cls, group: np.ndarray, groups: int) -> "Memory":
        """Nothing is known yet of the points of `group` [E]."""
        points = len(group)
        return cls(
            step=np.full(groups, -1),
            warm=np.zeros(groups, np.int64),
            recent=np.zeros((groups, RECENT + 1)),
            means=np.zeros((groups, 2)),
            occupancy=np.zeros((groups, 2, HOURS)),
            plugins=np.zeros((groups, 2, HOURS)),
            unplugs=np.zeros((groups, 2, HOURS)),
            seen=np.zeros((groups, 2, HOURS)),
            risk=np.zeros((groups, AGES)),
            ended=np.zeros((groups, AGES)),
            booked=np.zeros(groups),
            group=np.asarray(group, dtype=np.int64),
            busy=np.zeros(points, bool),
            left=np.zeros(points, bool),
            since=np.full(points, -np.inf),
            rate=np.zeros(points),
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums of the points' values by group: [G]."""
        return np.bincount(self.group, weights=values, minlength=len(self.step))

    def greatest(self, values: np.ndarray, nothing: float) -> np.ndarray:
        """The greatest of the points' values by group, `nothing` where all are -inf: [G]."""
        greatest = np.full(len(self.step), -np.inf)
        np.maximum.at(greatest, self.group, values)
        return np.where(np.isfinite(greatest), greatest, nothing)


def observe(
    memory: Memory,
    step: int,
    taken: np.ndarray,
    usable: np.ndarray,
    *,
    hour: np.ndarray,
    weekend: np.ndarray,
    booked: np.ndarray | None = None,
    only: np.ndarray | None = None,
) -> None:
    """Brings the memory forward to `step`, in which the points [E] are `taken` and `usable` (the others are as they were),
    and the groups have the local `hour` and `weekend` [G]. `booked` marks plug-ins of bookings [E]. Groups that have seen
    the step, or are not among `only` [G], are left alone."""
    fresh = memory.step < step if only is None else (memory.step < step) & only
    rows = np.flatnonzero(fresh)
    if not len(rows):
        return
    mine = fresh[memory.group] & usable
    gap = np.where(memory.step < 0, RECENT + 1, step - memory.step)
    busy = np.where(mine, taken, memory.busy)
    begun, over = busy & ~memory.busy & mine, memory.busy & ~busy & mine

    was_busy = np.flatnonzero(memory.busy & mine)
    bins = _BIN[np.clip(step - 1 - memory.since[was_busy], 0, LONGEST - 1).astype(np.int64)]
    memory.risk[rows] *= 1 - 1 / LONG
    memory.ended[rows] *= 1 - 1 / LONG
    np.add.at(memory.risk, (memory.group[was_busy], bins), 1.0)
    np.add.at(memory.ended, (memory.group[was_busy], bins), over[was_busy].astype(np.float64))

    memory.rate[fresh[memory.group]] *= 1 - 1 / MONTH
    memory.rate += begun
    plugged = memory.sums(begun.astype(np.float64))
    if booked is not None:
        share = memory.sums((begun & booked).astype(np.float64)) / np.maximum(plugged, 1.0)
        memory.booked += np.where(plugged > 0, (share - memory.booked) * np.minimum(1.0, 0.02 * plugged), 0.0)

    share = (memory.sums((busy & usable).astype(np.float64)) / np.maximum(memory.sums(usable.astype(np.float64)), 1.0))[rows]
    when = (rows, weekend[rows].astype(np.int64), hour[rows].astype(np.int64))
    memory.seen[when] += 1
    pace = 1.0 / np.minimum(memory.seen[when], HOUR_MEMORY)
    memory.occupancy[when] += pace * (share - memory.occupancy[when])
    memory.plugins[when] += pace * (plugged[rows] - memory.plugins[when])
    memory.unplugs[when] += pace * (memory.sums(over.astype(np.float64))[rows] - memory.unplugs[when])
    change = (share[:, None] - memory.means[rows]) / (DAY, WEEK)
    memory.means[rows] = np.where((memory.step[rows] < 0)[:, None], share[:, None], memory.means[rows] + change)

    for row in rows[gap[rows] > 1]:
        _fill(memory, row, int(gap[row]), share[np.searchsorted(rows, row)])
    memory.recent[rows, 1:] = memory.recent[rows, :-1]
    memory.recent[rows, 0] = share
    memory.warm[rows] = np.where(gap > MISSED, 1, memory.warm + gap)[rows]
    memory.since[begun | over] = step
    memory.busy[:] = busy
    memory.step[rows] = step


def without_left(memory: Memory, step: int, taken: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """`taken` [E] without cars that have stood longer than LONGEST, which is remembered until their point is free once:
    what `observe` takes, where states are heard. Recorded sessions are cut to LONGEST before."""
    too_long = memory.left | (memory.busy & (step - memory.since >= LONGEST))
    memory.left[:] = np.where(usable, taken & too_long, memory.left)
    return taken & ~memory.left


def _fill(memory: Memory, row: int, gap: int, share: float) -> None:
    """Missing steps are as the last one seen was; a group that was never seen was always as it is."""
    if memory.step[row] < 0:
        memory.recent[row] = share
        return
    held = min(gap - 1, RECENT)
    memory.recent[row] = np.concatenate([np.repeat(memory.recent[row, 0], held), memory.recent[row, : RECENT + 1 - held]])


def stays(memory: Memory, step: int, fast: np.ndarray) -> np.ndarray:
    """Chance that a busy point is busy with the same car `AHEAD` steps on, 1 for free points: [E, horizons]. From the
    group's own sessions, shrunk towards HAZARD; `fast` [G]."""
    prior = HAZARD[fast.astype(np.int64)]
    hazard = (memory.ended + PRIOR_WEIGHT * prior) / (memory.risk + PRIOR_WEIGHT)
    survival = np.log1p(-np.clip(hazard, 1e-4, 0.995))
    total = np.concatenate([np.zeros((len(survival), 1)), np.cumsum(survival * _WIDTH, axis=1)], axis=1)
    group = memory.group[:, None]

    def log_survival(ages: np.ndarray) -> np.ndarray:
        bins = _BIN[np.minimum(ages, LONGEST - 1).astype(np.int64)]
        values: np.ndarray = total[group, bins] + survival[group, bins] * (ages - AGE_EDGES[bins])
        return values

    age = np.clip(step - memory.since, 0, LONGEST - 1)[:, None]
    return np.where(memory.busy[:, None], np.exp(log_survival(np.minimum(age + AHEAD, LONGEST)) - log_survival(age)), 1.0)


FEATURES_NOW = (
    "capacity", "free", "share", "change_15", "change_30", "change_60", "hour_mean", "since_change", "youngest",
    "since_unplug", "oldest", "idle_longest", "day_mean", "week_mean", "hour_sin", "hour_cos", "half_day_sin", "half_day_cos",
    "weekday", "weekend", "fast", "power", "rate", "rate_free", "rate_busy", "usual_now", "booked_share", "seen",
)  # fmt: skip
"""Of the group now. Times and rates are logarithms of 1 + steps or plug-ins in four weeks."""
FEATURES_AHEAD = (
    "ends", "usual_ends", "all_stay", "plug_ins", "plug_ins_free", "usual_then", "usual_change", "odds_free", "booked",
    "weekend_then",
)  # fmt: skip
"""Of each horizon: expected ends by the sessions' ages and by the hour's profile, chance that all stay, expected plug-ins by
the profile and by the free points' own rates (these four as logarithms), the profile then, the log odds that one is free by
ages and rates alone, and points claimed by bookings not begun yet."""
FORECAST_FEATURES = FEATURES_NOW + tuple(f"{name}_{minutes}" for minutes in HORIZONS for name in FEATURES_AHEAD)
FORECAST_HASH = hashlib.sha256("\n".join((str(FORECAST_VERSION), *FORECAST_FEATURES)).encode()).hexdigest()[:16]


def features(
    memory: Memory,
    step: int,
    usable: np.ndarray,
    *,
    hour: np.ndarray,
    minute: np.ndarray,
    weekday: np.ndarray,
    power: np.ndarray,
    booked: np.ndarray,
) -> np.ndarray:
    """The model's input, float32 [G, F] in the order of FORECAST_FEATURES. `hour`, `minute`, `weekday` (Monday 0) are the
    groups' local time [G], `power` kW of their strongest point [G], `booked` their points claimed by bookings that have not
    begun, at each horizon [G, horizons]."""
    taken, idle = memory.busy & usable, ~memory.busy & usable
    points, busy = memory.sums(usable.astype(np.float64)), memory.sums(taken.astype(np.float64))
    rows, weekend, fast = np.arange(len(points)), (weekday >= 5).astype(np.int64), power > FAST_KW
    since = np.minimum(step - memory.since, FAR)

    def longest(which: np.ndarray) -> np.ndarray:
        return np.log1p(memory.greatest(np.where(which, since, -1.0), -1.0) + 1)

    def shortest(which: np.ndarray) -> np.ndarray:
        return np.log1p(-memory.greatest(np.where(which, -since, -FAR), -FAR))

    rate, rate_free = memory.sums(np.where(usable, memory.rate, 0.0)), memory.sums(np.where(idle, memory.rate, 0.0))
    usual, recent = memory.occupancy[rows, weekend, hour], memory.recent
    angle = (hour + minute / 60.0) * (2 * np.pi / 24)
    seen = np.minimum(memory.seen.sum(axis=(1, 2)), float(MONTH)) / MONTH
    columns = [
        np.minimum(points, 30.0),
        np.minimum(points - busy, 10.0),
        busy / np.maximum(points, 1.0),
        recent[:, 0] - recent[:, 3],
        recent[:, 0] - recent[:, 6],
        recent[:, 0] - recent[:, 12],
        recent.mean(axis=1),
        shortest(usable),
        shortest(taken),
        shortest(idle),
        longest(taken),
        longest(idle),
        memory.means[:, 0],
        memory.means[:, 1],
        np.sin(angle),
        np.cos(angle),
        np.sin(2 * angle),
        np.cos(2 * angle),
        weekday,
        weekend,
        fast,
        np.minimum(power, 400.0),
        np.log1p(rate),
        np.log1p(rate_free),
        np.log1p(np.maximum(rate - rate_free, 0.0)),
        usual,
        memory.booked,
        seen,
    ]
    stay, mean = stays(memory, step, fast), memory.plugins.mean(axis=2)[rows, weekend]
    for number, minutes in enumerate(HORIZONS):
        then, kind = _local(hour, minute, weekday, minutes)
        middle = _local(hour, minute, weekday, minutes // 2)[0]
        pace, usually = memory.plugins[rows, weekend, middle], memory.occupancy[rows, weekend, middle]
        leave = memory.unplugs[rows, weekend, middle] / np.maximum(usually * points, 0.05)
        lift = np.clip((pace + 0.2 * mean + 1e-5) / (1.2 * mean + 1e-5), 0.0, 6.0)
        come = memory.rate * lift[memory.group] * (AHEAD[number] / MONTH)
        all_stay = memory.sums(np.where(taken, np.log(np.maximum(stay[:, number], 1e-9)), 0.0))
        all_come = memory.sums(np.where(idle, np.log(np.maximum(-np.expm1(-come), 1e-9)), 0.0))
        full = np.clip(all_stay + all_come, np.log(1e-5), np.log1p(-1e-5))
        later = memory.occupancy[rows, kind, then]
        columns += [
            _log(memory.sums(np.where(taken, 1.0 - stay[:, number], 0.0))),
            _log(busy * leave * AHEAD[number]),
            np.exp(all_stay),
            _log(pace * AHEAD[number]),
            _log(memory.sums(np.where(idle, come, 0.0))),
            later,
            later - usual,
            np.log(-np.expm1(full)) - full,
            booked[:, number],
            kind,
        ]
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _log(expected: np.ndarray) -> np.ndarray:
    """A small expectation in a scale that a network can read."""
    logarithm: np.ndarray = np.log(expected + 0.01)
    return logarithm


def _local(hour: np.ndarray, minute: np.ndarray, weekday: np.ndarray, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """(hour, whether at a weekend) `ahead` minutes on."""
    total = hour * 60 + minute + ahead
    return (total // 60) % HOURS, ((weekday + total // 1440) % 7 >= 5).astype(np.int64)
