"""Q-learning's arithmetic: returns, shaping that telescopes, double targets over rows that exist, slow copies."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from functions.optimizer.core.features import FEATURE_NAMES
from functions.optimizer.core.objective import REJECTION_COST
from training.learning.hindsight import climatology, hindsight_job
from training.learning.losses import LEVEL, Networks, RegressionSet, double_goal, follow, regression, td_loss
from training.learning.network import ResidualQ, StateValue, scores
from training.learning.transitions import Batch, ExplorationJob, Transitions, batch, explore_job, joined_transitions
from training.problem.scenario import Split
from training.scenarios.registry import named

F = len(FEATURE_NAMES)


def two_days(decisions: int = 4) -> Transitions:
    """Two days of as many decisions, two rows each; rewards 1, 2, 3 ..., the potential falls by 10 a decision."""
    total = 2 * decisions
    return Transitions(
        features=np.arange(2 * total, dtype=np.float16)[:, None] * np.ones((1, F), dtype=np.float16) / 64,
        begin=np.arange(0, 2 * total + 1, 2),
        taken=np.zeros(total, dtype=np.int64),
        reward=np.arange(1.0, total + 1),
        potential=-10.0 * np.arange(total),
        worth=np.full(total, 100.0),
        end=np.repeat([decisions, total], decisions),
    )


def drawn(found: Transitions, **values: object) -> tuple[np.ndarray, Batch]:
    """All decisions many times over: which, and the batch."""
    options = {"steps": 2, "shaping": "none"} | values
    took = np.random.default_rng(7).choice(np.flatnonzero(found.taken >= 0), size=200)
    return took, batch(found, np.random.default_rng(7), 200, **options)  # type: ignore[arg-type]


def test_returns_are_of_n_steps_and_end_with_the_day() -> None:
    found = two_days()
    at, made = drawn(found)
    expected = {0: 3, 1: 5, 2: 7, 3: 4, 4: 11, 5: 13, 6: 15, 7: 8}
    assert made.returns.tolist() == [expected[item] for item in at.tolist()]
    assert made.open.tolist() == [item % 4 < 2 for item in at.tolist()], "the last two of a day have no state two steps on"
    assert len(made.later) == 2 * made.open.sum()
    assert set(made.owner.tolist()) == set(np.flatnonzero(made.open).tolist())


def test_the_potential_telescopes_and_is_nothing_after_the_day() -> None:
    found = two_days()
    at, shaped = drawn(found, shaping="potential")
    _, plain = drawn(found)
    later = np.array([found.potential[item + 2] if item % 4 < 2 else 0.0 for item in at])
    assert np.allclose(shaped.returns - plain.returns, later - found.potential[at])
    _, whole = drawn(found, shaping="potential", steps=100)
    _, bare = drawn(found, steps=100)
    assert np.allclose(whole.returns - bare.returns, -found.potential[at]), "over the rest of a day only its start counts"


def test_a_charge_without_refund_counts_each_booking_of_the_steps() -> None:
    found = two_days()
    at, charged = drawn(found, shaping="charge")
    _, plain = drawn(found)
    steps = np.array([2 if item % 4 < 3 else 1 for item in at])
    assert np.allclose(plain.returns - charged.returns, 100.0 * steps)
    with pytest.raises(ValueError, match="shaping"):
        drawn(found, shaping="sideways")


def test_joined_runs_are_as_if_run_at_once() -> None:
    one = two_days()
    both = joined_transitions([one, one])
    assert len(both.taken) == 16
    assert both.end.tolist() == [4] * 4 + [8] * 4 + [12] * 4 + [16] * 4
    assert both.begin[-1] == len(both.features) == 32
    assert np.array_equal(both.features[both.begin[9]], one.features[one.begin[1]])


@pytest.mark.research_data
def test_a_run_records_every_decision_and_its_potential_is_of_what_is_booked_ahead() -> None:
    name = "varied-13"
    solved = hindsight_job(name, Split.TRAINING.seed(1))
    known = climatology(named(name), 1).weekday
    job = ExplorationJob(name, known, ResidualQ().arrays(), (Split.TRAINING.seed(1),), solved.price[None], 0.0, 1)
    found = explore_job(job)
    assert len(found.taken) == named(name).requests_a_day
    assert found.potential[0] == 0.0, "nothing is booked before the first"
    assert found.potential.min() < 0.0
    assert (found.reward <= 1e-6).all()
    assert 0.0 <= -float(found.reward.mean()) < REJECTION_COST
    explored = explore_job(replace(job, explore=1.0))
    assert not np.array_equal(explored.taken, found.taken)


def networks() -> Networks:
    torch.manual_seed(3)
    made = Networks(ResidualQ(16), StateValue(8), ResidualQ(16), StateValue(8))
    for network in (made.network, made.target):
        torch.nn.init.normal_(network.head.weight)
    return made


def test_the_online_network_picks_and_the_slow_one_says_what_it_is_worth() -> None:
    nets = networks()
    rng = np.random.default_rng(1)
    later = rng.random((5, F), dtype=np.float32)
    owner, open_ = np.array([0, 0, 0, 2, 2]), np.array([True, False, True])
    returns = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    goal = double_goal(nets, Batch(later[:3], returns, later, owner, open_)).numpy()
    with torch.no_grad():
        rows = torch.from_numpy(later)
        online, slow = nets.network(rows), nets.target(rows) + nets.target_value(rows[:, -8:])
    picks = [int(online[:3].argmax()), 3 + int(online[3:].argmax())]
    assert goal == pytest.approx([1.0 + float(slow[picks[0]]), 2.0, 3.0 + float(slow[picks[1]])], abs=1e-6)
    nowhere = Batch(later[:3], returns, later[:0], owner[:0], np.zeros(3, dtype=bool))
    assert double_goal(nets, nowhere).tolist() == [1.0, 2.0, 3.0]


def test_a_step_lowers_the_loss_and_the_slow_copies_follow() -> None:
    nets = networks()
    rng = np.random.default_rng(2)
    rows = rng.random((64, F), dtype=np.float32)
    found = Batch(rows, rng.random(64, dtype=np.float32), rows[:0], np.zeros(0, dtype=np.int64), np.zeros(64, dtype=bool))
    optimizer = torch.optim.Adam([*nets.network.parameters(), *nets.value.parameters()], lr=1e-3)
    before = float(td_loss(nets, found).detach())
    for _ in range(50):
        optimizer.zero_grad()
        td_loss(nets, found).backward()
        optimizer.step()
    assert float(td_loss(nets, found).detach()) < before
    follow(nets, 1.0)
    one, other = nets.network.arrays(), nets.target.arrays()
    assert all(np.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_the_workers_scores_are_the_networks() -> None:
    nets = networks()
    rows = np.random.default_rng(3).random((2, 4, F), dtype=np.float32)
    mask = np.array([[True, True, False, False], [True, True, True, True]])
    with torch.no_grad():
        own = nets.network(torch.from_numpy(rows[mask])).numpy()
    found = scores(nets.network.arrays(), rows, mask)
    assert np.allclose(found[mask], own, atol=1e-5)
    assert (found[~mask] == -np.inf).all()


def test_rows_of_one_request_are_learnt_against_each_other() -> None:
    """An error that all rows of a request share counts LEVEL of what a difference between them does."""
    network = ResidualQ(16)  # A is 0 everywhere
    rows = torch.rand(5, F).half()
    count = torch.tensor([3, 2])
    shared = RegressionSet(rows, torch.tensor([2.0, 2.0, 2.0, -1.0, -1.0]), count.cumsum(0) - count, count, torch.ones(2))
    both = torch.tensor([0, 1])
    assert float(regression(network, shared, both).detach()) == pytest.approx(LEVEL * (4.0 + 1.0) / 2)
    apart = replace(shared, target=torch.tensor([1.0, -1.0, 0.0, 0.0, 0.0]))
    assert float(regression(network, apart, both).detach()) == pytest.approx(2.0 / 5)
    assert float(regression(network, apart, torch.tensor([1])).detach()) == 0.0, "the second request alone is right"
    double = replace(apart, weight=torch.tensor([2.0, 1.0]))
    assert float(regression(network, double, both).detach()) == pytest.approx(4.0 / 5)
