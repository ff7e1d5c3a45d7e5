"""The availability forecast: trained on a city folder's first four fifths, exported as the policy is, and reported with the
baselines beside it on the last fifth.  `python -m training.forecast --help`"""

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from rich.console import Console

from functions.forecast.features import AHEAD, FORECAST_FEATURES, FORECAST_HASH, HORIZONS
from functions.forecast.model import FORECAST, FORECAST_NAME, TABLE, Chances, Ladder, score
from functions.optimizer.models.manifest import MODEL, Canary, Manifest, Parity, Refused
from functions.optimizer.models.onnx_graph import opset_of
from functions.optimizer.models.policy import LoadedModel
from functions.optimizer.models.registry import SHIPPED, in_folder, open_version, stored
from shared.adapters.blobs import FolderBlobs
from shared.errors import AppError
from training.forecast.data import LEAST_DAYS, Records, Sample, TooFewSessionsError, booked_ahead, load_records, sample
from training.forecast.report import (
    Figures,
    document,
    draw,
    free_count_table,
    judge,
    ladder,
    last_observed,
    table,
    tabled,
)
from training.release.publish import champion_of, version_folder

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
WIDTH = 140
"""Columns of a table that goes into a file or a pipe."""
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)
TOLERANCE = 1e-5
CANARY_ROWS = 12
PARITY_ROWS = 4096
EVERY, EVERY_BOOKED = 3, 9
"""Steps between two rows of training: neighbours are nearly the same."""


class Format(StrEnum):
    """How a report is printed."""

    table = "table"
    json = "json"


City = Annotated[Path, typer.Option(help="A city folder (PROBLEM.md), such as `python -m cities import` makes.")]


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(1)


def _records(city: Path) -> Records:
    try:
        return load_records(city)
    except TooFewSessionsError as error:
        _stop(str(error))
    except AppError as error:
        _stop(error.detail)


def model_answer(model: LoadedModel, rows: Sample) -> Chances:
    """What the model says of rows. Raises ValueError where it says nothing."""
    parts = [score(model, part) for part in np.array_split(rows.inputs, len(rows.inputs) // 65536 + 1)]
    kept = [part for part in parts if part is not None]
    if len(kept) < len(parts):
        raise ValueError("the model gave no answer")
    return Chances(np.concatenate([part.p_free for part in kept]), np.concatenate([part.occupancy for part in kept]))


@dataclass(frozen=True)
class Judgement:
    """A model and the baselines on a city's last fifth."""

    held: Sample
    answers: dict[str, Chances]
    """by predictor: `champion` is what serves, `network` the model alone"""
    figures: dict[int, dict[str, Figures]]
    ladder: Ladder
    """by the city's validation days"""

    @property
    def metrics(self) -> dict[str, Any]:
        """As a manifest has it."""
        return document(self.figures, self.ladder) | {"ladder": self.ladder.model_dump(mode="json")}


def judged(records: Records, model: LoadedModel) -> Judgement:
    """Judges a model on a city's last fifth. The free-count table is of the city's own first three fifths; where the fifth
    between does not bear the model out against it, the table serves (docs/forecast.md, The ladder)."""
    first, last = records.bounds()
    learnt, between, test = records.rows(0, first, EVERY), records.rows(first, last, EVERY), records.rows(last, records.steps)
    if len(test) < LEAST_DAYS / 5 * 288:
        raise TooFewSessionsError(f"{records.name}: its last fifth has {len(test)} recorded steps, too few to judge by")
    table_of = free_count_table(sample(records, learnt, read=False))
    both = sample(records, np.concatenate([between, test]))
    own = model_answer(model, both)
    before = both.step < last
    validation, held = _part(both, before), _part(both, ~before)
    rungs = ladder(validation, _chances(own, before), table_of)
    network, by_table = _chances(own, ~before), tabled(table_of, held)
    answers = {
        "champion": rungs.serves(network, by_table),
        "network": network,
        "last_observation": last_observed(held),
        "free_count_table": by_table,
    }
    return Judgement(held, answers, judge(held, answers), rungs)


def _chances(chances: Chances, mask: np.ndarray) -> Chances:
    return Chances(chances.p_free[mask], chances.occupancy[mask])


def _part(rows: Sample, mask: np.ndarray) -> Sample:
    return Sample(*(value[mask] for value in vars(rows).values()))


@app.command("train")
def train_command(
    city: City,
    out: Annotated[Path, typer.Option(help="Folder of the run: network, figures, table.")] = Path(".data/forecast"),
    seeds: Annotated[str, typer.Option(help="One network each, averaged.")] = "0,1",
    epochs: Annotated[int, typer.Option(min=1)] = 12,
    hidden: Annotated[int, typer.Option(min=4)] = 128,
) -> None:
    """Fits one network to the first 60 % of a city, calibrates and judges it on the next 20 %, then fits each seed's to all
    80 %. The last 20 % are not looked at."""
    import torch

    from training.forecast.network import FitArgs, calibrate, fit, predict

    torch.set_num_threads(1)
    args = FitArgs(seeds=tuple(int(seed) for seed in seeds.split(",")), epochs=epochs, hidden=hidden)
    records = _records(city)
    first, last = records.bounds()
    began = datetime.now(UTC)
    plain = sample(records, np.concatenate([records.rows(0, first, EVERY), records.rows(first, last, EVERY)]))
    booked = sample(records, records.rows(0, last, EVERY_BOOKED), booked_ahead(records, args.seeds[0]))
    say: Callable[[str], None] = lambda text: typer.echo(text, err=True)  # noqa: E731
    say(f"{records.name}: {len(plain.step):,} rows, {len(booked.step):,} with synthetic bookings, to step {last:,}")
    before = [_part(item, item.step < first - int(AHEAD[-1])) for item in (plain, booked)]
    early = fit(before, replace(args, seeds=args.seeds[:1]), say)
    held = _part(plain, plain.step >= first)
    calibrate(early, held)
    predicted = predict(early, held.inputs)
    ahead = len(HORIZONS)
    answers = {
        "champion": Chances(predicted[:, :ahead], predicted[:, ahead:]),
        "last_observation": last_observed(held),
        "free_count_table": tabled(free_count_table(before[0]), held),
    }
    validation = judge(held, answers)
    console.print(table(f"{records.name}, validation (fitted to the first 60 %)", validation))
    network = fit([plain, booked], args, say)
    network.slope.copy_(early.slope)
    network.offset.copy_(early.offset)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "network.npz", **{name: value.numpy() for name, value in network.state_dict().items()})
    np.savez(out / "rows.npz", inputs=_spread(plain.inputs, PARITY_ROWS))
    report = {
        "city": records.name,
        "data": fingerprint(records),
        "feature_hash": FORECAST_HASH,
        "args": {name: list(value) if isinstance(value, tuple) else value for name, value in vars(args).items()},
        "rows": len(plain.step) + len(booked.step),
        "validation": document(validation)["horizons"],
        "table": free_count_table(before[0]).round(6).tolist(),
        "minutes": round((datetime.now(UTC) - began).total_seconds() / 60, 1),
    }
    (out / "training.json").write_text(json.dumps(report, indent=1) + "\n")
    say(f"{out}: {report['minutes']} minutes")


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]


