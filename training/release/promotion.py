"""When a challenger replaces the champion: the rule of LEARNING.md (Export, publish, serve) on evaluated days. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.metrics import paired

UNSEEN_DAYS = 20
SLACK_MARGIN = 0.001
"""What the challenger may cost more on days where nothing is scarce, in ratios to the bound."""
CONTENDED, SLACK = ("busy", "overload"), ("slack",)


@dataclass(frozen=True)
class Verdict:
    """Challenger minus champion on the same days of one scenario, in ratios to the bound; below 0 is better."""

    scenario: str
    """its name"""
    days: int
    """how many"""
    difference: float
    """mean over the days"""
    low: float
    """of its 95 % interval"""
    high: float
    """of its 95 % interval"""
    why: str | None
    """what does not hold; None where the rule holds"""


def verdict(evaluation: Mapping[str, Any], *, challenger: str, champion: str) -> Verdict:
    """The paired difference of two policies of one evaluation (`{"scenario", "policies": {name: {"ratios": [a day]}}}`).
    Raises ValueError naming the field that is missing or wrong."""
    scenario = evaluation.get("scenario")
    kind = str(scenario).replace("-", " ").replace(":", " ").replace("/", " ").split()[-1:]
    if not kind or kind[0] not in CONTENDED + SLACK:
        raise ValueError(f"scenario: must be one of {', '.join(CONTENDED + SLACK)}, not {scenario!r}")
    if evaluation.get("split", "test") != "test":
        raise ValueError(f"split: must be test, not {evaluation['split']!r}: days that chose the policy do not judge it")
    one, other = _ratios(evaluation, challenger), _ratios(evaluation, champion)
    if len(one) != len(other):
        raise ValueError(f"policies.{challenger}.ratios: {len(one)} days, but {champion} has {len(other)}")
    pair = paired(one, other)
    low, high = pair["ci95"]
    return Verdict(
        str(scenario),
        len(one),
        pair["difference"],
        low,
        high,
        _objection(kind[0] in SLACK, len(one), pair["difference"], high),
    )


def _ratios(evaluation: Mapping[str, Any], name: str) -> np.ndarray:
    policies = evaluation.get("policies")
    if not isinstance(policies, Mapping) or name not in policies:
        there = ", ".join(policies) if isinstance(policies, Mapping) else "nothing"
        raise ValueError(f"policies.{name}: is not in the evaluation, which has {there}")
    ratios = policies[name].get("ratios")
    if not isinstance(ratios, list) or not ratios or not all(isinstance(item, int | float) for item in ratios):
        raise ValueError(f"policies.{name}.ratios: must be a list of numbers, one a day")
    if not all(math.isfinite(item) for item in ratios):
        raise ValueError(f"policies.{name}.ratios: must be finite")
    return np.array(ratios, dtype=np.float64)


def _objection(slack: bool, days: int, difference: float, high: float) -> str | None:
    if days < UNSEEN_DAYS:
        return f"{days} days, at least {UNSEEN_DAYS} are needed"
    if slack:
        return f"worse by more than {SLACK_MARGIN:.1%}" if difference > SLACK_MARGIN else None
    return "the interval is not wholly below 0" if high >= 0 else None


def objections(verdicts: Sequence[Verdict]) -> list[str]:
    """What stands against promotion; empty: nothing does. Every scenario must have been evaluated."""
    reasons = [f"{item.scenario}: {item.why}" for item in verdicts if item.why is not None]
    for kind in CONTENDED + SLACK:
        if not any(item.scenario.endswith(kind) for item in verdicts):
            reasons.append(f"{kind}: was not evaluated")
    return reasons
