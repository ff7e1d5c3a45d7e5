"""Training from recorded demand to the champion's pointer, for a schedule on the virtual machine.
`python -m training.pipeline --help`

Database and store are those of the environment's settings (docs/settings.md). Ends with 0 where the new version became the
champion, with 1 where the promotion rule did not hold (it is then the challenger, watched in the champion's shadow), and with
2 and one line of why where a step failed; the champion's pointer has not moved then.
"""

import json
import shutil
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from functions.optimizer.models.climatology import Tables, tables_of
from functions.optimizer.models.manifest import (
    CLIMATOLOGY,
    MANIFEST,
    MODEL,
    POLICY_NAME,
    Champion,
    Manifest,
    Refused,
    champion_path,
    version_path,
)
from functions.optimizer.models.registry import open_version, stored
from shared.adapters.blobs import BlobStore
from shared.platform import Platform
from training.evaluate import evaluate
from training.evaluation.jobs import blend_job
from training.evaluation.label_scale import BLENDS, blend_seeds, proven_blend
from training.evaluation.options import EvaluationOptions
from training.evaluation.policy_registry import WEIGHTS, RegisteredPolicy, load_weights
from training.learning.arguments import Args
from training.learning.checkpoint import SharedTables
from training.learning.hindsight import climatology
from training.problem.scenario import Split
from training.release import publish
from training.release.export import MANIFEST_BYTES, trained_network, training_report, write, write_rule
from training.release.promotion import CONTENDED, SLACK, SLACK_MARGIN, UNSEEN_DAYS, Verdict, objections, verdict
from training.release.recorded_demand import LAST_DAYS, LEAST_DAYS, TooFewDaysError, record_city
from training.release.run_folder import summary
from training.release.step_log import Say, Steps, why, without_secrets
from training.scenarios.recorded_city import RecordedDemand, city_scenario
from training.train import train

console = Console(highlight=False, soft_wrap=True)
GREEDY = "greedy"
"""The version that stands for what decides where no champion can serve."""


@dataclass(frozen=True)
class PipelinePlan:
    """What to do."""

    args: Args = field(default_factory=lambda: Args(out=Path(".data/pipeline")))
    """of each seed; its `out` is the folder of everything, and the city's scenarios are added to its own"""
    seeds: tuple[int, ...] = (1,)
    """one training each; the best goes on"""
    days: int = UNSEEN_DAYS
    """unseen days a scenario that judge the challenger"""
    requests: int | None = None
    """requests of each of them, instead of the scenario's"""
    baselines: str = "fast"
    """judged beside the two, for the manifest"""
    last_days: int = LAST_DAYS
    """of recorded demand to look back"""
    least_days: int = LEAST_DAYS
    """of recorded demand that there must be"""
    allow_reference: bool = True
    """train on the reference scenarios alone where too little was recorded"""
    dry_run: bool = False
    """upload nothing"""

    def check(self) -> None:
        """Raises ValueError naming what cannot end well."""
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: must be different numbers, at least one, not {self.seeds}")
        if self.days < UNSEEN_DAYS and not self.dry_run:
            raise ValueError(f"days: promotion needs at least {UNSEEN_DAYS}, not {self.days}; fewer go with --dry-run")


@dataclass(frozen=True)
class Serving:
    """What the challenger has to beat: the store's champion, or greedy where that cannot serve."""

    version: str | None
    """the champion's; None where there is none"""
    etag: str | None
    """of its pointer; None where there is none"""
    folder: Path
    """where it lies in the store's layout"""
    name: str
    """for people"""
    tables: Tables | None = None
    """its climatology, if any"""


@dataclass(frozen=True)
class PipelineOutcome:
    """What came of it. `against`: what stands against promotion; empty: it was promoted, or would have been."""

    version: str
    verdicts: list[Verdict]
    against: list[str]
    table: Table


def shown(text: str) -> None:
    """A line on standard output as it is."""
    console.print(text, markup=False)