def fingerprint(records: Records) -> str:
    """What a model was fitted to, as a hash of its sessions."""
    data = b"".join(
        np.ascontiguousarray(part, dtype=np.int64).tobytes() for part in (records.point, records.begin, records.end)
    )
    return hashlib.sha256(data).hexdigest()


def write(run: Path, target: Path, *, version: str, metrics: dict[str, Any] | None, parent: str | None = None) -> Manifest:
    """Exports a run in the store's layout. Raises ValueError where model and network differ or a weight is not finite."""
    import onnxruntime
    import torch

    from training.forecast.network import Forecaster, predict
    from training.release.export import manifest_of, to_onnx, write_version

    report = json.loads((run / "training.json").read_text())
    if report["feature_hash"] != FORECAST_HASH:
        raise ValueError("training.json, feature_hash: it was trained on other features than this code computes")
    with np.load(run / "network.npz", allow_pickle=False) as file:
        weights = {name: torch.from_numpy(file[name]) for name in file.files}
    with np.load(run / "rows.npz", allow_pickle=False) as file:
        rows = np.asarray(file["inputs"])
    network = Forecaster(len(report["args"]["seeds"]), report["args"]["hidden"])
    network.load_state_dict(weights)
    model = to_onnx(network, len(FORECAST_FEATURES))
    runtime: Any = onnxruntime
    (served,) = runtime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"features": rows})
    worst = float(np.abs(served - predict(network, rows)).max())
    if not worst <= TOLERANCE:
        raise ValueError(f"parity: the model differs from the network by {worst:.2e}, at most {TOLERANCE:.0e} is allowed")
    shown = _spread(rows, CANARY_ROWS)
    canary = Canary(
        features=[[float(value) for value in row] for row in shown],
        scores=[float(value) for value in predict(network, shown).reshape(-1)],
    )
    manifest = manifest_of(
        version,
        FORECAST,
        trained=True,
        sha256=hashlib.sha256(model).hexdigest(),
        opset=opset_of(model),
        seeds=report["args"]["seeds"],
        scenario_hash=report["data"],
        metrics=metrics,
        training={name: report[name] for name in ("city", "args", "rows", "validation", "minutes")},
        parity=Parity(states=len(rows), max_relative_error=worst, argmax_equal=None),
        parent=parent,
        canary=canary,
    )
    write_version(target, manifest, {MODEL: model})
    return manifest


def _opened(folder: Path) -> LoadedModel:
    own = version_folder(folder, FORECAST_NAME)
    return open_version(in_folder(own), own.name, now=datetime.now(UTC), expected=FORECAST)


