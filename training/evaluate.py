"""Judges policies on days training never saw, in the reference city or any other.  `python -m training.evaluate --help`

The shipped policy (champion) and the offline bound are always in. Every policy decides the same days with the same knowledge:
climatology tables of the scenario's own training days, weekdays and weekends apart.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from functions.optimizer.core.objective import PROBLEM_VERSION
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.climatology import AS_LEARNT, PolicyBlend
from functions.optimizer.models.manifest import Refused
from functions.optimizer.models.registry import SHIPPED
from shared.errors import AppError
from training.evaluation.baselines import RollingMilp
from training.evaluation.jobs import RolloutJob, blend_job, bound_job, requests_of, rollout_job
from training.evaluation.label_scale import BLENDS, blend_seeds, proven_blend
from training.evaluation.metrics import by_driver_weights, latencies, paired, policy_metrics
from training.evaluation.options import TEST_DAYS, EvaluationOptions, scenario_of, test_days
from training.evaluation.pictures import cost_picture, waiting_picture
from training.evaluation.policy_registry import BOUND, CHAMPION, NEAREST, RegisteredPolicy, build_policy, registered_policies
from training.evaluation.reporting import METRICS, as_csv, plain, rendered
from training.evaluation.rollout import Rollout, joined_rollouts, latency
from training.evaluation.worlds import as_table, worlds_report
from training.learning.hindsight import by_kind, climatology, side_by_side
from training.learning.workers import Workers, workers
from training.optimum.bound import NotSolvedError
from training.problem.scenario import Split, fingerprint
from training.scenarios.recorded_city import RecordedDemand, split_dates

BOUND_VERSION = 2
"""Of the bounds that are kept: another way to find them makes another number."""
SIDE_BY_SIDE = 10
"""Days run in lockstep by one job."""
CELLS = 12_000_000
"""Pool slots of the days of one job, at most: 100 MB of occupancy."""
FORMATS = ("table", "json", "csv")
errors = Console(stderr=True, highlight=False, soft_wrap=True)


Progressing = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


def _silent(what: str, done: int, total: int) -> None:
    pass


@dataclass
class Evaluation:
    """One evaluation: what it is asked for, and what came of it."""

    options: EvaluationOptions
    """what to judge on what"""
    say: Progressing = _silent
    """told of the progress"""
    report: dict[str, Any] = field(default_factory=dict)
    """what JSON and tables show"""
    waits: dict[str, tuple[np.ndarray, int]] = field(default_factory=dict)
    """minutes of waiting of the served and the number of requests, by policy"""
    blends: dict[str, PolicyBlend] = field(default_factory=dict)
    """how each network is blended with bid prices here, by policy"""

    def judge(self, pool: Workers) -> dict[str, Any]:
        """Runs everything. Raises ValueError, AppError, Refused or NotSolvedError saying what is wrong."""
        options = self.options
        options.check()
        who = registered_policies(options.policies, options.store)
        self.say("scenario", 0, 1)
        self.scenario = scenario_of(options)
        self.seeds = by_kind(self.scenario, test_days(self.scenario, options.days))
        self.say("climatology of training days", 0, 1)
        self.known = climatology(self.scenario, options.table_days)
        self.blends = self._chosen_blends(pool, who)
        self.bounds = self._bounds(pool)
        if not (self.bounds > 0).all():
            raise ValueError("bound: a day costs nothing at all; there is nothing to compare")
        # TSF compares with the nearest station, whoever is asked for.
        extra = [] if any(one.name == NEAREST for one in who) else [RegisteredPolicy(NEAREST, NEAREST)]
        runs = self._runs(pool, [*who, *extra], declines=False)
        policies = self._policies(who, runs, runs[NEAREST])
        declining = None
        if options.decline:
            allowed = [one for one in who if one.may_decline]
            other = self._runs(pool, allowed, declines=True)
            declining = self._policies(who, runs | other, runs[NEAREST], declines=True)
        self.report = self._report(who, policies, declining)
        return self.report

    def _each(self, pool: Workers, what: str, job: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> list[Any]:
        self.say(what, 0, len(arguments))
        return pool.map(job, arguments, done=lambda number: self.say(what, number + 1, len(arguments)))

    def _chosen_blends(self, pool: Workers, who: Sequence[RegisteredPolicy]) -> dict[str, PolicyBlend]:
        """How far each network is to be trusted here, by training days."""
        networks = [] if self.options.as_learnt else [one for one in who if one.learned]
        seeds = blend_seeds(self.scenario)
        jobs = [(self.scenario, self.known, one, blend, seeds) for one in networks for blend in BLENDS]
        costs = iter(self._each(pool, "trust, by training days", blend_job, jobs))
        return {one.name: proven_blend([next(costs) for _ in BLENDS]) for one in networks}

    def _bounds(self, pool: Workers) -> np.ndarray:
        """The bound of each day, [D]; those found before are kept by scenario and day."""
        options = self.options
        identity = f"{BOUND_VERSION}:{PROBLEM_VERSION}:{fingerprint(self.scenario)}:{options.own_weights}"
        folder = options.out / "cache" / hashlib.sha256(identity.encode()).hexdigest()[:24]
        folder.mkdir(parents=True, exist_ok=True)
        jobs = [(self.scenario, seed, options.own_weights, folder / f"{seed}.json") for seed in self.seeds]
        return np.array(self._each(pool, "offline bound", bound_job, jobs))

    def _runs(self, pool: Workers, who: Sequence[RegisteredPolicy], *, declines: bool) -> dict[str, list[Rollout]]:
        """The runs of each policy, one a seed, each of all days."""
        options = self.options
        pools, slots = self.scenario.shape
        most = max(1, min(SIDE_BY_SIDE, CELLS // (pools * slots)))
        jobs: list[RolloutJob] = []
        for policy in who:
            together = 1 if policy.slow else most
            for number in range(options.seeds if policy.seeded or options.rough else 1):
                for weekend, part in side_by_side(self.scenario, self.seeds, together):
                    known = self.known.of(weekend)
                    blend = self.blends.get(policy.name, AS_LEARNT)
                    jobs.append(
                        RolloutJob(
                            self.scenario, known, policy, part, number, blend, declines, options.own_weights, options.rough
                        )
                    )
        what = "days by each policy" + (", declining allowed" if declines else "")
        done = self._each(pool, what, rollout_job, [(job,) for job in jobs])
        rollouts: dict[str, dict[int, list[Rollout]]] = {}
        for job, one_rollout in zip(jobs, done, strict=True):
            rollouts.setdefault(job.registered.name, {}).setdefault(job.number, []).append(one_rollout)
        return {name: [joined_rollouts(parts) for parts in numbers.values()] for name, numbers in rollouts.items()}

    def _policies(
        self, who: Sequence[RegisteredPolicy], runs: dict[str, list[Rollout]], nearest: list[Rollout], *, declines: bool = False
    ) -> dict[str, Any]:
        """All metrics of each policy, of each training with several seeds, and of the bound."""
        days = [requests_of(self.scenario, seed, self.options.own_weights) for seed in self.seeds]
        parts = {one.name: runs[one.name] for one in who}
        groups: dict[str, list[str]] = {}
        for one in who:
            if one.group is not None:
                groups.setdefault(one.group, []).append(one.name)
        for group, members in groups.items():
            parts[group] = [item for name in members for item in runs[name]]
        ratios = {name: np.stack([item.costs for item in items]) / self.bounds for name, items in parts.items()}
        by_name = {one.name: one for one in who}
        figures: dict[str, Any] = {}
        for number, (name, items) in enumerate(parts.items()):
            self.say("metrics", number, len(parts))
            own = figures[name] = policy_metrics(self.scenario, items, self.bounds, nearest)
            own["paired"] = None if name == CHAMPION else paired(*_same_shape(ratios[name], ratios[CHAMPION]))
            registered = by_name.get(name)
            own["trust"] = None if name not in self.blends else asdict(self.blends[name])
            own["group"] = None if registered is None else registered.group
            own["slow"] = registered is not None and registered.slow
            times = self._latency(registered or by_name[groups[name][0]], items, days[0], declines)
            own["intervals"] |= times.pop("intervals")
            own |= times
            if self.options.own_weights:
                own["drivers"] = by_driver_weights(days, items)
            if name in groups:
                each = {member: figures[member]["ratio"] for member in groups[name] if member in figures}
                worst = max(each, key=each.__getitem__)
                own["training_seeds"] = {"each": each, "worst": worst, "worst_ratio": each[worst]}
            if not declines:
                waits = [item.wait_min[item.served] for one_rollout in items for item in one_rollout.days]
                requests = sum(len(item.served) for one_rollout in items for item in one_rollout.days)
                self.waits[name] = (np.concatenate(waits), requests)
        figures[BOUND] = self._bound(ratios[CHAMPION])
        return figures

    def _bound(self, champion: np.ndarray) -> dict[str, Any]:
        """The bound as one of the policies: what it does is a mixture of rows, so it has a cost and no more."""
        requests = sum(len(requests_of(self.scenario, seed, own_weights=False)) for seed in self.seeds)
        nothing = dict.fromkeys(METRICS)
        return nothing | {
            "ratio": 1.0,
            "ci95": [1.0, 1.0],
            "mean_cost": float(self.bounds.sum() / requests),
            "intervals": dict(nothing),
            "ratios": [1.0] * len(self.bounds),
            "paired": paired(np.ones_like(champion), champion),
            "group": None,
            "slow": False,
        }

    def _latency(self, one: RegisteredPolicy, runs: list[Rollout], first: Requests, declines: bool) -> dict[str, Any]:
        known = self.known.of(self.scenario.demand.weekend(self.seeds[0]))
        policy = build_policy(one, known, seed=0, declines=declines, blend=self.blends.get(one.name, AS_LEARNT))
        if one.slow or isinstance(policy, RollingMilp):
            return latencies(np.concatenate([item.seconds for item in runs]))
        return latencies(latency(self.scenario, first, policy, climatology=known))

    def _report(
        self, who: Sequence[RegisteredPolicy], policies: dict[str, Any], declining: dict[str, Any] | None
    ) -> dict[str, Any]:
        options, scenario = self.options, self.scenario
        notes = [f"champion: {next(one.about for one in who if one.name == CHAMPION)}"]
        demand = scenario.demand
        if isinstance(demand, RecordedDemand):
            first, last = split_dates(demand)["test"]
            notes.append(
                f"test days are made of {len(demand.days[Split.TEST])} recorded days from {first} to {last}, which training "
                "never sees; where several are laid over each other, test days share some"
            )
        if options.rough:
            notes.append(
                "ROUGH: no-shows, early and late stops, faults, walk-ins, refusals at assumed rates; the bound is of calm days"
            )
        if options.own_weights:
            notes.append("every driver has weights of their own; costs and the bound are by them")
        if any(one != AS_LEARNT for one in self.blends.values()):
            shown = ", ".join(f"{name} {one.network:g} A + {one.prices:g} bid price" for name, one in self.blends.items())
            notes.append(f"how far the networks are trusted here, by the city's training days: {shown}")
        groups = {name: one["training_seeds"] for name, one in policies.items() if "training_seeds" in one}
        for name, seeds in groups.items():
            worst = f"the worst is {seeds['worst']} with {seeds['worst_ratio']:.4f}"
            notes.append(f"{name}: mean of {len(seeds['each'])} training seeds; {worst}")
        return {
            "scenario": options.scenario,
            "city": None if options.city is None else scenario.city.name,
            "source": scenario.source,
            "split": "test",
            "days": options.days,
            "seeds": options.seeds,
            "requests_a_day": scenario.requests_a_day,
            "locations": len(scenario.city.latitude),
            "evses": int(scenario.city.capacity.sum()),
            "currency": scenario.city.currency,
            "price_unit": scenario.city.price_unit,
            "time_zone": scenario.city.time_zone,
            "scenario_hash": fingerprint(scenario),
            "table_days": options.table_days,
            "disturbances": "rough" if options.rough else "calm",
            "own_weights": options.own_weights,
            "notes": notes,
            "bounds": [float(cost) for cost in self.bounds],
            "policies": policies,
            "declining": declining,
        }

    def write(self) -> None:
        """Table, JSON, CSV and the two pictures, in `out`."""
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "table.txt").write_text(plain(self.report))
        (out / "table.json").write_text(json.dumps(self.report, indent=1) + "\n")
        (out / "table.csv").write_text(as_csv(self.report))
        cost_picture(self.report, out / "cost.png")
        drawn = {name: item for name, item in self.waits.items() if self.report["policies"][name]["group"] is None}
        waiting_picture(self.report, drawn, out / "waiting.png")


def _same_shape(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ratios [S, D] of two policies, seed by seed where both have as many, else against the other's mean."""
    return (one, other) if one.shape == other.shape else (one, np.broadcast_to(other.mean(axis=0), one.shape))


