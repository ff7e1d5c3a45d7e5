"""Four worlds side by side: first come, live map, platform and bound, on the same days, drivers and draws.

`python -m training.evaluate --worlds`. The platform is what ships in that city: the shipped champion, as far as the city's own
training days bear it out, greedy where they don't or where it has no tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functions.optimizer.models.climatology import AS_LEARNT, GREEDY, PolicyBlend
from functions.optimizer.models.policy import RULES
from training.evaluation.baselines import RollingMilp, RulePolicy
from training.evaluation.jobs import blend_job
from training.evaluation.label_scale import BLENDS, blend_seeds, proven_blend
from training.evaluation.metrics import DRAWS, resamples
from training.evaluation.options import EvaluationOptions, scenario_of, test_days
from training.evaluation.outcomes import DayDraws, DayOutcome, by_bound, with_platform, without_platform
from training.evaluation.policy_registry import RegisteredPolicy, build_policy, registered_policies
from training.evaluation.rollout import run_days
from training.learning.hindsight import WeekClimatology, by_kind, climatology, side_by_side
from training.learning.workers import Workers
from training.problem.scenario import Scenario, Split, day
from training.scenarios.recorded_city import RecordedDemand

HEADS = {
    "mean_cost": "cost a request",
    "mcwt": "waits, min",
    "later_than_wished": "later, min",
    "mcp": "price",
    "cfr": "failed",
    "broken_5": "broken > 5",
    "broken_15": "> 15 min",
    "idle_claimed": "idle, min",
}
PRECISE = ("mean_cost", "cfr", "broken_5", "broken_15")
WORLDS = ("first_come", "live_map", "platform", "bound")
STAYS = ("energy", "recorded")
LATENESS = (0, 5, 10)
SIDE_BY_SIDE = 10
"""Days of one job."""

Progressing = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


@dataclass(frozen=True)
class WorldsJob:
    """Days of one kind in every world, in a worker process."""

    scenario: Scenario
    """what the days are of"""
    champion: RegisteredPolicy
    """what ships"""
    known: WeekClimatology | None
    """the city's tables; None: it has none"""
    blend: PolicyBlend
    """how far the network is trusted"""
    weekend: bool
    """of which kind the days are"""
    seeds: tuple[int, ...]
    """which days"""
    draws: int
    """how often what is random is drawn"""
    lateness: int
    """minutes by which arrivals are off (deviation)"""
    stays: str
    """one of STAYS"""


def worlds_job(job: WorldsJob) -> dict[str, list[list[DayOutcome]]]:
    """What each world makes of each day, a list of draws for each; the bound has one."""
    scenario = job.scenario
    outcomes: dict[str, list[list[DayOutcome]]] = {name: [] for name in WORLDS}
    days = [day(scenario, seed) for seed in job.seeds]
    known = None if job.known is None else job.known.of(job.weekend)
    policy = (
        build_policy(job.champion, known, seed=0, declines=False, blend=job.blend) if known else RulePolicy(RULES["greedy"])
    )
    assert not isinstance(policy, RollingMilp)
    booked = run_days(scenario, days, policy, climatology=known).days
    for seed, requests, plan in zip(job.seeds, days, booked, strict=True):
        stays = _stays(scenario, seed) if job.stays == "recorded" else None
        draws = [DayDraws.of(len(requests), seed, number, job.lateness) for number in range(job.draws)]
        for name, live_map in (("first_come", False), ("live_map", True)):
            outcomes[name].append(
                [without_platform(scenario, requests, drawn, live_map=live_map, stays_min=stays) for drawn in draws]
            )
        outcomes["platform"].append([with_platform(scenario, requests, plan, drawn) for drawn in draws])
        outcomes["bound"].append([by_bound(scenario, requests)])
    return outcomes


def _stays(scenario: Scenario, seed: int) -> np.ndarray:
    assert isinstance(scenario.demand, RecordedDemand)
    return scenario.demand.day_with_stays(scenario.city, seed, scenario.requests_a_day)[1]


@dataclass(frozen=True)
class WorldsReport:
    """What came of it: `figures` as JSON has them; the rest for people."""

    figures: dict[str, Any]
    source: str
    notes: tuple[str, ...]


def worlds_report(options: EvaluationOptions, pool: Workers, say: Progressing) -> WorldsReport:
    """The worlds of one scenario. Raises ValueError, AppError, Refused or NotSolvedError saying what is wrong."""
    options.check()
    if options.lateness not in LATENESS:
        raise ValueError(f"lateness: must be one of {', '.join(map(str, LATENESS))}, not {options.lateness}")
    if options.stays not in STAYS:
        raise ValueError(f"stays: must be one of {', '.join(STAYS)}, not {options.stays!r}")
    say("scenario", 0, 1)
    scenario = scenario_of(options)
    if options.stays == "recorded" and not isinstance(scenario.demand, RecordedDemand):
        raise ValueError("stays: recorded needs the recorded days of a city: --city")
    seeds = by_kind(scenario, test_days(scenario, options.days))
    champion = registered_policies("", options.store)[0]
    say("climatology of training days", 0, 1)
    known = None if options.no_tables else climatology(scenario, options.table_days)
    blend = _blend(scenario, champion, known, pool, say)
    draws = options.seeds if options.lateness else 1
    jobs = [
        (WorldsJob(scenario, champion, known, blend, weekend, part, draws, options.lateness, options.stays),)
        for weekend, part in side_by_side(scenario, seeds, SIDE_BY_SIDE)
    ]
    say("four worlds", 0, len(jobs))
    parts = pool.map(worlds_job, jobs, done=lambda number: say("four worlds", number + 1, len(jobs)))
    days = {name: [outcome for part in parts for outcome in part[name]] for name in WORLDS}
    figures = {
        "scenario": options.scenario,
        "days": len(seeds),
        "seeds": draws,
        "worlds": {name: world_figures(days[name]) for name in WORLDS},
        "minus": {
            f"platform-{name}": paired_costs(days["platform"], days[name]) for name in ("live_map", "first_come", "bound")
        },
    }
    return WorldsReport(figures, scenario.source, tuple(_notes(options, scenario, champion, known, blend)))


