"""Trains the policy: hindsight-dual regression in DAgger rounds, its midpoint correction, then double dueling n-step Q-learning
with the regression kept on. One script, in cleanrl's manner.  `python -m training.train --help`

Deterministic by `seed`: with `workers` 0 and `threads` 1 a run that was stopped and resumed ends with the same bits as one
that was not. Every unit of work (a round, an iteration) draws from generators keyed by its number, and ends in a checkpoint.
"""

import resource
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from training.evaluation.label_scale import better_scale, calibration_seeds, scale_job
from training.evaluation.validation import bound_job, ratio_job
from training.learning.arguments import Args
from training.learning.checkpoint import (
    SharedTables,
    TrainingState,
    gathered,
    load_checkpoint,
    load_labels,
    save_checkpoint,
    save_labels,
    write_result,
)
from training.learning.hindsight import (
    TABLE_DAYS,
    LabelJob,
    Labels,
    by_kind,
    hindsight_job,
    label_job,
    side_by_side,
    table_seeds,
    week,
)
from training.learning.learning_curve import write_curve
from training.learning.losses import RegressionSet, fit, follow, regression, td_loss
from training.learning.network import ResidualQ, StateValue, Weights, from_onnx
from training.learning.transitions import ExplorationJob, Transitions, batch, explore_job, joined_transitions
from training.learning.workers import Workers, workers
from training.problem.scenario import Split
from training.scenarios.reference import SIZES
from training.scenarios.registry import named

console = Console(highlight=False, soft_wrap=True)
SIDE_BY_SIDE = 16
"""Days of one job."""
CARRIED = ("runs", "more")
"""What of a trainer a checkpoint holds beside its state."""


