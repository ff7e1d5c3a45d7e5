"""Trains the policy: hindsight-dual regression in DAgger rounds, then double dueling n-step Q-learning with the regression
kept on. One script, in cleanrl's manner.  `python -m training.train --help`

Deterministic by `seed`: with `workers` 0 and `threads` 1 a run that was stopped and resumed ends with the same bits as one
that was not. Every unit of work (a round, an iteration) draws from generators keyed by its number, and ends in a checkpoint.
"""

import csv
import hashlib
import json
import resource
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.nn import functional

from functions.optimizer.features import FEATURE_HASH, ROW_FEATURES, Climatology
from training.baselines import ByNetwork
from training.hindsight import Hindsight, LabelJob, Labels, hindsight_job, label_job, tables
from training.judging import run
from training.network import ResidualQ, StateValue, Weights
from training.scenarios import Split, day, fingerprint, named
from training.transitions import RunJob, Transitions, batch, joined, run_job
from training.workers import Workers, workers

console = Console(highlight=False, soft_wrap=True)
HEADLINE = ("busy", "overload")
STATES = len(ROW_FEATURES)


@dataclass(frozen=True)
class Args:
    """What a run is made of; the numbers of days are those of a budget of 15 minutes on two cores."""

    seed: int = 1
    """of everything that is drawn"""
    out: Path = Path(".data/training")
    """folder of checkpoints, log and result"""
    budget: float = 15.0
    """minutes on two cores, about; days, rounds of learning and iterations grow with it"""
    workers: int = 2
    """processes that run days; 0: this one alone"""
    threads: int = 2
    """of torch while it learns"""
    scenarios: tuple[str, ...] = ("busy", "overload")
    """reference scenarios learnt from"""
    varied: int = 6
    """small cities of their own learnt from beside them"""
    rounds: int = 3
    """DAgger rounds: run days by the policy so far, label, regress on all labels"""
    label_days: int = 64
    """days a reference scenario and round"""
    varied_days: int = 8
    """days a varied city and round"""
    table_days: int = 24
    """days whose offline optimum makes a reference scenario's climatology"""
    windows: int = 3
    """times a labelled day's programme is solved anew"""
    stretch: float = 1 / 16
    """share of a day's requests that follow each solving and are labelled by it"""
    rows: int = 40
    """rows learnt from a request, at most"""
    steps: int = 3500
    """gradient steps of a round's regression"""
    batch_rows: int = 4096
    """rows of a step of the regression"""
    learning_rate: float = 1e-3
    """of the regression (AdamW, one cycle)"""
    iterations: int = 6
    """of the Q-learning: run days, then learn"""
    run_days: int = 8
    """days a scenario and iteration of the Q-learning"""
    updates: int = 250
    """gradient steps an iteration"""
    batch_decisions: int = 256
    """decisions of a Q-learning step"""
    n_step: int = 10
    """requests between a decision and its bootstrap"""
    shaping: str = "potential"
    """potential, charge (without refund) or none"""
    keep: float = 1.0
    """weight of the regression loss in the Q-learning"""
    q_rate: float = 1e-4
    """learning rate of the Q-learning (Adam)"""
    explore: float = 0.05
    """share of random choices among nearly as good rows"""
    target: float = 0.01
    """how far the target network follows at each step (Polyak)"""
    validation_days: int = 10
    """days a reference scenario on which the policy that ships is chosen"""

    @property
    def names(self) -> tuple[str, ...]:
        """All scenarios learnt from."""
        return (*self.scenarios, *(f"varied-{number}" for number in range(self.varied)))

    def scaled(self, count: int) -> int:
        """A number of days or steps by the budget, at least 1."""
        return max(1, round(count * min(4.0, self.budget / 15.0)))

    def identity(self) -> str:
        """A hash of all that decides the result."""
        own = {name: value for name, value in asdict(self).items() if name not in ("out", "workers", "threads")}
        return hashlib.sha256(json.dumps([own, FEATURE_HASH], sort_keys=True, default=str).encode()).hexdigest()


@dataclass
class State:
    """What a checkpoint holds: networks, optimizer, how far the run is, the best so far, and the curve."""

    network: ResidualQ
    value: StateValue
    target: ResidualQ
    target_value: StateValue
    optimizer: torch.optim.Optimizer
    unit: int = 0
    best: Weights | None = None
    best_score: float = float("inf")
    curve: list[dict[str, Any]] = field(default_factory=list)


