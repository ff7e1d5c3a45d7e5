"""Policies made for tests: linear networks as real ONNX files with manifests that fit, whatever ships with the project."""

import hashlib
import json
from typing import Any

import numpy as np

from functions.optimizer.core.features import FEATURE_HASH, FEATURE_NAMES, FEATURE_VERSION
from functions.optimizer.core.objective import PROBLEM_VERSION
from functions.optimizer.models.climatology import Tables, pool_key
from functions.optimizer.models.manifest import CLIMATOLOGY, MANIFEST, MODEL, POLICY_NAME, champion_path, version_path
from shared.adapters.blobs import BlobStore
from tests.support.world import TYPE2, World


def weights_of(**values: float) -> np.ndarray:
    """Weights of the features by name, float32 [F]; minus one on regret (greedy) unless told."""
    weights = np.zeros(len(FEATURE_NAMES), dtype=np.float32)
    for name, value in ({"regret": -1.0} | values).items():
        weights[FEATURE_NAMES.index(name)] = value
    return weights


def graph(weights: np.ndarray, opset: int = 17) -> bytes:
    """scores = features @ weights, as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper

    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("MatMul", ["features", "weights"], ["column"]),
                helper.make_node("Reshape", ["column", "flat"], ["scores"]),
            ],
            "linear",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(weights)])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows"])],
            [
                numpy_helper.from_array(weights[:, None], "weights"),
                numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat"),
            ],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
    )
    model.ir_version = 8
    data: bytes = model.SerializeToString()
    return data


def version(
    name: str, weights: np.ndarray | None = None, *, opset: int = 17, tables: Tables | None = None, **changes: Any
) -> dict[str, bytes]:
    """The files of a version by name; `changes` to its manifest."""
    weights = weights_of() if weights is None else weights
    model = graph(weights, opset)
    sample = np.random.default_rng(3).random((3, len(FEATURE_NAMES)), dtype=np.float32)
    with np.errstate(invalid="ignore"):
        scores = np.nan_to_num(sample @ weights)
    files = {MODEL: model} | ({} if tables is None else {CLIMATOLOGY: tables.to_bytes()})
    manifest = common(name) | {
        "trained": True,
        "sha256": hashlib.sha256(model).hexdigest(),
        "opset": opset,
        "parity": {"states": 500, "max_relative_error": 0.0, "argmax_equal": True},
        "canary": {"features": sample.tolist(), "scores": scores.tolist()},
    }
    return _whole(files, manifest, tables, changes)


def rule_version(name: str, rule: str, *, tables: Tables | None = None, **changes: Any) -> dict[str, bytes]:
    """The files of a version that is a rule."""
    files = {} if tables is None else {CLIMATOLOGY: tables.to_bytes()}
    return _whole(files, common(name) | {"kind": "rule", "rule": rule, "trained": tables is not None}, tables, changes)


def _whole(
    files: dict[str, bytes], manifest: dict[str, Any], tables: Tables | None, changes: dict[str, Any]
) -> dict[str, bytes]:
    if tables is not None:
        manifest["climatology_sha256"] = hashlib.sha256(files[CLIMATOLOGY]).hexdigest()
    return files | {MANIFEST: json.dumps(manifest | changes).encode()}


def common(name: str) -> dict[str, Any]:
    """What every manifest of this code has."""
    return {
        "name": POLICY_NAME,
        "version": name,
        "problem_version": PROBLEM_VERSION,
        "feature_version": FEATURE_VERSION,
        "feature_names": list(FEATURE_NAMES),
        "feature_hash": FEATURE_HASH,
        "libraries": {},
        "git_commit": None,
        "seeds": [],
        "scenario_hash": None,
        "metrics": {"busy": {"ratio": 1.05}},
        "parent": None,
        "created_at": "2026-03-01T00:00:00+00:00",
    }


def history_of(*places: tuple[float, float], standard: str = TYPE2, power_class: str = "FAST") -> Tables:
    """Tables that tell of a pool at each of the places, and say that nothing ever happens there: a network decides there."""
    keys = tuple(pool_key(latitude, longitude, standard, power_class) for latitude, longitude in places)
    return Tables(keys, np.zeros((len(keys), 2, 3, 96), dtype=np.float32))


def put(blobs: BlobStore, name: str, files: dict[str, bytes], *, path: str | None = champion_path()) -> None:
    """Puts a version into a store as it is, broken or not, and a pointer at it last (None: no pointer)."""
    for file, data in files.items():
        blobs.write(version_path(name, file), data)
    if path is not None:
        blobs.write(path, json.dumps({"version": name}).encode())


def usage(world: World) -> dict[str, Any]:
    """What administrators are told of the policy and of the week's decisions."""
    answer = world.user("admin").get("/optimizer/model/usage")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document
