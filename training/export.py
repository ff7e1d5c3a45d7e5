"""Export: a network becomes model.onnx with its manifest, if it answers alike.  `python -m training.export --help`."""

import argparse
import hashlib
import json
import subprocess
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from functions.optimizer.features import FEATURE_HASH, FEATURE_NAMES, FEATURE_VERSION, features
from functions.optimizer.manifest import OPSET, POLICY_NAME, Canary, Champion, Manifest, Parity
from functions.optimizer.objective import PROBLEM_VERSION
from functions.optimizer.policy import SHIPPED, Session
from training.network import ResidualQ
from training.scenarios import Scenario, fingerprint, reference
from training.states import replay, unknown

TOLERANCE = 1e-5


def recorded_features(states: int, scenario: Scenario | None = None) -> list[np.ndarray]:
    """Features of at least `states` decisions on days of a scenario (else overload), each [rows, features]."""
    scenario = scenario or reference("overload")
    found: list[np.ndarray] = []
    seed = 900
    while len(found) < states:
        for wish, book, rows in replay(scenario, seed, requests=400):
            count = int(rows.mask[0].sum())
            if count:
                found.append(features(scenario.city, wish, book, rows, unknown(scenario))[0, :count])
        seed += 1
    return found


def to_onnx(network: ResidualQ) -> bytes:
    """The network as one ONNX file with a 2-D input [rows, features]; the mask stays outside."""
    network.eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the TorchScript exporter: one small file
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(2, len(FEATURE_NAMES)),),
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
    if worst > TOLERANCE or not equal:
        raise ValueError(f"parity: relative error {worst:.2e} (at most {TOLERANCE:.0e}), same choice: {equal}")
    return Parity(states=len(states), max_relative_error=worst, argmax_equal=equal)


def git_commit() -> str | None:
    """The commit of the working tree, None outside a repository."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def write(network: ResidualQ, target: Path, *, version: str, trained: bool, seeds: list[int], states: int = 500) -> Manifest:
    """Exports into `target` in the store's layout, the pointer last. Raises ValueError where parity fails."""
    import onnxruntime

    model = to_onnx(network)
    scenario = reference("overload")
    recorded = recorded_features(states, scenario)
    proof = parity(network, model, recorded)
    sample = recorded[len(recorded) // 2][:8]
    with torch.no_grad():
        answer = network(torch.from_numpy(sample)).numpy()
    manifest = Manifest(
        name=POLICY_NAME,
        version=version,
        trained=trained,
        sha256=hashlib.sha256(model).hexdigest(),
        problem_version=PROBLEM_VERSION,
        feature_version=FEATURE_VERSION,
        feature_names=FEATURE_NAMES,
        feature_hash=FEATURE_HASH,
        opset=OPSET,
        libraries={"torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
        git_commit=git_commit(),
        seeds=seeds,
        scenario_hash=fingerprint(scenario),
        metrics=None,
        parity=proof,
        parent=None,
        canary=Canary(features=[[float(value) for value in row] for row in sample], scores=[float(value) for value in answer]),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    root = target / "models" / POLICY_NAME
    folder = root / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    (folder / "manifest.json").write_text(json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n")
    (root / "champion.json").write_text(Champion(version=version).model_dump_json() + "\n")
    return manifest


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Exports the zero-initialised residual network: greedy, and called untrained.")
    parser.add_argument(
        "--untrained", action="store_true", required=True, help="the only network there is until training lands"
    )
    parser.add_argument("--target", type=Path, default=SHIPPED, help="folder to write to (default: what ships)")
    options = parser.parse_args()
    torch.manual_seed(0)
    made = write(ResidualQ(), options.target, version="0-untrained", trained=False, seeds=[0])
    print(f"{made.name} {made.version}: {made.parity.states} states, relative error {made.parity.max_relative_error:.1e}")


if __name__ == "__main__":
    main()