class Trainer:
    """A run. `units` are climatology and bounds, then rounds, then iterations."""

    def __init__(self, args: Args, pool: Workers, *, say: Progress | None = None) -> None:
        self.args, self.pool, self.say = args, pool, say
        self.began = time.monotonic()
        self.labels: list[Labels] = []
        self.runs: list[Transitions] = []
        torch.manual_seed(args.seed)
        torch.set_num_threads(args.threads)
        network, value, target, target_value = ResidualQ(), StateValue(), ResidualQ(), StateValue()
        optimizer = torch.optim.Adam([*network.parameters(), *value.parameters()], lr=args.q_rate)
        self.state = State(network, value, target, target_value, optimizer)
        self.known: dict[str, Climatology] = {}
        self.solved: dict[str, list[Hindsight]] = {}
        self.bounds: dict[str, np.ndarray] = {}
        args.out.mkdir(parents=True, exist_ok=True)

    @property
    def units(self) -> int:
        """Units of work in all."""
        return 1 + self.args.rounds + self.args.iterations

    def train(self) -> Weights:
        """Runs what is left and returns the best policy's weights by the validation days."""
        while self.state.unit < self.units:
            self.step()
        assert self.state.best is not None
        return self.state.best

    def step(self) -> None:
        """One unit, then its checkpoint."""
        unit = self.state.unit
        if unit == 0:
            self._solve()
        elif unit <= self.args.rounds:
            self._round(unit - 1)
        else:
            self._iterate(unit - 1 - self.args.rounds)
        self.state.unit += 1
        self._save()

    def _map(self, what: str, job: Any, arguments: list[tuple[Any, ...]]) -> list[Any]:
        if self.say is None:
            return self.pool.map(job, arguments)
        task = self.say.add_task(what, total=len(arguments))
        found = self.pool.map(job, arguments, done=lambda number: self.say.update(task, completed=number + 1))  # type: ignore[union-attr]
        self.say.remove_task(task)
        return found

    def _solve(self) -> None:
        """Offline optima of the days that make climatology tables and of the validation days."""
        args, wanted = self.args, []
        for name in args.names:
            count = args.table_days if name in args.scenarios else max(4, args.table_days // 3)
            wanted += [(name, Split.TRAINING.seed(5000 + number)) for number in range(count)]
        tables_end = len(wanted)
        wanted += [(name, Split.VALIDATION.seed(number)) for name in args.scenarios for number in range(args.validation_days)]
        found = self._map("offline optima", hindsight_job, wanted)
        for name in args.names:
            self.solved[name] = [
                item for (own, _), item in zip(wanted[:tables_end], found[:tables_end], strict=True) if own == name
            ]
            self.known[name] = tables(named(name), self.solved[name])
        for name in args.scenarios:
            pairs = zip(wanted[tables_end:], found[tables_end:], strict=True)
            self.bounds[name] = np.array([item.cost for (own, _), item in pairs if own == name])
        self._judge("greedy", None)

    def _round(self, number: int) -> None:
        """One DAgger round: days run by the policy so far (the bid price in the first), labelled; regression on all."""
        args = self.args
        policy = None if number == 0 else self.state.network.arrays()
        jobs = []
        for place, name in enumerate(args.names):
            count = args.scaled(args.label_days if name in args.scenarios else args.varied_days)
            first = Split.TRAINING.seed(1000 * number)
            seeds = [first + item for item in range(count)]
            for turn, begin in enumerate(range(0, count, 8)):
                # One job in eight knows no climatology; half know drivers with weights of their own.
                known = (place + turn) % 8 != 7
                group = tuple(seeds[begin : begin + 8])
                own = (place + turn) % 2 == 1
                jobs.append(
                    (LabelJob(name, self.known[name], policy, group, args.windows, args.stretch, args.rows, known, own),)
                )
        self.labels += self._map(f"labels, round {number + 1}", label_job, jobs)
        loss = self._regress(number)
        self._judge(f"regression {number + 1}", loss)

    def _regress(self, number: int) -> float:
        """Regresses A on minus the opportunity cost of all labels; returns the mean loss of the last tenth of the steps."""
        args, network = self.args, self.state.network
        features = torch.from_numpy(np.concatenate([item.features for item in self.labels]))
        opportunity = torch.from_numpy(np.concatenate([item.opportunity for item in self.labels]))
        draw = torch.Generator().manual_seed(args.seed * 1000 + number)
        steps = args.scaled(args.steps)
        optimizer = torch.optim.AdamW(network.parameters(), lr=args.learning_rate, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.learning_rate, steps)
        losses = []
        for _ in self._track(f"regression, round {number + 1}", steps):
            at = torch.randint(len(features), (args.batch_rows,), generator=draw)
            loss = functional.mse_loss(network.advantage(features[at]), -opportunity[at])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses[-max(1, steps // 10) :]))

    def _track(self, what: str, steps: int) -> Any:
        return range(steps) if self.say is None else self.say.track(range(steps), description=what)

    def _iterate(self, number: int) -> None:
        """One iteration of Q-learning: days run by the policy, then n-step double dueling updates, the regression kept on."""
        args, state = self.args, self.state
        if number == 0:
            state.target.load_state_dict(state.network.state_dict())
            state.target_value.load_state_dict(state.value.state_dict())
        policy, jobs = state.network.arrays(), []
        for name in args.names:
            solved = self.solved[name]
            count = min(args.run_days if name in args.scenarios else max(1, args.run_days // 8), len(solved))
            places = [(number * count + item) % len(solved) for item in range(count)]
            seeds = tuple(Split.TRAINING.seed(5000 + place) for place in places)
            prices = np.stack([solved[place].price for place in places])
            jobs.append((RunJob(name, self.known[name], policy, seeds, prices, args.explore, args.seed * 1000 + number),))
        self.runs = [*self.runs[-1:], joined(self._map(f"days, iteration {number + 1}", run_job, jobs))]
        loss = self._learn(number)
        self._judge(f"Q-learning {number + 1}", loss)

    def _learn(self, number: int) -> float:
        args, state = self.args, self.state
        rng = np.random.default_rng([args.seed, number, 61])
        draw = torch.Generator().manual_seed(args.seed * 1000 + 500 + number)
        features = torch.from_numpy(np.concatenate([item.features for item in self.labels])) if self.labels else None
        opportunity = torch.from_numpy(np.concatenate([item.opportunity for item in self.labels])) if self.labels else None
        losses = []
        for turn in self._track(f"Q-learning, iteration {number + 1}", args.scaled(args.updates)):
            found = batch(self.runs[turn % len(self.runs)], rng, args.batch_decisions, steps=args.n_step, shaping=args.shaping)
            taken = torch.from_numpy(found.taken)
            goal = self._goal(found.returns, found.later, found.owner, found.open)
            q = state.network(taken) + state.value(taken[:, STATES:])
            loss = functional.smooth_l1_loss(q, goal)
            losses.append(float(loss.detach()))
            if args.keep and features is not None and opportunity is not None:
                at = torch.randint(len(features), (args.batch_rows // 2,), generator=draw)
                loss = loss + args.keep * functional.mse_loss(state.network.advantage(features[at]), -opportunity[at])
            state.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_([*state.network.parameters(), *state.value.parameters()], 10.0)
            state.optimizer.step()
            with torch.no_grad():
                for slow, fast in ((state.target, state.network), (state.target_value, state.value)):
                    for one, other in zip(slow.parameters(), fast.parameters(), strict=True):
                        one.lerp_(other, args.target)
        return float(np.mean(losses))

    def _goal(self, returns: np.ndarray, later: np.ndarray, owner: np.ndarray, open_: np.ndarray) -> torch.Tensor:
        """n-step double targets: the online network picks the row, the target network says what it is worth."""
        goal = torch.from_numpy(returns).clone()
        if not len(later):
            return goal
        rows, whose = torch.from_numpy(later), torch.from_numpy(owner)
        with torch.no_grad():
            online = self.state.network(rows)
            best = torch.full((len(goal),), -torch.inf).scatter_reduce(0, whose, online, "amax")
            first = torch.full((len(goal),), len(rows), dtype=torch.long)
            at = torch.arange(len(rows))
            first = first.scatter_reduce(0, whose, torch.where(online == best[whose], at, len(rows)), "amin")
            has = torch.from_numpy(open_)
            picked = rows[first[has]]
            goal[has] += self.state.target(picked) + self.state.target_value(picked[:, STATES:])
        return goal

    def _judge(self, phase: str, loss: float | None) -> None:
        """Mean ratio to the bound on each reference scenario's validation days; keeps the best."""
        args, weights = self.args, self.state.network.arrays()
        jobs = [(name, self.known[name], weights, self.bounds[name]) for name in args.scenarios]
        ratios = dict(zip(args.scenarios, self._map(f"validation, {phase}", ratio_job, jobs), strict=True))
        score = float(np.mean(list(ratios.values())))
        if score < self.state.best_score:
            self.state.best, self.state.best_score = weights, score
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        spent = time.monotonic() - self.began + (self.state.curve[-1]["wall_s"] if self.resumed else 0.0)
        line = {"phase": phase, "wall_s": round(spent, 1), "memory_mb": round(memory), "loss": loss, "score": score} | ratios
        self.state.curve.append(line)
        shown = ", ".join(f"{name} {ratio:.4f}" for name, ratio in ratios.items())
        if self.say is not None:
            self.say.console.print(f"{spent:6.0f} s  {phase:14} {shown}" + ("" if loss is None else f"  (loss {loss:.4f})"))

    resumed = False

    def _save(self) -> None:
        """The checkpoint, in one step: a run that is killed finds the last whole one."""
        state = self.state
        whole = {
            "identity": self.args.identity(),
            "state": {item.name: getattr(state, item.name) for item in fields(State) if item.name not in NETWORKS},
            "networks": {name: getattr(state, name).state_dict() for name in NETWORKS},
            "labels": self.labels,
            "runs": self.runs,
            "known": self.known,
            "solved": self.solved,
            "bounds": self.bounds,
        }
        draft = self.args.out / "checkpoint.draft"
        torch.save(whole, draft)
        draft.replace(self.args.out / "checkpoint.pt")
        write_curve(self.args.out, state.curve)

    def load(self) -> None:
        """Goes on from the checkpoint. Raises ValueError where it belongs to another run."""
        path = self.args.out / "checkpoint.pt"
        if not path.exists():
            raise ValueError(f"resume: there is no checkpoint in {self.args.out}")
        whole = torch.load(path, weights_only=False)  # our own file: it holds arrays and dataclasses
        if whole["identity"] != self.args.identity():
            raise ValueError(f"resume: the checkpoint in {self.args.out} is of a run with other arguments or features")
        for name, value in whole["state"].items():
            setattr(self.state, name, value)
        for name in NETWORKS:
            getattr(self.state, name).load_state_dict(whole["networks"][name])
        for name in ("labels", "runs", "known", "solved", "bounds"):
            setattr(self, name, whole[name])
        self.resumed = True


NETWORKS = ("network", "value", "target", "target_value", "optimizer")


def ratio_job(name: str, known: Climatology, weights: Weights, bounds: np.ndarray) -> float:
    """Mean ratio to the bound of a network on a scenario's validation days."""
    scenario = named(name)
    days = [day(scenario, Split.VALIDATION.seed(number)) for number in range(len(bounds))]
    return float((run(scenario, days, ByNetwork(weights), climatology=known).costs / bounds).mean())


def write_curve(out: Path, curve: list[dict[str, Any]]) -> None:
    """learning_curve.csv and, once there is something to draw, learning_curve.png."""
    if not curve:
        return
    with (out / "learning_curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(curve[0]))
        writer.writeheader()
        writer.writerows(curve)


def result(args: Args, trainer: Trainer) -> None:
    """What training leaves for evaluation and export: policy.npz (weights) and training.json (what it was made of)."""
    assert trainer.state.best is not None
    arrays: dict[str, Any] = trainer.state.best
    np.savez(args.out / "policy.npz", **arrays)
    for name in args.scenarios:
        known = trainer.known[name]
        np.savez_compressed(
            args.out / f"climatology-{name}.npz", occupancy=known.occupancy, demand=known.demand, price=known.price
        )
    report = {
        "args": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(args).items()},
        "identity": args.identity(),
        "feature_hash": FEATURE_HASH,
        "scenario_hashes": {name: fingerprint(named(name)) for name in args.scenarios},
        "labelled_rows": sum(len(item.opportunity) for item in trainer.labels),
        "validation": trainer.state.best_score,
        "wall_s": trainer.state.curve[-1]["wall_s"],
        "memory_mb": trainer.state.curve[-1]["memory_mb"],
        "curve": trainer.state.curve,
    }
    (args.out / "training.json").write_text(json.dumps(report, indent=1) + "\n")


def train(args: Args, *, resume: bool = False, quiet: bool = False) -> Weights:
    """Trains by `args` and writes the result. Raises ValueError where `resume` finds nothing that fits."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with workers(args.workers) as pool, Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        trainer = Trainer(args, pool, say=None if quiet else bar)
        if resume:
            trainer.load()
        weights = trainer.train()
        result(args, trainer)
        return weights


def main(
    seed: int = Args.seed,
    budget: float = Args.budget,
    out: Path = Args.out,
    workers_: int = typer.Option(Args.workers, "--workers"),
    threads: int = Args.threads,
    rounds: int = Args.rounds,
    iterations: int = Args.iterations,
    n_step: int = Args.n_step,
    shaping: str = Args.shaping,
    keep: float = Args.keep,
    varied: int = Args.varied,
    scenarios: str = ",".join(Args.scenarios),
    resume: bool = typer.Option(False, "--resume", help="Go on from the checkpoint in OUT."),
) -> None:
    """Trains a policy; see Args for what each number is."""
    args = Args(
        seed=seed, budget=budget, out=out, workers=workers_, threads=threads, rounds=rounds, iterations=iterations,
        n_step=n_step, shaping=shaping, keep=keep, varied=varied, scenarios=tuple(scenarios.split(",")),
    )  # fmt: skip
    try:
        train(args, resume=resume)
    except ValueError as error:
        console.print(str(error), style="red")
        raise typer.Exit(2) from error
    console.print(f"the policy is in {out}; python -m training.evaluate --policies fast,{out}")


if __name__ == "__main__":
    typer.run(main)