class Trainer:
    """A run: tables and bounds, DAgger rounds, the correction, iterations of the Q-learning."""

    def __init__(self, args: Args, pool: Workers, *, say: Progress | None = None, shared: SharedTables | None = None) -> None:
        self.args, self.pool, self.say = args, pool, say
        self.shared = shared or SharedTables()
        self.labels: list[Labels] = []
        self.more: Weights | None = None
        self.runs: list[Transitions] = []
        torch.manual_seed(args.seed)
        torch.set_num_threads(args.threads)
        start = None if args.start is None else from_onnx(args.start)
        hidden = args.hidden if start is None else len(start["body.0.bias"])
        network, target = ResidualQ(hidden), ResidualQ(hidden)
        if start is not None:
            network.load_state_dict({name: torch.from_numpy(value) for name, value in start.items()})
        value, target_value = StateValue(), StateValue()
        optimizer = torch.optim.Adam(
            [{"params": network.parameters(), "lr": args.q_rate}, {"params": value.parameters(), "lr": args.value_rate}]
        )
        self.state = TrainingState(network, value, target, target_value, optimizer)
        args.out.mkdir(parents=True, exist_ok=True)

    @property
    def plan(self) -> list[tuple[str, Callable[[], float | None]]]:
        """The units of work: what each is called, and what it does, a loss being its answer."""
        args = self.args
        rounds: list[tuple[str, Callable[[], float | None]]] = []
        for number in range(args.rounds):
            rounds.append((f"regression {number + 1}", partial(self._round, number)))
            if number + 1 == args.rounds and args.half_days:
                rounds.append(("midpoint", self._correct))
            if len(args.gains) > 1:
                rounds.append((f"gains {number + 1}", partial(self._scale_labels, number)))
        iterations = [(f"Q-learning {number + 1}", partial(self._iterate, number)) for number in range(args.iterations)]
        before = "greedy" if args.start is None else "start"
        return [(before, self._solve), *rounds, *iterations]

    def train(self, until: int | None = None) -> None:
        """Runs what is left, or up to unit `until`; a checkpoint follows each unit."""
        for phase, work in self.plan[self.state.unit : until]:
            began = time.monotonic()
            loss = work()
            ratios = self._judge(phase)
            self.state.wall_s += time.monotonic() - began
            self.state.unit += 1
            self._note(phase, loss, ratios)
            self._save()

    def _map(self, what: str, job: Any, arguments: list[tuple[Any, ...]]) -> list[Any]:
        if self.say is None:
            return self.pool.map(job, arguments)
        say, task = self.say, self.say.add_task(what, total=len(arguments))
        results = self.pool.map(job, arguments, done=lambda number: say.update(task, completed=number + 1))
        say.remove_task(task)
        return results

    def _track(self, what: str, steps: int) -> Iterable[int]:
        return range(steps) if self.say is None else self.say.track(range(steps), description=what)

    def _first(self, number: int) -> int:
        """The first training day of a round: each seed and round has days of its own, before those of the tables."""
        return (self.args.seed * 1000 + number * 290) % TABLE_DAYS

    def _solve(self) -> None:
        """Optima of the days that make climatology tables, bounds of the validation days."""
        args = self.args
        if self.shared.bounds:
            return
        fraction = {name: 1 if name in args.scenarios else 3 for name in args.names}
        seeds = {name: table_seeds(named(name), max(2, args.table_days // fraction[name])) for name in args.names}
        solved = iter(self._map("climatology", hindsight_job, [(name, seed) for name in args.names for seed in seeds[name]]))
        for name in args.names:
            self.shared.solved[name] = [next(solved) for _ in seeds[name]]
            self.shared.known[name] = week(named(name), seeds[name], self.shared.solved[name])
        judged = [(name, number) for name in args.scenarios for number in range(args.judged(name))]
        bounds = iter(self._map("bounds", bound_job, judged))
        for name in args.scenarios:
            self.shared.bounds[name] = np.array([next(bounds) for _ in range(args.judged(name))])

    def _label(self, what: str, number: int, policy: Weights | None, days: float, share: float, halves: bool) -> list[Labels]:
        """Days of all scenarios run by a policy and labelled. One job in eight knows no climatology, one in three has drivers
        with weights of their own, and some are of unusual days: those of cities, not of the reference."""
        args, jobs = self.args, []
        for scenario_index, name in enumerate(args.names):
            count, first = max(1, round(args.days_of(name) * days)), self._first(number)
            seeds = by_kind(named(name), [Split.TRAINING.seed(first + item) for item in range(count)])
            for turn, (weekend, part) in enumerate(side_by_side(named(name), seeds, SIDE_BY_SIDE)):
                draw = np.random.default_rng([args.seed, number, scenario_index, turn, 62])
                known = (scenario_index + turn) % 8 != 7
                own = turn % 3 == 2 or (name not in args.scenarios and scenario_index % 2 == 0)
                unusual = name not in SIZES and draw.random() < args.unusual
                job = LabelJob(
                    scenario=name,
                    place=scenario_index,
                    climatology=self.shared.known[name].of(weekend),
                    weights=policy,
                    seeds=part,
                    share=share,
                    best=args.best,
                    others=args.others,
                    halves=halves,
                    known=known,
                    own_weights=own,
                    unusual=unusual,
                )
                jobs.append((job,))
        return self._map(what, label_job, jobs)

    def _round(self, number: int) -> float:
        """One DAgger round."""
        args = self.args
        policy = None if number == 0 and args.start is None else self.state.network.arrays()
        labels = self._label(f"labels, round {number + 1}", number, policy, 1.0, args.share, False)
        self.labels.append(gathered(labels))
        save_labels(args.out, number, self.labels[-1])
        return self._regress(f"regression, round {number + 1}", number)

    def _correct(self) -> float:
        """Learns how much more rows are worth by the midpoint rule, then regresses on labels with that added. The difference
        of two labels of one row has little noise, so that few days tell what the labels themselves would hide."""
        args = self.args
        policy = self.state.network.arrays()
        labels = gathered(self._label("midpoints", args.rounds, policy, args.half_days, args.half_share, True))
        torch.manual_seed(args.seed)
        small = ResidualQ(32)
        steps = args.scaled(args.half_steps)
        fit(
            small,
            RegressionSet.of([labels], -torch.from_numpy(labels.more)),
            self._track("midpoint rule", steps),
            steps=steps,
            requests=args.batch_requests // 2,
            rate=2e-3,
            decay=1e-2,
            seed=args.seed * 1000 + 700,
        )
        self.more = small.arrays()
        return self._regress("regression, midpoints", args.rounds)

    def _scale_labels(self, number: int) -> float:
        """Multiplies the labels of each scenario by what A had best be multiplied by there, and regresses anew. The prices
        are those of an optimum, and where nearly everything is taken the rows a policy that may turn nobody down leaves free
        are worth less than that."""
        args, weights, jobs = self.args, self.state.network.arrays(), []
        names = [name for name in args.names if name != "slack"]
        for name in names:
            count = args.gain_days // (2 if name.startswith("city:") else 1)
            seeds = calibration_seeds(named(name), count, number * args.gain_days + args.seed * 40)
            jobs += [(name, self.shared.known[name], weights, scale, seeds) for scale in args.gains]
        costs = iter(self._map(f"gains, round {number + 1}", scale_job, jobs))
        for name in names:
            scale = better_scale(args.gains, [next(costs) for _ in args.gains])
            self.state.label_scales[name] = self.state.label_scales.get(name, 1.0) * scale
        if self.say is not None:
            shown = ", ".join(f"{Path(name).name} {scale:.2g}" for name, scale in self.state.label_scales.items())
            self.say.console.print(f"         gains: {shown}", style="dim")
        return self._regress(f"regression, gains {number + 1}", 100 + number, args.refit_steps)

    def _regression_set(self) -> RegressionSet:
        """All labels, the correction added where there is one, multiplied by the gains of their scenarios."""
        target = -torch.from_numpy(np.concatenate([item.opportunity for item in self.labels]))
        if self.more is not None:
            small = ResidualQ(32)
            small.load_state_dict({name: torch.from_numpy(value) for name, value in self.more.items()})
            with torch.no_grad():
                parts = [torch.from_numpy(part.features).float().split(1 << 18) for part in self.labels]
                more = torch.cat([small.advantage(part) for split in parts for part in split])
            target += self.args.half_weight * more
        scales = np.array([self.state.label_scales.get(name, 1.0) for name in self.args.names], dtype=np.float32)
        rows = np.concatenate([np.repeat(scales[item.place], item.count) for item in self.labels])
        return RegressionSet.of(self.labels, target * torch.from_numpy(rows))

    def _regress(self, what: str, number: int, steps: int | None = None) -> float:
        args = self.args
        steps = args.scaled(steps or args.steps)
        return fit(
            self.state.network,
            self._regression_set(),
            self._track(what, steps),
            steps=steps,
            requests=args.batch_requests,
            rate=args.learning_rate,
            decay=1e-3,
            seed=args.seed * 1000 + number,
        )

    def _iterate(self, number: int) -> float:
        """One iteration of Q-learning: days run by the policy, then n-step double dueling updates, the regression kept on."""
        args, state = self.args, self.state
        if number == 0:
            state.target.load_state_dict(state.network.state_dict())
            state.target_value.load_state_dict(state.value.state_dict())
        policy, jobs = state.network.arrays(), []
        for name in args.names:
            solved = self.shared.solved[name]
            count = min(args.run_days if name in args.scenarios else max(1, args.run_days // 4), len(solved))
            own = table_seeds(named(name), len(solved))
            indices = [(number * count + item) % len(solved) for item in range(count)]
            for weekend in (False, True):
                indices_of_kind = [index for index in indices if named(name).demand.weekend(own[index]) == weekend]
                if indices_of_kind:
                    seeds = tuple(own[index] for index in indices_of_kind)
                    prices = np.stack([solved[index].price for index in indices_of_kind])
                    known, drawn = self.shared.known[name].of(weekend), args.seed * 1000 + number
                    jobs.append((ExplorationJob(name, known, policy, seeds, prices, args.explore, drawn),))
        self.runs = [*self.runs[-1:], joined_transitions(self._map(f"days, iteration {number + 1}", explore_job, jobs))]
        return self._learn(number)

    def _learn(self, number: int) -> float:
        args, state = self.args, self.state
        rng = np.random.default_rng([args.seed, number, 61])
        draw = torch.Generator().manual_seed(args.seed * 1000 + 500 + number)
        kept = self._regression_set() if args.keep and self.labels else None
        losses, updates = [], args.scaled(args.updates)
        for turn in self._track(f"Q-learning, iteration {number + 1}", updates):
            decisions = batch(
                self.runs[turn % len(self.runs)], rng, args.batch_decisions, steps=args.n_step, shaping=args.shaping
            )
            alone = turn < updates * args.value_first
            loss = td_loss(state, decisions, value_alone=alone)
            losses.append(float(loss.detach()))
            loss = loss if alone else args.q_weight * loss
            if kept is not None and not alone:
                requests = torch.randint(len(kept), (args.batch_requests,), generator=draw)
                loss = loss + args.keep * regression(state.network, kept, requests)
            state.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*state.network.parameters(), *state.value.parameters()], 10.0)
            state.optimizer.step()
            follow(state, args.target)
        return float(np.mean(losses))

    def _judge(self, phase: str) -> dict[str, float]:
        """Mean ratio to the bound on each scenario's validation days; keeps the best policy."""
        args, weights = self.args, self.state.network.arrays()
        jobs = [(name, self.shared.known[name], weights, self.shared.bounds[name]) for name in args.scenarios]
        ratios = dict(zip(args.scenarios, self._map(f"validation, {phase}", ratio_job, jobs), strict=True))
        score = float(np.mean(list(ratios.values())))
        if score < self.state.best_score:
            self.state.best, self.state.best_score = weights, score
        return ratios

    def _note(self, phase: str, loss: float | None, ratios: dict[str, float]) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        score = float(np.mean(list(ratios.values())))
        line = {"phase": phase, "wall_s": round(self.state.wall_s, 1), "memory_mb": round(memory), "loss": loss, "score": score}
        self.state.curve.append(line | ratios)
        write_curve(self.args.out, self.state.curve)
        if self.say is not None:
            shown = ", ".join(f"{name} {ratio:.4f}" for name, ratio in ratios.items())
            end = "" if loss is None else f"  (loss {loss:.4f})"
            self.say.console.print(f"{self.state.wall_s:6.0f} s  {phase:14} {shown}{end}")

    def _save(self) -> None:
        save_checkpoint(self.args, self.state, self.shared, {name: getattr(self, name) for name in CARRIED})

    def load(self) -> None:
        """Goes on from the checkpoint. Raises ValueError where it belongs to another run."""
        self.shared, carried = load_checkpoint(self.args, self.state)
        for name, value in carried.items():
            setattr(self, name, value)
        self.labels += load_labels(self.args.out, min(max(0, self.state.unit - 1), self.args.rounds))


def train(
    args: Args, *, resume: bool = False, quiet: bool = False, until: int | None = None, shared: SharedTables | None = None
) -> Trainer:
    """Trains by `args` and writes the result; stops before unit `until` where one is given. `shared` is that of another seed.
    Raises ValueError where `resume` finds nothing that fits."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with workers(args.workers) as pool, Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        trainer = Trainer(args, pool, say=None if quiet else bar, shared=shared)
        if resume:
            trainer.load()
        trainer.train(until)
        if trainer.state.unit == len(trainer.plan):
            write_result(args, trainer.state, trainer.labels)
        return trainer


def main(
    seeds: Annotated[str, typer.Option(help="Comma separated; each trains into OUT/seed-N.")] = "1",
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Args.out,
    budget: Annotated[float, typer.Option(help="Minutes a seed on two free cores, about.")] = Args.budget,
    city: Annotated[list[Path] | None, typer.Option(help="City folder whose training days are learnt from too.")] = None,
    scenarios: Annotated[str, typer.Option(help="Reference scenarios learnt from and chosen by.")] = ",".join(Args.scenarios),
    varied: Annotated[int, typer.Option(help="Small cities of their own learnt from beside them.")] = Args.varied,
    start: Annotated[Path | None, typer.Option(help="model.onnx of an exported version to go on from.")] = None,
    rounds: Annotated[int, typer.Option(help="DAgger rounds.")] = Args.rounds,
    half_days: Annotated[float, typer.Option(help="Share of a round's days for the correction; 0: none.")] = Args.half_days,
    iterations: Annotated[int, typer.Option(help="Iterations of the Q-learning.")] = Args.iterations,
    n_step: Annotated[int, typer.Option(help="Requests between a decision and its bootstrap.")] = Args.n_step,
    shaping: Annotated[str, typer.Option(help="potential, charge or none.")] = Args.shaping,
    keep: Annotated[float, typer.Option(help="Weight of the regression loss in the Q-learning.")] = Args.keep,
    workers_: Annotated[int, typer.Option("--workers", help="Processes; 0: this one alone.")] = Args.workers,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoints in OUT.")] = False,
) -> None:
    """Trains a policy a seed; training.learning.arguments.Args says what each number is."""
    cities = [f"city:{path}:{name}" for path in city or [] for name in ("busy", "overload")]
    own = (*(name for name in scenarios.split(",") if name), *cities)
    shared: SharedTables | None = None
    try:
        for seed in [int(number) for number in seeds.split(",")]:
            args = Args(
                seed=seed,
                out=out / f"seed-{seed}",
                budget=budget,
                workers=workers_,
                start=start,
                rounds=rounds,
                iterations=iterations,
                n_step=n_step,
                shaping=shaping,
                keep=keep,
                varied=varied,
                scenarios=own,
                half_days=half_days,
            )
            console.print(f"seed {seed} of {seeds}: {', '.join(args.names)}; about {budget:g} minutes")
            shared = train(args, resume=resume and (args.out / "checkpoint.pt").exists(), shared=shared).shared
    except ValueError as error:
        console.print(str(error), style="red")
        raise typer.Exit(2) from error
    console.print(f"done; python -m training.evaluate --policies fast,{out} judges it, make publish ships it")


if __name__ == "__main__":
    typer.run(main)