def run_pipeline(platform: Platform, plan: PipelinePlan, *, say: Say = shown, quiet: bool = False) -> PipelineOutcome:
    """Trains, judges and publishes. Raises ValueError, AppError, Refused, NotSolvedError or OSError saying what is wrong; the
    champion's pointer has not moved then."""
    plan.check()
    steps, out, blobs = Steps(say), plan.args.out, platform.blobs
    with steps("champion") as tell:
        serving = fetch_champion(platform, out / "store")
        tell(serving.name)
    with steps("recorded demand") as tell:
        city, what = recorded_city(platform, plan, out / "city")
        tell(what)
    with steps("training") as tell:
        run, score = train_seeds(plan, city, quiet=quiet)
        tell(f"{run.name} is the best of {len(plan.seeds)} on validation days, {score:.4f} times the bound")
    with steps("climatology") as tell:
        tables, what = climatology_tables(plan, city, serving, run)
        tell(what)
    version = platform.clock.now().strftime("%Y%m%d-%H%M")
    with steps("export") as tell:
        seeds, training = training_report(run)
        (run / CLIMATOLOGY).unlink(missing_ok=True)
        if tables is not None:
            (run / CLIMATOLOGY).write_bytes(tables.to_bytes())
        manifest = write(
            trained_network(run),
            out / "export",
            version=version,
            trained=True,
            seeds=seeds,
            training=training,
            parent=serving.version,
            climatology=tables,
        )
        assert manifest.parity is not None
        proof = manifest.parity
        tell(f"{version}, {proof.states} states with a relative error of at most {proof.max_relative_error:.1e}")
    folder = (out / "export" / version_path(version, MANIFEST)).parent
    with steps("evaluation") as tell:
        verdicts, metrics = judge(plan, folder, serving, city)
        with_metrics(folder, metrics)
        tell(f"{len(verdicts)} scenarios, {plan.days} unseen days, in {out / 'evaluation'}")
    against = objections(verdicts)
    with steps("promotion") as tell:
        tell(settle(blobs, folder, serving, against, dry_run=plan.dry_run))
    return PipelineOutcome(version, verdicts, against, publish.verdict_table(verdicts, version, serving.name))


def fetch_champion(platform: Platform, folder: Path) -> Serving:
    """The store's champion with its pointer in a folder of the store's layout; greedy in its place where there is none or
    this code may not serve it, as serving does. Raises Unavailable, ValueError for a pointer that cannot be read."""
    blobs = platform.blobs
    version, etag = publish.champion_of(blobs)
    shutil.rmtree(folder / "models" / POLICY_NAME, ignore_errors=True)
    why = "there is no champion in the store"
    if version is not None:
        read = stored(blobs, version)
        try:
            model = open_version(read, version, now=platform.clock.now())
        except Refused as error:
            why = f"{version} must not serve: {error}"
        else:
            for file in (MODEL, CLIMATOLOGY, MANIFEST):
                data = read(file)
                if data is not None:
                    path = folder / version_path(version, file)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            (folder / champion_path()).write_text(Champion(version=version).model_dump_json() + "\n")
            what = f"rule {model.manifest.rule}" if model.session is None else f"untrained: it is {GREEDY}"
            name = version if model.manifest.trained else f"{version} ({what})"
            return Serving(version, etag, folder, name, model.tables)
    write_rule(folder, version=GREEDY, rule=GREEDY)
    return Serving(version, etag, folder, f"{GREEDY} ({why})")


def recorded_city(platform: Platform, plan: PipelinePlan, folder: Path) -> tuple[Path | None, str]:
    """The recorded demand as a city folder, None where there is too little, and what was done. Raises TooFewDaysError where
    that may not be, AppError where the database cannot be read."""
    settings = platform.settings
    try:
        # Opening SQLite would make an empty file.
        if settings.database_url is None and not Path(settings.database_address.removeprefix("sqlite:///")).exists():
            raise TooFewDaysError(f"recorded demand: there is no database in {settings.data_dir} and DATABASE_URL is not set")
        recording = record_city(platform, folder, last_days=plan.last_days, least_days=plan.least_days)
    except TooFewDaysError as error:
        if not plan.allow_reference:
            raise
        return None, f"{str(error).removeprefix('recorded demand: ')}; none is used, reference scenarios alone"
    return folder, f"{recording}, in {folder}"