@contextmanager
def _progress(shown: bool) -> Iterator[Progressing]:
    """A bar on the error channel."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=1)
        current = ""

        def say(what: str, done: int, total: int) -> None:
            nonlocal current
            if what != current:
                bar.reset(task, description=what, total=total)
                current = what
            bar.update(task, completed=done, total=total)

        yield say


def evaluate(options: EvaluationOptions, *, say: Progressing = _silent) -> Evaluation:
    """Judges and writes the result. Raises ValueError, AppError, Refused or NotSolvedError saying what is wrong."""
    with workers(options.workers) as pool:
        evaluation = Evaluation(options, say)
        evaluation.judge(pool)
        evaluation.write()
        return evaluation


def main(
    scenario: str = typer.Option("busy", help="slack, busy or overload; without a city also varied-N, with one also recorded."),
    city: Path | None = typer.Option(None, help="A city folder; without it the reference city."),
    policies: str = typer.Option("fast", help="fast, slow, rules by name, folders of training runs or exported versions."),
    days: int = typer.Option(TEST_DAYS, help="Test days."),
    seeds: int = typer.Option(5, help="Independent runs of what is random."),
    format_: str = typer.Option("table", "--format", help="table, json or csv."),
    out: Path = typer.Option(EvaluationOptions.out, help="Folder for tables, pictures and kept bounds."),
    requests: int | None = typer.Option(None, help="Requests a day, instead of the scenario's."),
    locations: int | None = typer.Option(None, help="With --city: so many locations around the centre."),
    table_days: int = typer.Option(24, help="Training days that make the climatology."),
    decline: bool = typer.Option(False, "--decline", help="A second table: a policy may decline (waitlist)."),
    own_weights: bool = typer.Option(False, "--own-weights", help="Every driver has weights of their own."),
    rough: bool = typer.Option(False, "--rough", help="No-shows, overstays, faults, walk-ins, refusals happen."),
    as_learnt: bool = typer.Option(False, "--as-learnt", help="Networks as they are, not as far as the city's days bear out."),
    four_worlds: bool = typer.Option(False, "--worlds", help="First come, live map, platform and bound side by side instead."),
    lateness: int = typer.Option(0, help="With --worlds: 5 or 10 minutes by which arrivals are off; charging times too."),
    stays: str = typer.Option("energy", help="With --worlds: recorded: without a platform cars stay as long as recorded."),
    no_tables: bool = typer.Option(False, "--no-tables", help="With --worlds: the platform knows no history of the city."),
    store: Path = typer.Option(SHIPPED, help="The store whose champion is judged: what ships with the project."),
    workers_: int = typer.Option(min(8, os.cpu_count() or 1), "--workers", help="Processes; 0: this one alone."),
) -> None:
    """Judges policies on days that training never saw, beside the champion and the offline bound."""
    try:
        if format_ not in FORMATS:
            raise ValueError(f"format: must be one of {', '.join(FORMATS)}, not {format_!r}")
        if four_worlds and format_ == "csv":
            raise ValueError("format: must be table or json with --worlds")
        options = EvaluationOptions(
            scenario=scenario,
            city=city,
            policies=policies,
            days=days,
            seeds=seeds,
            requests=requests,
            locations=locations,
            table_days=table_days,
            decline=decline,
            own_weights=own_weights,
            rough=rough,
            lateness=lateness,
            stays=stays,
            no_tables=no_tables,
            as_learnt=as_learnt,
            store=store,
            out=out,
            workers=workers_,
        )
        options.check()
        with _progress(errors.is_terminal) as say:
            if four_worlds:
                with workers(options.workers) as pool:
                    worlds = worlds_report(options, pool, say)
            else:
                evaluation = evaluate(options, say=say)
    except (ValueError, AppError, Refused, NotSolvedError, OSError) as error:
        errors.print(getattr(error, "detail", None) or str(error), style="red", markup=False)
        raise typer.Exit(2) from error
    if four_worlds:
        typer.echo(json.dumps(worlds.figures, indent=1) if format_ == "json" else as_table(worlds), nl=format_ == "json")
        return
    if format_ == "json":
        typer.echo(json.dumps(evaluation.report, indent=1))
    elif format_ == "csv":
        typer.echo(as_csv(evaluation.report), nl=False)
    else:
        shown = Console(highlight=False)
        shown.print(rendered(evaluation.report)) if shown.width >= 120 else typer.echo(plain(evaluation.report), nl=False)
    errors.print(f"tables and pictures are in {out}", style="dim", markup=False)


if __name__ == "__main__":
    typer.run(main)
