"""Label scales and blends change only where training days prove it, and mean what serving does."""

import numpy as np
import pytest

from functions.optimizer.models.climatology import AS_LEARNT, GREEDY, PolicyBlend
from functions.optimizer.models.policy import RULES
from training.evaluation.baselines import RulePolicy, static_bid_price
from training.evaluation.jobs import blend_job
from training.evaluation.label_scale import BLENDS, better_scale, calibration_seeds, costs_of, proven_blend, scale_job
from training.evaluation.policy_registry import RegisteredPolicy
from training.learning.hindsight import climatology
from training.learning.network import ResidualQ, scaled
from training.scenarios.registry import named


@pytest.mark.parametrize(
    ("costs", "scale"),
    [
        ({0.5: [9.0, 9.1, 9.0], 1.0: [10.0, 10.0, 10.0], 1.4: [10.5, 10.5, 10.5]}, 0.5),
        ({0.5: [10.0, 10.0, 10.0], 1.0: [9.0, 9.0, 9.0], 1.4: [9.5, 9.5, 9.5]}, 1.0),
        ({0.5: [5.0, 12.4, 12.4], 1.0: [10.0, 10.0, 10.0]}, 1.0),  # one lucky day is no reason
        ({0.5: [5.0], 1.0: [10.0]}, 1.0),
    ],
)
def test_the_label_scale_changes_only_where_days_prove_it(costs: dict[float, list[float]], scale: float) -> None:
    assert better_scale(tuple(costs), [np.array(item) for item in costs.values()]) == scale


@pytest.mark.research_data
def test_a_label_scale_of_zero_is_greedy() -> None:
    name = "varied-13"
    weights = ResidualQ().arrays() | {"head.bias": np.ones(1, dtype=np.float32)}
    known = climatology(named(name), 1)
    one, other = (scale_job(name, known, weights, scale, (1, 2)) for scale in (0.0, 1.0))
    assert np.array_equal(one, other), "an A that is the same for all rows decides nothing"
    assert scaled(weights, 0.5)["head.bias"] == 0.5


def days(**changed: list[float]) -> list[np.ndarray]:
    """Costs of four days by each of BLENDS, 10 unless `changed` says otherwise of those in its place."""
    return [np.array(changed.get(f"at_{number}", [10.0] * 4)) for number in range(len(BLENDS))]


LEARNT, OTHER, MIXED = BLENDS.index(AS_LEARNT), BLENDS.index(PolicyBlend(0.25, 0.25)), BLENDS.index(PolicyBlend(0.5, 0.5))


@pytest.mark.parametrize(
    ("costs", "blend"),
    [
        (days(), AS_LEARNT),  # nothing is at stake
        (days(**{f"at_{LEARNT}": [9.0, 9.1, 9.0, 9.1]}), AS_LEARNT),
        (days(**{f"at_{LEARNT}": [9.0] * 4, f"at_{OTHER}": [8.5, 8.6, 8.5, 8.6]}), BLENDS[OTHER]),
        (days(**{f"at_{LEARNT}": [9.0] * 4, f"at_{OTHER}": [5.0, 9.9, 9.9, 9.9]}), AS_LEARNT),  # one lucky day
        # More than one error better, less than two: enough to shrink, not to lean on the table.
        (days(**{f"at_{LEARNT}": [9.0] * 4, f"at_{OTHER}": [8.2, 9.1, 8.6, 9.1]}), BLENDS[OTHER]),
        (days(**{f"at_{LEARNT}": [9.0] * 4, f"at_{MIXED}": [8.2, 9.1, 8.6, 9.1]}), AS_LEARNT),
        (days(**{f"at_{LEARNT}": [9.0] * 4, f"at_{MIXED}": [8.5, 8.6, 8.5, 8.6]}), BLENDS[MIXED]),
        (days(**{f"at_{LEARNT}": [11.0, 11.5, 11.0, 11.0]}), GREEDY),
        (days(**{f"at_{LEARNT}": [13.0, 12.0, 7.5, 7.0]}), GREEDY),  # better in the mean, but who knows
    ],
)
def test_the_chosen_blend_is_the_one_that_days_prove(costs: list[np.ndarray], blend: PolicyBlend) -> None:
    assert proven_blend(costs) == blend


@pytest.mark.research_data
def test_a_blend_is_greedy_at_0_and_the_static_bid_price_at_its_other_end() -> None:
    scenario = named("varied-13")
    known, seeds = climatology(scenario, 2), calibration_seeds(scenario, 2)
    one = RegisteredPolicy("mine", weights=ResidualQ().arrays() | {"head.weight": np.ones((1, 128), dtype=np.float32)})
    greedy = costs_of(scenario, known, seeds, lambda _: RulePolicy(RULES["greedy"]))
    assert np.array_equal(blend_job(scenario, known, one, GREEDY, seeds), greedy)
    by_price = costs_of(scenario, known, seeds, lambda weekend: RulePolicy(static_bid_price(known.of(weekend))))
    # Features are float32, and the guard is the network's alone.
    np.testing.assert_allclose(blend_job(scenario, known, one, PolicyBlend(0.0, 1.0), seeds), by_price, rtol=0.02)
    assert not np.array_equal(blend_job(scenario, known, one, AS_LEARNT, seeds), greedy)


@pytest.mark.research_data
def test_calibration_days_are_training_days_that_nothing_else_uses() -> None:
    seeds = calibration_seeds(named("varied-13"), 5)
    assert len(set(seeds)) == 5
    assert min(seeds) >= 6000
    assert max(seeds) < 10_000