def train_seeds(plan: PipelinePlan, city: Path | None, *, quiet: bool) -> tuple[Path, float]:
    """Trains each seed into OUT/seed-N; the best run's folder and its mean ratio on validation days."""
    own = () if city is None else tuple(f"city:{city}:{name}" for name in CONTENDED)
    scores: dict[Path, float] = {}
    shared: SharedTables | None = None
    for seed in plan.seeds:
        args = replace(plan.args, seed=seed, out=plan.args.out / f"seed-{seed}", scenarios=(*plan.args.scenarios, *own))
        if not quiet:
            shown(f"seed {seed} of {len(plan.seeds)}: {', '.join(args.names)}; about {args.budget:g} minutes")
        trained = train(args, quiet=quiet, shared=shared)
        shared, scores[args.out] = trained.shared, trained.state.best_score
    best = min(scores, key=scores.__getitem__)
    return best, scores[best]


def climatology_tables(plan: PipelinePlan, city: Path | None, serving: Serving, run: Path) -> tuple[Tables | None, str]:
    """The tables the version takes along: of the city's training days with as many requests as were recorded, and what those
    days prove the run's network to be worth; else the champion's own, which are of the same stations. And what they are."""
    if city is None:
        return serving.tables, "none" if serving.tables is None else f"of {len(serving.tables.keys)} pools, the champion's"
    scenario = city_scenario(city, "slack", requests=1)  # of a large city the most
    demand = scenario.demand
    if not isinstance(demand, RecordedDemand):
        raise ValueError("city: has too few recorded days around its centre")
    count = max(1, round(len(demand.kwh) / sum(len(days) for days in demand.days)))
    scenario = replace(scenario, requests_a_day=count)
    known = climatology(scenario, plan.args.table_days)
    one, seeds = RegisteredPolicy(run.name, weights=load_weights(run / WEIGHTS)), blend_seeds(scenario)
    blend = proven_blend([blend_job(scenario, known, one, blend, seeds) for blend in BLENDS])
    tables = replace(tables_of(scenario.city, known.weekday, known.weekend), blend=blend)
    return (
        tables,
        f"of {len(tables.keys)} pools, training days of {count} requests, trusted {blend.network:g}, {blend.prices:g}",
    )


def judge(plan: PipelinePlan, folder: Path, serving: Serving, city: Path | None) -> tuple[list[Verdict], dict[str, Any]]:
    """The verdicts of unseen days on the reference scenarios, as learnt, and on the city's, as far as its training days bear
    the networks out; and what the manifest keeps of them."""
    verdicts, reports = [], []
    for judged_city in (None,) if city is None else (None, city):
        for name in (*SLACK, *CONTENDED):
            days = plan.days if judged_city is None else min(plan.days, unseen_days(judged_city, name))
            label = name if judged_city is None else f"city-{name}"
            options = EvaluationOptions(
                scenario=name,
                city=judged_city,
                policies=f"{folder},{plan.baselines}",
                days=days,
                requests=plan.requests,
                table_days=plan.args.table_days,
                as_learnt=judged_city is None,
                store=serving.folder,
                out=plan.args.out / "evaluation" / label,
                workers=plan.args.workers,
            )
            report = evaluate(options).report
            scenario_verdict = verdict(report, challenger=folder.name, champion="champion")
            if judged_city is not None:
                scenario_verdict = of_city(scenario_verdict, report["city"])
            verdicts.append(scenario_verdict)
            reports.append(report)
    return verdicts, summary(reports, own=folder.name)


def unseen_days(city: Path, name: str) -> int:
    """Recorded days of a city's scenario that training never sees."""
    demand = city_scenario(city, name, requests=1).demand
    return len(demand.days[Split.TEST]) if isinstance(demand, RecordedDemand) else UNSEEN_DAYS


