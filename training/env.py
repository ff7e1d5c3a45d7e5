"""Gymnasium's view of the simulator: `ChargingDay`, one day an episode, and `ChargingDays`, many days in lockstep.

`gymnasium.make("training.env:evcharging/ChargingDay-v0", scenario="busy")`, or `make_vec` with `num_envs=64`. Axes: E days,
K = MAX_ROWS rows, F features.

Observation: `features` [K, F] float32 and `mask` [K] int8, the rows of the request that is up, cheapest first. Action: a row;
with `declines` also DECLINE. A row in the padding serves nobody, which costs REJECTION_COST, and `info["invalid_action"]`
says so. A request without any feasible row has a mask of zeros: whatever the action, it gets nothing, and that is not called
invalid. Reward: minus (cost - the request's own minimum were every EVSE free), and minus what disturbances added meanwhile to
requests decided before; so a day's return is minus its regret.

`info`: `action_mask` (int8, the mask and, with `declines`, a 1), `day` (its seed), `cost`, `served` and `invalid_action` of
the request just decided, and `day_cost` at the end of a day. ChargingDays has Gymnasium's `_key` arrays beside them.

Seeds: `reset(seed=s)` plays day s (modulo SPLIT_SEEDS) of the split, in a batch days s, s + 1, ...; a reset without a seed,
and the autoreset, play the day E further on, so that no day is played twice. The first reset without a seed draws its day.
"""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from functions.optimizer.core.candidates import MAX_ROWS, Candidates
from functions.optimizer.core.features import FEATURE_NAMES, Climatology
from functions.optimizer.core.requests import Requests
from training.problem.scenario import SPLIT_SEEDS, Split, day, drivers_own_weights
from training.scenarios.recorded_city import city_scenario
from training.scenarios.registry import named
from training.simulation.disturbances import NO_DISTURBANCES, Disturbances
from training.simulation.simulator import NOT_SERVED, Simulator

ENV_ID = "evcharging/ChargingDay-v0"
DECLINE = MAX_ROWS
"""The action that turns a request down, where that is allowed."""
FEATURE_LIMIT = 1e6
"""No feature is as large; those of ordinary days are of the order of one."""

Observation = dict[str, np.ndarray]
Infos = dict[str, Any]


