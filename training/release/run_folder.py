"""Training runs as files: which of several is the best, and what a manifest keeps of their evaluations."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPORT, POLICY = "training.json", "policy.npz"
KEPT = ("ratio", "ci95", "mcwt_min", "cfr")
"""What a manifest says of each policy: cost over the bound with its interval, mean wait, share that failed."""


def best_run(folder: Path) -> Path:
    """The run itself, or of a folder of runs (seed-1, seed-2, ...) the one best on validation days. Raises ValueError where
    there is none."""
    if (folder / POLICY).exists():
        return folder
    runs = [path.parent for path in sorted(folder.glob(f"*/{POLICY}")) if (path.parent / REPORT).exists()]
    if not runs:
        raise ValueError(f"{folder}: has neither {POLICY} nor folders with {POLICY} and {REPORT}; make train makes them")
    return min(runs, key=lambda run: float(json.loads((run / REPORT).read_text())["validation"]))


def summary(evaluations: Sequence[Mapping[str, Any]], *, own: str) -> dict[str, Any]:
    """What a manifest keeps of evaluations (training.evaluate's JSON): by scenario the days, and of every policy the figures
    of KEPT and the paired difference to the champion of that evaluation. `own` is the version's name in them; it is called
    `self`. Raises ValueError where it is not in one."""
    kept: dict[str, Any] = {}
    for report in evaluations:
        if not {"scenario", "city", "days", "requests_a_day", "policies"} <= report.keys():
            raise ValueError("metrics: must be the JSON of training.evaluate")
        policies = report["policies"]
        if own not in policies:
            raise ValueError(f"policies.{own}: is not in the evaluation of {report['scenario']}")
        name = report["scenario"] if report["city"] is None else f"{report['city']}: {report['scenario']}"
        kept[name] = {
            "days": report["days"],
            "requests_a_day": report["requests_a_day"],
            "policies": {("self" if policy == own else policy): _kept(one) for policy, one in policies.items()},
        }
    return kept


def _kept(one: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: one[name] for name in KEPT if one.get(name) is not None} | {"paired": one.get("paired")}
    return {name: _rounded(value) for name, value in values.items() if value is not None}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return {name: _rounded(item) for name, item in value.items()} if isinstance(value, dict) else value