def of_city(city_verdict: Verdict, city: str) -> Verdict:
    """A city's verdict. A young city has fewer unseen days than the rule asks for: they cannot speak for a challenger, but
    against one that is worse there."""
    kind, city_verdict = city_verdict.scenario, replace(city_verdict, scenario=f"{city} {city_verdict.scenario}")
    if city_verdict.days >= UNSEEN_DAYS:
        return city_verdict
    worse = city_verdict.low > 0 and city_verdict.difference > (SLACK_MARGIN if kind in SLACK else 0.0)
    return replace(city_verdict, why="worse, the interval is wholly above 0" if worse else None)


def with_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Puts the metrics into an exported version's manifest; it was exported without, so that what is judged is what will
    serve. Raises ValueError where it would be too long to be read with every look."""
    path = folder / MANIFEST
    manifest = Manifest.model_validate_json(path.read_text()).model_copy(update={"metrics": metrics})
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"
    if len(text) > MANIFEST_BYTES:
        raise ValueError(f"metrics: the manifest would be {len(text):,} bytes long, at most {MANIFEST_BYTES:,} are allowed")
    path.write_text(text)


def settle(blobs: BlobStore, folder: Path, serving: Serving, against: list[str], *, dry_run: bool = False) -> str:
    """Makes the version in `folder` the champion if nothing stands against it, else the challenger; says what was done. Raises
    Refused where it does not prove itself, Conflict where the champion is not the one it was compared with."""
    version, holds = folder.name, "the rule does not hold" if against else "the rule holds"
    if dry_run:
        return f"{holds}; dry run: nothing was uploaded"
    if against:
        publish.challenge(blobs, folder)
        stays = "there is no champion yet" if serving.version is None else f"{serving.version} stays the champion"
        return f"{holds}; {version} is the challenger, {stays}"
    publish.upload(blobs, folder, parent=serving.version)
    # The tag is of before the evaluation: who became champion meanwhile was not compared with.
    publish.point(blobs, Champion(version=version), serving.etag)
    return f"{holds}; {version} is the champion"


def reported(outcome: PipelineOutcome) -> int:
    """Prints the table and what stands against promotion; the exit code."""
    console.print(outcome.table)
    for line in outcome.against:
        shown(f"{outcome.version} is not promoted: {line}")
    return 1 if outcome.against else 0


def main(
    budget: Annotated[float, typer.Option(help="Minutes of training a seed on two free cores, about.")] = Args.budget,
    seeds: Annotated[str, typer.Option(help="Comma separated; the best on validation days goes on.")] = "1",
    out: Annotated[Path, typer.Option(help="Folder of all that is made on the way.")] = Path(".data/pipeline"),
    days: Annotated[int, typer.Option(help=f"Unseen days a scenario; promotion needs {UNSEEN_DAYS}.")] = UNSEEN_DAYS,
    last_days: Annotated[int, typer.Option(help="Days of recorded demand to look back.")] = LAST_DAYS,
    allow_reference: Annotated[bool, typer.Option(help="Train on reference scenarios alone if too little is recorded.")] = True,
    workers: Annotated[int, typer.Option(help="Processes; 0: this one alone.")] = Args.workers,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Upload nothing.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="The whole traceback of what fails.")] = False,
) -> None:
    """Recorded demand, training, export, evaluation, and publication if the promotion rule holds."""
    platform: Platform | None = None
    try:
        platform = Platform()
        plan = PipelinePlan(
            args=Args(budget=budget, out=out, workers=workers),
            seeds=tuple(int(seed) for seed in seeds.split(",")),
            days=days,
            last_days=last_days,
            allow_reference=allow_reference,
            dry_run=dry_run,
        )
        outcome = run_pipeline(platform, plan)
    except Exception as error:
        settings = None if platform is None else platform.settings
        text = traceback.format_exc() if debug else why(error)
        typer.echo(without_secrets(text, settings), err=True)
        raise typer.Exit(2) from error
    finally:
        if platform is not None:
            platform.close()
    raise typer.Exit(reported(outcome))


if __name__ == "__main__":
    typer.run(main)