@app.command("export")
def export_command(
    version: Annotated[str, typer.Option(help="What the version is called.")],
    city: City,
    from_: Annotated[Path, typer.Option("--from", help="Folder of a training run.")] = Path(".data/forecast"),
    target: Annotated[Path, typer.Option(help="Folder to write to; what ships, unless told.")] = SHIPPED,
    parent: Annotated[str | None, typer.Option(help="The version it replaces.")] = None,
) -> None:
    """Exports a run, judges it on the city's last fifth, and puts the figures into its manifest; into what ships also the
    free-count table of the training part."""
    try:
        write(from_, target, version=version, metrics=None, parent=parent)
        records = _records(city)
        judgement = judged(records, _opened(target))
        metrics = {"city": records.name, "part": "last 20 %"} | judgement.metrics
        manifest = write(from_, target, version=version, metrics=metrics, parent=parent)
    except (ValueError, OSError, Refused) as error:
        _stop(str(error))
    if target == SHIPPED:
        report = json.loads((from_ / "training.json").read_text())
        lines = dict(zip(map(str, HORIZONS), report["table"], strict=True))
        what = "P(one is free | 0, 1, 2 ... 8 and more points are free now), by minutes ahead"
        TABLE.write_text(json.dumps({"what": what, "city": report["city"], "p_free": lines}, indent=1) + "\n")
    title = f"{manifest.name} {manifest.version} on {records.name}'s last 20 %"
    console.print(table(title, judgement.figures, judgement.ladder))


@app.command("adopt")
def adopt_command(
    version: Annotated[str, typer.Option(help="What the version is called.")],
    city: City,
    model: Annotated[Path, typer.Option(help="Folder of a version or an export; what ships, unless told.")] = SHIPPED,
    target: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(".data/exports"),
) -> None:
    """The same network as a version for another city: with that city's ladder, free-count table and figures."""
    try:
        opened, records = _opened(model), _records(city)
        judgement = judged(records, opened)
        adopted(model, target, version=version, city=records.name, judgement=judgement)
    except (ValueError, OSError, Refused) as error:
        _stop(str(error))
    console.print(table(f"{FORECAST_NAME} {version} on {records.name}'s last 20 %", judgement.figures, judgement.ladder))


def adopted(model: Path, target: Path, *, version: str, city: str, judgement: Judgement) -> Manifest:
    """Writes the network of `model` into `target` with a city's ladder. Raises ValueError, Refused or OSError."""
    from training.release.export import write_version

    parent = _opened(model).manifest
    metrics = {"city": city, "part": "last 20 %"} | judgement.metrics
    manifest = parent.model_copy(update={"version": version, "parent": parent.version, "metrics": metrics})
    write_version(target, manifest, {MODEL: (version_folder(model, FORECAST_NAME) / MODEL).read_bytes()})
    return manifest


@contextmanager
def _quiet() -> Any:
    """What is printed meanwhile goes to standard error: standard output is the report's."""
    with redirect_stdout(sys.stderr):
        yield


@app.command("report")
def report_command(
    city: City,
    format_: Annotated[Format, typer.Option("--format", help="For people or programs.")] = Format.table,
    model: Annotated[Path | None, typer.Option(help="Folder of a version or an export; what ships, unless told.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of a store: its champion instead.")] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG of the reliability curve.")] = None,
) -> None:
    """The champion, the last observation and the free-count table on a city's last fifth."""
    try:
        with _quiet():
            opened = _opened(model or SHIPPED) if store is None else _champion(store)
            records = _records(city)
            judgement = judged(records, opened)
    except TooFewSessionsError as error:
        _stop(str(error))
    except (ValueError, OSError, Refused) as error:
        _stop(str(error))
    title = f"{records.name}, last 20 %: {FORECAST_NAME} {opened.manifest.version}"
    if picture is not None:
        draw(picture, title, judgement.held, judgement.answers["champion"])
    if format_ is Format.json:
        typer.echo(json.dumps(document(judgement.figures, judgement.ladder)))
        return
    console.print(table(title, judgement.figures, judgement.ladder))
    held = judgement.held
    full = 1.0 - held.free.mean()
    console.print(
        f"{len(held.step):,} rows of {len(records.groups)} groups, {len(np.unique(held.step // 288))} days; none is free in "
        f"{full:.2%} of them. Skill: what is gone of the last observation's error, 95 % intervals over days."
    )
    if full < 0.001:
        console.print("Points were hardly ever all taken: Brier, log loss and ECE say little about this city.")


def _champion(store: Path) -> LoadedModel:
    blobs = FolderBlobs(store)
    version, _ = champion_of(blobs, FORECAST_NAME)
    if version is None:
        raise ValueError(f"{store}: there is no champion of {FORECAST_NAME}")
    return open_version(stored(blobs, version, FORECAST_NAME), version, now=datetime.now(UTC), expected=FORECAST)
