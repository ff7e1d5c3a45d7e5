"""The Gymnasium interface: its own checker is content, seeds are exact, and the batch is the single day many times."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from functions.optimizer.core.candidates import MAX_ROWS
from functions.optimizer.core.objective import REJECTION_COST
from training.env import DECLINE, ENV_ID, ChargingDay, ChargingDays
from training.problem.scenario import SPLIT_SEEDS, Split, day
from training.simulation.disturbances import ALL_DISTURBANCES, Disturbances

SMALL: dict[str, Any] = {"scenario": "overload", "requests": 40}


def greedy(seen: dict[str, np.ndarray]) -> np.ndarray:
    """The cheapest row is the first."""
    return np.zeros(seen["mask"].shape[:-1], dtype=np.int64)


@pytest.mark.research_data
@pytest.mark.parametrize("options", [{}, {"declines": True, "disturbances": ALL_DISTURBANCES, "own_weights": True}])
def test_gymnasiums_checker_is_content(options: dict[str, Any]) -> None:
    check_env(gymnasium.make(ENV_ID, **SMALL, **options).unwrapped)


@pytest.mark.research_data
def test_a_day_is_an_episode_whose_return_is_minus_its_regret() -> None:
    env = ChargingDay(**SMALL, disturbances=Disturbances(faults=2.0, no_shows=0.2))
    seen, _ = env.reset(seed=3)
    rewards, costs, ended = [], [], False
    while not ended:
        assert env.observation_space.contains(seen)
        seen, reward, ended, cut, info = env.step(np.int64(0))
        assert not cut
        rewards.append(reward)
        costs.append(info["cost"])
    served = env.simulator.of_day(0)
    assert len(rewards) == 40
    assert env.simulator.counts["moved"] + env.simulator.counts["failed"] > 0
    assert sum(rewards) == pytest.approx(-served.regret.sum())
    assert info["day_cost"] == pytest.approx(served.cost.sum())
    assert info["day_cost"] > sum(costs), "what a fault does later is not in the cost of a decision"
    assert not seen["mask"].any()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.int64(0))


@pytest.mark.research_data
def test_the_same_seed_gives_the_same_trajectory() -> None:
    def trajectory(env: ChargingDay, seed: int) -> list[object]:
        rng = np.random.default_rng(seed)
        seen, info = env.reset(seed=seed)
        found: list[object] = [seen, info]
        for _ in range(40):
            rows = np.flatnonzero(seen["mask"])
            seen, *rest = env.step(np.int64(rng.choice(rows) if len(rows) else 0))
            found += [seen, *rest]
        return found

    options = {**SMALL, "disturbances": ALL_DISTURBANCES, "own_weights": True}
    one = ChargingDay(**options)
    first = trajectory(one, 5)
    np.testing.assert_equal(trajectory(one, 5), first)
    np.testing.assert_equal(trajectory(ChargingDay(**options), 5), first)
    with pytest.raises(AssertionError):
        np.testing.assert_equal(trajectory(one, 6), first)


@pytest.mark.research_data
def test_the_next_day_follows_and_splits_never_meet() -> None:
    env = ChargingDay(**SMALL, split="validation")
    assert env.reset(seed=7)[1]["day"] == Split.VALIDATION.seed(7)
    assert env.reset()[1]["day"] == Split.VALIDATION.seed(8)
    assert env.reset(seed=SPLIT_SEEDS - 1)[1]["day"] == Split.VALIDATION.seed(SPLIT_SEEDS - 1)
    assert env.reset()[1]["day"] == Split.VALIDATION.seed(0)
    drawn = ChargingDay(**SMALL, split="test").reset()[1]["day"]
    assert Split.of(drawn) is Split.TEST


@pytest.mark.research_data
def test_an_action_in_the_padding_serves_nobody_and_is_called_invalid() -> None:
    env = ChargingDay(**SMALL)
    env.reset(seed=1)
    _, reward, _, _, info = env.step(np.int64(MAX_ROWS - 1))
    assert (info["invalid_action"], info["served"], info["cost"]) == (True, False, REJECTION_COST)
    assert reward == pytest.approx(-env.simulator.of_day(0).regret[0])
    _, _, _, _, info = env.step(np.int64(0))
    assert (info["invalid_action"], info["served"]) == (False, True)


@pytest.mark.research_data
def test_declining_is_an_action_only_where_it_is_allowed() -> None:
    env = ChargingDay(**SMALL, declines=True)
    _, info = env.reset(seed=1)
    assert info["action_mask"].shape == (MAX_ROWS + 1,)
    assert info["action_mask"][DECLINE] == 1
    _, _, _, _, info = env.step(np.int64(DECLINE))
    assert (info["invalid_action"], info["served"], info["cost"]) == (False, False, REJECTION_COST)
    plain = ChargingDay(**SMALL)
    plain.reset(seed=1)
    with pytest.raises(ValueError, match="actions: must be from 0 to 255"):
        plain.step(np.int64(DECLINE))
    assert plain.simulator.state.position[0] == 0, "nothing was decided"


@pytest.mark.research_data
def test_a_request_without_a_row_gets_nothing_whatever_the_action() -> None:
    env = ChargingDay("overload", requests=40)
    env.reset(seed=0)
    env.simulator.state.occupancy.busy[:] = env.simulator.city.capacity[:, None]
    env.step(np.int64(0))  # decided on what was seen before
    seen, reward, _, _, info = env.step(np.int64(0))
    assert not seen["mask"].any()
    assert (info["invalid_action"], info["served"], info["cost"]) == (False, False, REJECTION_COST)
    assert not info["action_mask"].any()
    assert -REJECTION_COST <= reward < 0


@pytest.mark.research_data
@pytest.mark.parametrize("options", [{}, {"disturbances": ALL_DISTURBANCES, "own_weights": True}], ids=["calm", "rough"])
def test_the_batch_plays_what_single_days_play(options: dict[str, Any]) -> None:
    batch = gymnasium.make_vec(ENV_ID, num_envs=3, vectorization_mode="vector_entry_point", **SMALL, **options)
    singles = [ChargingDay(**SMALL, **options) for _ in range(3)]
    seen, infos = batch.reset(seed=11)
    assert batch.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    alone: list[tuple[Any, ...]] = [env.reset(seed=11 + number) for number, env in enumerate(singles)]
    rng = np.random.default_rng(0)
    over = np.zeros(3, dtype=bool)
    for _ in range(50):
        for number in range(3):
            np.testing.assert_equal({name: value[number] for name, value in seen.items()}, alone[number][0])
            assert infos["day"][number] == alone[number][-1]["day"]
        actions = rng.integers(0, 20, 3)
        seen, rewards, ended, cut, infos = batch.step(actions)
        assert batch.observation_space.contains(seen)
        for number, env in enumerate(singles):
            if over[number]:
                alone[number] = env.reset(seed=11 + number + 3)
                assert (rewards[number], ended[number]) == (0.0, False), "the step after a day's end only begins the next"
                assert not infos.get("_cost", over * False)[number]
            else:
                alone[number] = env.step(actions[number])
                assert (rewards[number], ended[number], cut[number]) == alone[number][1:4]
                for name, value in alone[number][4].items():
                    np.testing.assert_equal(infos[name][number], value)
        over = ended


@pytest.mark.research_data
def test_a_finished_day_is_followed_by_one_nobody_has_played() -> None:
    days = ChargingDays(2, **SMALL)
    _, infos = days.reset(seed=20)
    played = [infos["day"].tolist()]
    for _ in range(2 * 41):
        _, _, _, _, infos = days.step(np.zeros(2, dtype=np.int64))
        if infos["day"].tolist() != played[-1]:
            played.append(infos["day"].tolist())
    assert played == [[20, 21], [22, 23], [24, 25]]
    assert days.reset(seed=[4, 9])[1]["day"].tolist() == [4, 9]


@pytest.mark.research_data
def test_rewards_are_the_floor_less_the_cost() -> None:
    env = ChargingDay(**SMALL)
    env.reset(seed=2)
    wishes, rows, _ = env.simulator.observe()
    assert wishes.book_min[0] == day(env.simulator.scenario, 2, requests=40).book_min[0]
    _, reward, _, _, info = env.step(np.int64(3))
    assert info["cost"] == rows.cost[0, 3]
    assert reward == pytest.approx(rows.floor[0] - rows.cost[0, 3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tests"}, "split: must be one of training, validation, test"),
        ({"scenario": "calm"}, "scenario: must be one of"),
        ({"requests": 0}, "requests: must be at least 1"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChargingDay(**options)
    with pytest.raises(ValueError, match="num_envs"):
        ChargingDays(0)


@pytest.mark.research_data
def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        ChargingDays(2, **SMALL).step(np.zeros(2, dtype=np.int64))
