"""Export: a network becomes model.onnx with its manifest, if it answers alike; a rule becomes a manifest.
`python -m training.release.export --help`."""

import hashlib
import json
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import torch
import typer

from functions.optimizer.core.candidates import Candidates
from functions.optimizer.core.features import FEATURE_HASH, FEATURE_NAMES, Climatology, features
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from functions.optimizer.models.climatology import Tables
from functions.optimizer.models.manifest import (
    CLIMATOLOGY,
    MANIFEST,
    MODEL,
    OPSET,
    POLICY,
    Canary,
    Champion,
    Expected,
    Manifest,
    Parity,
    Refused,
)
from functions.optimizer.models.onnx_graph import opset_of
from functions.optimizer.models.policy import Session, check_rule
from functions.optimizer.models.registry import SHIPPED
from training.learning.network import ResidualQ, scores
from training.problem.scenario import Scenario, fingerprint
from training.release.run_folder import best_run, summary
from training.scenarios.reference import reference
from training.simulation.replay_states import Chooser, assumed, by_rule, replay, unknown

TOLERANCE = 1e-5
CANARY_ROWS = 8
MANIFEST_BYTES = 100_000
"""What a manifest may be long: it is read with every look for a new champion, and shown to whoever asks."""
KEPT = ("identity", "feature_hash", "scenario_hashes", "labelled_rows", "validation", "wall_s", "memory_mb")
"""What of training.json goes into the manifest; the curve stays."""


def by_network(scenario: Scenario, network: ResidualQ, known: Climatology) -> Chooser:
    """The network's best row, as serving would choose it."""
    weights = network.arrays()

    def choose(wish: Requests, occupancy: Occupancy, rows: Candidates) -> int:
        seen = features(scenario.city, wish, occupancy, rows, known)
        return int(scores(weights, seen, rows.mask)[0].argmax())

    return choose