def _blend(
    scenario: Scenario, champion: RegisteredPolicy, known: WeekClimatology | None, pool: Workers, say: Progressing
) -> PolicyBlend:
    """How far the champion is trusted in this city."""
    if known is None or not champion.learned:
        return GREEDY if known is None else AS_LEARNT
    jobs = [(scenario, known, champion, blend, blend_seeds(scenario)) for blend in BLENDS]
    say("trust, by training days", 0, len(jobs))
    return proven_blend(pool.map(blend_job, jobs, done=lambda number: say("trust, by training days", number + 1, len(jobs))))


def _notes(
    options: EvaluationOptions,
    scenario: Scenario,
    champion: RegisteredPolicy,
    known: WeekClimatology | None,
    blend: PolicyBlend,
) -> list[str]:
    deciding = "greedy, no history of this city" if known is None else champion.about
    if known is not None and champion.learned:
        deciding += ": greedy decides here" if blend == GREEDY else f": {blend.network:g} A + {blend.prices:g} bid price"
    notes = [f"platform: {deciding}"]
    if options.lateness:
        notes.append(
            f"arrivals are off by {options.lateness} min (normal), charging times too; the bound is of the day as planned"
        )
    if options.stays == "recorded":
        notes.append(
            "without a platform cars keep their EVSE as long as they did when recorded; with one until their booking ends"
        )
    if isinstance(scenario.demand, RecordedDemand):
        notes.append(f"{len(scenario.demand.days[Split.TEST])} recorded days that training never sees")
    return notes


def _per_day(days: Sequence[Sequence[DayOutcome]], name: str) -> np.ndarray:
    """A figure of each day, the mean of its draws: [D]."""
    return np.array([DayOutcome.added(draws, name).mean() for draws in days])


def _drawn(over: np.ndarray, per: np.ndarray) -> np.ndarray:
    """The ratio of two figures added up over days [D] in each bootstrap resample of the days."""
    often = resamples(1, len(over), DRAWS, 0)
    drawn: np.ndarray = (often @ over) / (often @ per)
    return drawn


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def world_figures(days: Sequence[Sequence[DayOutcome]]) -> dict[str, Any]:
    """A world's figures over its days: means a request, or of the served; broken promises None where nothing is promised."""
    requests, served = _per_day(days, "requests"), _per_day(days, "served")
    cost = _per_day(days, "cost")

    def of_served(name: str) -> float | None:
        return None if not served.sum() else float(_per_day(days, name).sum() / served.sum())

    promises = days[0][0].broken_5 is not None
    return {
        "mean_cost": float(cost.sum() / requests.sum()),
        "ci95": list(_interval(_drawn(cost, requests))),
        "mcwt": of_served("waited_min"),
        "later_than_wished": of_served("later_min"),
        "mcp": of_served("price"),
        "cfr": float(_per_day(days, "failed").sum() / requests.sum()),
        "broken_5": of_served("broken_5") if promises else None,
        "broken_15": of_served("broken_15") if promises else None,
        "idle_claimed": float(_per_day(days, "idle_min").sum() / requests.sum()),
    }


def paired_costs(one: Sequence[Sequence[DayOutcome]], other: Sequence[Sequence[DayOutcome]]) -> list[float]:
    """The difference of two worlds' mean cost a request on the same days: low, mean, high (95 % bootstrap over days)."""
    less, requests = _per_day(one, "cost") - _per_day(other, "cost"), _per_day(one, "requests")
    low, high = _interval(_drawn(less, requests))
    return [low, float(less.sum() / requests.sum()), high]


def as_table(report: WorldsReport) -> str:
    """The worlds for people."""
    figures = report.figures
    lines = [
        f"{figures['scenario']}: {figures['days']} days; {report.source}",
        " ".join(["world".ljust(12), *(name.rjust(14) for name in HEADS.values())]),
    ]
    for world, own in figures["worlds"].items():
        values = ["-" if own[name] is None else f"{own[name]:.4f}" if name in PRECISE else f"{own[name]:.2f}" for name in HEADS]
        lines.append(" ".join([world.ljust(12), *(value.rjust(14) for value in values)]))
    lines += [f"{pair}: {mean:+.4f} [{low:+.4f}, {high:+.4f}]" for pair, (low, mean, high) in figures["minus"].items()]
    return "\n".join([*lines, *report.notes]) + "\n"