class ChargingDays(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """`num_envs` days side by side. A day that is over begins the next one at the next step, which ignores its action.

    `scenario`: a name of `training.scenarios.registry.named`, or with `city`, a city folder, of
    `training.scenarios.recorded_city`. `split`: training, validation or test. `requests` a day, else the scenario's number.
    `own_weights`: drivers weigh waiting, price, distance and duration as they like. Raises ValueError naming what is wrong.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str = "busy",
        *,
        city: str | Path | None = None,
        split: str = "training",
        disturbances: Disturbances = NO_DISTURBANCES,
        climatology: Climatology | None = None,
        own_weights: bool = False,
        declines: bool = False,
        requests: int | None = None,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs: must be at least 1, not {num_envs}")
        if split.upper() not in Split.__members__:
            raise ValueError(f"split: must be one of {', '.join(item.name.lower() for item in Split)}, not {split!r}")
        if requests is not None and requests < 1:
            raise ValueError(f"requests: must be at least 1, not {requests}")
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.num_envs = num_envs
        self.scenario = named(scenario) if city is None else city_scenario(Path(city), scenario, requests=requests)
        self._split, self._disturbances, self._climatology = Split[split.upper()], disturbances, climatology
        self._own_weights, self._declines, self._requests = own_weights, declines, requests
        shape = (MAX_ROWS, len(FEATURE_NAMES))
        features = Box(-FEATURE_LIMIT, FEATURE_LIMIT, shape, np.float32)
        self.single_observation_space = Dict({"features": features, "mask": MultiBinary(MAX_ROWS)})
        self.single_action_space = Discrete(MAX_ROWS + declines)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._simulator: Simulator | None = None
        self._numbers = np.zeros(num_envs, dtype=np.int64)
        self._rows: Candidates | None = None

    @property
    def simulator(self) -> Simulator:
        """The simulator beneath. Raises gymnasium's ResetNeeded before the first reset."""
        if self._simulator is None:
            raise gymnasium.error.ResetNeeded("reset: must be called first")
        return self._simulator

    def reset(self, *, seed: int | list[int] | None = None, options: Infos | None = None) -> tuple[Observation, Infos]:
        """Begins all days anew. See the module for seeds; `options` are not used."""
        del options
        super().reset(seed=seed if isinstance(seed, int) else None)
        if isinstance(seed, list) and len(seed) != self.num_envs:
            raise ValueError(f"seed: must be one number or {self.num_envs}, not {len(seed)}")
        if isinstance(seed, list):
            numbers = np.array(seed, dtype=np.int64)
        elif seed is None and self._simulator is not None:
            numbers = self._numbers + self.num_envs
        else:
            first = int(self.np_random.integers(SPLIT_SEEDS)) if seed is None else seed % SPLIT_SEEDS
            numbers = first + np.arange(self.num_envs)
        self._numbers = numbers % SPLIT_SEEDS
        self._simulator = Simulator(
            self.scenario,
            [self._day(env) for env in range(self.num_envs)],
            climatology=self._climatology,
            disturbances=self._disturbances,
        )
        seen = self._look()
        return seen, self._infos(seen, np.arange(0), np.zeros(0), np.zeros(0, dtype=bool))

    def _seed_of(self, env: int) -> int:
        return self._split.seed(int(self._numbers[env]))

    def _day(self, env: int) -> Requests:
        seed = self._seed_of(env)
        requests = day(self.scenario, seed, requests=self._requests)
        return drivers_own_weights(requests, seed) if self._own_weights else requests

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Infos]:
        """Decides the requests that are up. Raises ValueError for an action outside the space, before anything is
        decided."""
        simulator, rows = self.simulator, self._rows
        actions = np.asarray(actions)
        last = MAX_ROWS - 1 + self._declines
        if actions.shape != (self.num_envs,) or not np.issubdtype(actions.dtype, np.integer):
            raise ValueError(f"actions: must be {self.num_envs} whole numbers")
        if not ((actions >= 0) & (actions <= last)).all():
            raise ValueError(f"actions: must be from 0 to {last}")
        up = simulator.up
        over = np.setdiff1d(np.arange(self.num_envs), up)
        rewards = np.zeros(self.num_envs)
        costs, invalid = np.zeros(0), np.zeros(0, dtype=bool)
        before = simulator.added_cost()
        if len(up):
            assert rows is not None
            choice, invalid = self._choices(rows, actions[up])
            costs = simulator.step(rows, choice)
            rewards[up] = np.where(np.isfinite(rows.floor), rows.floor, 0.0) - costs
        ended = np.setdiff1d(up, simulator.up)
        for env in over.tolist():
            self._numbers[env] = (self._numbers[env] + self.num_envs) % SPLIT_SEEDS
            simulator.restart(env, self._day(env))
        seen = self._look()
        rewards[up] -= (simulator.added_cost() - before)[up]
        terminations = np.zeros(self.num_envs, dtype=bool)
        terminations[ended] = True
        infos = self._infos(seen, up, costs, invalid)
        if len(ended):
            totals = np.zeros(self.num_envs)
            totals[ended] = [simulator.of_day(env).cost.sum() for env in ended.tolist()]
            infos |= {"day_cost": totals, "_day_cost": terminations.copy()}
        return seen, rewards, terminations, np.zeros(self.num_envs, dtype=bool), infos

    def _choices(self, rows: Candidates, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The row each action means, NOT_SERVED for none, and which actions are invalid: [B] each."""
        here, width = np.arange(len(actions)), rows.mask.shape[1]
        real = (actions < width) & rows.mask[here, np.minimum(actions, width - 1)]
        invalid = ~real & (actions != DECLINE) & rows.mask.any(axis=1)
        return np.where(real, actions, NOT_SERVED), invalid

    def _look(self) -> Observation:
        """What is seen of the requests that are up; zeros for days that are over."""
        features = np.zeros((self.num_envs, MAX_ROWS, len(FEATURE_NAMES)), dtype=np.float32)
        mask = np.zeros((self.num_envs, MAX_ROWS), dtype=np.int8)
        up = self.simulator.up
        if len(up):
            _, self._rows, seen = self.simulator.observe()
            width = seen.shape[1]
            features[up, :width], mask[up, :width] = seen, self._rows.mask
        return {"features": features, "mask": mask}

    def _infos(self, seen: Observation, up: np.ndarray, costs: np.ndarray, invalid: np.ndarray) -> Infos:
        every, decided = np.ones(self.num_envs, dtype=bool), np.zeros(self.num_envs, dtype=bool)
        decided[up] = True
        extra = np.ones((self.num_envs, 1), dtype=np.int8)
        mask = np.concatenate([seen["mask"], extra], axis=1) if self._declines else seen["mask"].copy()
        days = np.array([self._seed_of(env) for env in range(self.num_envs)])
        infos: Infos = {"action_mask": mask, "_action_mask": every, "day": days, "_day": every.copy()}
        if not len(up):
            return infos
        simulator = self.simulator
        decided_requests = simulator.state.days.offsets[up] + simulator.state.position[up] - 1
        served = simulator.state.served.served[decided_requests]
        for name, values in (("cost", costs), ("served", served), ("invalid_action", invalid)):
            infos[name] = np.zeros(self.num_envs, dtype=values.dtype)
            infos[name][up] = values
            infos[f"_{name}"] = decided.copy()
        return infos


class ChargingDay(gymnasium.Env[Observation, np.int64]):
    """One day an episode; the arguments are ChargingDays' without `num_envs`."""

    def __init__(self, scenario: str = "busy", **options: Any) -> None:
        self.metadata = {"render_modes": []}
        self._days = ChargingDays(1, scenario, **options)
        self.observation_space = self._days.single_observation_space
        self.action_space = self._days.single_action_space
        self._over = True

    @property
    def simulator(self) -> Simulator:
        """The simulator beneath. Raises gymnasium's ResetNeeded before the first reset."""
        return self._days.simulator

    def reset(self, *, seed: int | None = None, options: Infos | None = None) -> tuple[Observation, Infos]:
        """Begins the day `seed`, or the one after the last. `options` are not used."""
        del options
        super().reset(seed=seed)
        seen, infos = self._days.reset(seed=seed)
        self._over = False
        return _only(seen), _alone(infos)

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Infos]:
        """Decides the request that is up. Raises gymnasium's ResetNeeded when the day is over, ValueError for an action
        outside the space."""
        if self._over:
            raise gymnasium.error.ResetNeeded("reset: must be called before a day's first step")
        seen, rewards, ended, _, infos = self._days.step(np.array([action]))
        self._over = bool(ended[0])
        return _only(seen), float(rewards[0]), self._over, False, _alone(infos)


def _only(seen: Observation) -> Observation:
    return {name: values[0] for name, values in seen.items()}


def _alone(infos: Infos) -> Infos:
    """The infos of the first day, without the arrays that say which days have one."""
    values_by_name = {name: values[0] for name, values in infos.items() if not name.startswith("_") and infos[f"_{name}"][0]}
    return {name: value if isinstance(value, np.ndarray) else value.item() for name, value in values_by_name.items()}


gymnasium.register(ENV_ID, entry_point="training.env:ChargingDay", vector_entry_point="training.env:ChargingDays")