def recorded_features(states: int, scenario: Scenario | None = None, network: ResidualQ | None = None) -> list[np.ndarray]:
    """Features of at least `states` decisions on days of a scenario (else overload), each [rows, features]: a third each of
    greedy's days knowing nothing, of greedy's with a climatology, and of the network's own (else greedy's again)."""
    scenario = scenario or reference("overload")
    nothing, known = unknown(scenario), assumed(scenario)
    greedy = by_rule("greedy")
    own = greedy if network is None else by_network(scenario, network, known)
    states_features: list[np.ndarray] = []
    each = -(-states // 3)
    for number, (chooser, climatology) in enumerate(((greedy, nothing), (greedy, known), (own, known))):
        for taken, rows in enumerate(_decisions(scenario, 900 + 10 * number, chooser, climatology)):
            states_features.append(rows)
            if taken + 1 == each:
                break
    return states_features


def _decisions(scenario: Scenario, seed: int, chooser: Chooser, known: Climatology) -> Iterator[np.ndarray]:
    """The features of every third decision of day after day, so that few days have all hours."""
    while True:
        for number, (wish, occupancy, rows) in enumerate(replay(scenario, seed, requests=500, chooser=chooser)):
            count = int(rows.mask[0].sum())
            if count and number % 3 == 0:
                yield features(scenario.city, wish, occupancy, rows, known)[0, :count]
        seed += 1


def to_onnx(network: torch.nn.Module, width: int = len(FEATURE_NAMES)) -> bytes:
    """The network as one ONNX file with a 2-D input [rows, width]; the mask stays outside. Raises ValueError where a
    weight is not a finite number."""
    for name, value in network.state_dict().items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name}: has weights that are not finite")
    network.eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the TorchScript exporter: one small file
        path = Path(folder) / MODEL
        torch.onnx.export(
            network,
            (torch.zeros(2, width),),
            str(path),
            input_names=["features"],
            output_names=["scores"],
            dynamic_axes={"features": {0: "rows"}, "scores": {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()


def parity(network: ResidualQ, model: bytes, states: list[np.ndarray]) -> Parity:
    """Compares network and model on recorded states. Raises ValueError beyond the tolerance or where they choose other
    rows though the two best differ by more than it."""
    import onnxruntime

    runtime: Any = onnxruntime
    session: Session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    worst, equal = 0.0, True
    for rows in states:
        (served,) = session.run(None, {"features": rows})
        with torch.no_grad():
            own = network(torch.from_numpy(rows)).numpy()
        error = np.abs(served - own) / np.maximum(1.0, np.abs(own))
        worst = max(worst, float(error.max()))
        best = np.sort(own)[::-1]
        clear = len(best) < 2 or best[0] - best[1] > TOLERANCE * max(1.0, abs(float(best[0])))
        equal &= not clear or int(served.argmax()) == int(own.argmax())
    if not worst <= TOLERANCE or not equal:
        raise ValueError(f"parity: relative error {worst:.2e} (at most {TOLERANCE:.0e}), same choice: {equal}")
    return Parity(states=len(states), max_relative_error=worst, argmax_equal=equal)


def git_commit() -> str | None:
    """The commit of the working tree, None outside a repository."""
    completed = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return completed.stdout.strip() or None


def manifest_of(version: str, expected: Expected = POLICY, **values: Any) -> Manifest:
    """A manifest with what is the same for every version of a name that this code makes."""
    import onnxruntime

    own = {name: value for name, value in vars(expected).items() if name != "alike"}
    return Manifest(
        version=version,
        **own,
        libraries={"torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
        git_commit=git_commit(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        **values,
    )


def write(
    network: ResidualQ,
    target: Path,
    *,
    version: str,
    trained: bool,
    seeds: list[int],
    states: int = 500,
    metrics: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    parent: str | None = None,
    climatology: Tables | None = None,
) -> Manifest:
    """Exports into `target` in the store's layout, the pointer last. Raises ValueError where parity fails, a weight is not
    finite, or the metrics make the manifest longer than MANIFEST_BYTES; nothing is written then."""
    model = to_onnx(network)
    scenario = reference("overload")
    recorded = recorded_features(states, scenario, network)
    proof = parity(network, model, recorded)
    sample = max(recorded[-50:], key=len)[:CANARY_ROWS]
    with torch.no_grad():
        answer = network(torch.from_numpy(sample)).numpy()
    canary = Canary(features=[[float(value) for value in row] for row in sample], scores=[float(value) for value in answer])
    tables = None if climatology is None else climatology.check().to_bytes()
    manifest = manifest_of(
        version,
        trained=trained,
        sha256=hashlib.sha256(model).hexdigest(),
        climatology_sha256=None if tables is None else hashlib.sha256(tables).hexdigest(),
        opset=opset_of(model),
        seeds=seeds,
        scenario_hash=fingerprint(scenario),
        metrics=metrics,
        training=training,
        parity=proof,
        parent=parent,
        canary=canary,
    )
    write_version(target, manifest, {MODEL: model} | ({} if tables is None else {CLIMATOLOGY: tables}))
    return manifest


def write_rule(
    target: Path,
    *,
    version: str,
    rule: str,
    climatology: Tables | None = None,
    metrics: dict[str, Any] | None = None,
    parent: str | None = None,
) -> Manifest:
    """Exports a rule as a version that can serve. Raises Refused for a rule that is none or lacks its climatology."""
    tables = None if climatology is None else climatology.check().to_bytes()
    manifest = manifest_of(
        version,
        kind="rule",
        rule=rule,
        trained=climatology is not None,
        climatology_sha256=None if tables is None else hashlib.sha256(tables).hexdigest(),
        seeds=[],
        scenario_hash=None,
        metrics=metrics,
        parent=parent,
    )
    check_rule(manifest)
    write_version(target, manifest, {} if tables is None else {CLIMATOLOGY: tables})
    return manifest


def write_version(target: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    """Writes a version's files into `target` in the store's layout, the pointer last. Raises ValueError for a manifest longer
    than MANIFEST_BYTES."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"
    if len(text) > MANIFEST_BYTES:
        raise ValueError(f"metrics: the manifest would be {len(text):,} bytes long, at most {MANIFEST_BYTES:,} are allowed")
    root = target / "models" / manifest.name
    folder = root / manifest.version
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MODEL, CLIMATOLOGY):
        if name in files:
            (folder / name).write_bytes(files[name])
        else:
            (folder / name).unlink(missing_ok=True)
    (folder / MANIFEST).write_text(text)
    (root / "champion.json").write_text(Champion(version=manifest.version).model_dump_json() + "\n")


def trained_network(folder: Path) -> ResidualQ:
    """The network of a training's policy.npz; its width is that of the arrays. Raises ValueError naming what is wrong."""
    try:
        with np.load(folder / "policy.npz", allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"policy.npz: {error}") from error
    first = arrays.get("body.0.weight")
    if first is None or first.ndim != 2 or first.shape[1] != len(FEATURE_NAMES):
        shape = "absent" if first is None else list(first.shape)
        raise ValueError(f"policy.npz, body.0.weight: must be [hidden, {len(FEATURE_NAMES)}], is {shape}")
    network = ResidualQ(hidden=first.shape[0])
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    except RuntimeError as error:
        raise ValueError(f"policy.npz: {' '.join(str(error).split())}") from error
    return network


def training_report(folder: Path) -> tuple[list[int], dict[str, Any] | None]:
    """Seeds and what is kept of training.json; ([], None) where there is none. Raises ValueError for one of other features."""
    path = folder / "training.json"
    if not path.exists():
        return [], None
    report = json.loads(path.read_text())
    if report.get("feature_hash", FEATURE_HASH) != FEATURE_HASH:
        raise ValueError("training.json, feature_hash: it was trained on other features than this code computes")
    own = report.get("args", {}).get("seed")
    seeds = report.get("seeds", [] if own is None else [own])
    return [int(seed) for seed in seeds], {name: report[name] for name in KEPT if name in report}


def main(
    from_: Annotated[Path | None, typer.Option("--from", help="Folder of a training run, or of several: the best.")] = None,
    version: Annotated[str, typer.Option(help="What the version is called.")] = "0-untrained",
    untrained: Annotated[bool, typer.Option("--untrained", help="The zero-initialised network: greedy.")] = False,
    rule: Annotated[str | None, typer.Option(help="A rule instead of a network: static_bid_price, greedy ...")] = None,
    metrics: Annotated[
        list[Path] | None, typer.Option(help="JSON of training.evaluate for the manifest, one a scenario.")
    ] = None,
    own: Annotated[str, typer.Option(help="The name this version has in them.")] = "champion",
    climatology: Annotated[Path | None, typer.Option(help="climatology.npz; else the one in FROM, if any.")] = None,
    parent: Annotated[str | None, typer.Option(help="The version it replaces.")] = None,
    target: Annotated[Path, typer.Option(help="Folder to write to; what ships, unless told.")] = SHIPPED,
) -> None:
    """Exports a trained network (--from), the untrained one, or a rule, in the store's layout."""
    if (from_ is not None) + untrained + (rule is not None) != 1:
        _stop("give one of --from DIR, --untrained and --rule NAME")
    try:
        from_ = None if from_ is None else best_run(from_)
    except ValueError as error:
        _stop(str(error))
    if climatology is None and from_ is not None and (from_ / CLIMATOLOGY).exists():
        climatology = from_ / CLIMATOLOGY
    try:
        tables = None if climatology is None else Tables.of_bytes(climatology.read_bytes())
        measured = summary([json.loads(path.read_text()) for path in metrics], own=own) if metrics else None
        if rule is not None:
            manifest = write_rule(target, version=version, rule=rule, climatology=tables, metrics=measured, parent=parent)
            print(f"{manifest.name} {manifest.version}: the rule {manifest.rule}")
            return
        torch.manual_seed(0)
        network = ResidualQ() if from_ is None else trained_network(from_)
        seeds, training = ([0], None) if from_ is None else training_report(from_)
        manifest = write(
            network,
            target,
            version=version,
            trained=not untrained,
            seeds=seeds,
            metrics=measured,
            training=training,
            parent=parent,
            climatology=tables,
        )
    except (ValueError, OSError, Refused) as error:
        _stop(str(error))
    proof = manifest.parity
    assert proof is not None
    print(f"{manifest.name} {manifest.version}: {proof.states} states, relative error {proof.max_relative_error:.1e}")


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    typer.run(main)
