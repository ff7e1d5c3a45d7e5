"""The rule of promotion: better for sure where it is contended, hardly worse where it is not, on enough unseen days."""

from typing import Any

import numpy as np
import pytest

from training.release.promotion import objections, verdict


def evaluation(scenario: str, difference: float, *, days: int = 20, spread: float = 0.002, **more: Any) -> dict[str, Any]:
    """Two policies on the same days; the challenger's ratios differ by `difference`, give or take `spread`."""
    rng = np.random.default_rng(1)
    champion = 1.1 + 0.05 * rng.standard_normal(days)
    noise = rng.standard_normal(days)
    challenger = champion + difference + spread * (noise - noise.mean())
    policies = {"old": {"ratios": champion.tolist()}, "new": {"ratios": challenger.tolist()}}
    return {"scenario": scenario, "days": days, "policies": policies} | more


def against(*evaluations: dict[str, Any]) -> list[str]:
    return objections([verdict(item, challenger="new", champion="old") for item in evaluations])


GOOD = {"busy": -0.01, "overload": -0.02, "slack": 0.0}


def three(**changes: Any) -> list[dict[str, Any]]:
    return [evaluation(name, changes.pop(name, GOOD[name]), **changes) for name in GOOD]


def test_better_where_it_is_contended_and_the_same_where_not_is_promoted() -> None:
    assert against(*three()) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"busy": 0.01}, "busy: the interval is not wholly below 0"),
        ({"busy": -0.0001}, "busy: the interval is not wholly below 0"),
        ({"overload": 0.0}, "overload: the interval is not wholly below 0"),
        ({"slack": 0.0011}, "slack: worse by more than 0.1%"),
        ({"days": 19}, "busy: 19 days, at least 20 are needed"),
    ],
)
def test_what_stands_against_it_is_said(changes: dict[str, Any], why: str) -> None:
    assert why in against(*three(**changes))


def test_a_little_worse_on_slack_days_is_allowed() -> None:
    assert against(*three(slack=0.0009)) == []


@pytest.mark.parametrize("missing", GOOD)
def test_every_scenario_must_have_been_evaluated(missing: str) -> None:
    assert against(*(item for item in three() if item["scenario"] != missing)) == [f"{missing}: was not evaluated"]


def test_the_days_are_compared_one_by_one() -> None:
    """Days differ by far more than the policies do; the pairs tell them apart all the same."""
    found = verdict(evaluation("busy", -0.003, spread=0.001), challenger="new", champion="old")
    assert found.difference == pytest.approx(-0.003)
    assert found.low < found.difference < found.high < 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scenario": "rush hour"}, "scenario: must be one of"),
        ({"scenario": None}, "scenario: must be one of"),
        ({"split": "validation"}, "split: must be test"),
        ({"policies": {"old": {"ratios": [1.0]}}}, r"policies\.new: is not in the evaluation, which has old"),
        ({"policies": None}, r"policies\.new: is not in"),
        (
            {"policies": {"new": {"ratios": [1.0]}, "old": {"ratios": [1.0, 1.0]}}},
            r"policies\.new\.ratios: 1 days, but old has 2",
        ),
        ({"policies": {"new": {"ratios": [float("nan")]}, "old": {"ratios": [1.0]}}}, r"policies\.new\.ratios: must be finite"),
        ({"policies": {"new": {"ratio": 1.0}, "old": {"ratios": [1.0]}}}, r"policies\.new\.ratios: must be a list"),
    ],
)
def test_an_evaluation_that_is_none_names_the_field(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        verdict(evaluation("busy", 0.0) | change, challenger="new", champion="old")
