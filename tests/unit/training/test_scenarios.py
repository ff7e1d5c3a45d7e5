"""The reference scenarios are PROBLEM.md's, with the research data and without."""

from pathlib import Path

import numpy as np
import pytest

from functions.optimizer.core.places import DETOUR
from training.problem.scenario import HORIZON, Scenario, day, fingerprint
from training.scenarios.reference import SIZES, reference
from training.scenarios.sources import data_folder
from training.simulation.replay_states import replay

pytestmark = pytest.mark.research_data

HERE = Path(__file__).parents[3]


@pytest.fixture(params=["research data", "stand-in"])
def data(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.chdir(HERE)
    if request.param == "stand-in":
        monkeypatch.setenv("EVCHARGING_DATA", str(tmp_path))
    elif not (data_folder() / "elaad_dists").exists():
        pytest.skip(f"the research data is not in {data_folder()} (EVCHARGING_DATA)")
    return str(request.param)


@pytest.mark.parametrize("name", SIZES)
def test_a_scenario_has_the_size_and_prices_of_the_problem(name: str, data: str) -> None:
    scenario = reference(name)
    stations, points, requests = SIZES[name]
    city = scenario.city
    assert (len(city.location_ids), set(city.capacity.tolist()), scenario.requests_a_day) == (
        stations,
        {points},
        requests,
    )
    assert ((city.latitude >= 22.5) & (city.latitude <= 22.62)).all()
    assert ((city.longitude >= 113.95) & (city.longitude <= 114.15)).all()
    assert set(city.pool_power_kw.tolist()) <= {22.0, 50.0, 120.0}
    bare = scenario.rates.energy - np.where(city.pool_power_kw >= 50, 0.15, 0)[:, None]
    bare -= np.where(city.pool_power_kw >= 120, 0.15, 0)[:, None]
    # Winter, weekday: 0.06087 at night to 0.0869 at noon.
    assert bare.min() >= 0.85 * (0.25 + 1.5 * 0.06087) - 1e-12
    assert bare.max() <= 1.2 * (0.25 + 1.5 * 0.0869) + 1e-12
    assert ("generated" in scenario.source) == (data == "stand-in"), "a stand-in says so"


@pytest.mark.usefixtures("data")
def test_a_day_of_requests_is_drawn_as_the_problem_says() -> None:
    scenario = reference("overload")
    wishes = [day(scenario, seed) for seed in range(5)]
    need = np.concatenate([wish.need_kwh for wish in wishes])
    battery = np.concatenate([wish.battery_kwh for wish in wishes])
    soc = np.concatenate([wish.soc_kwh for wish in wishes])
    vehicle = np.concatenate([wish.vehicle_kw for wish in wishes])
    assert len(need) == 5 * 800
    assert need.min() >= 4
    assert (need <= 0.7 * battery + 1e-9).all()
    assert (soc + need <= battery + 1e-9).all(), "the need fits into the battery"
    assert np.median(need) == pytest.approx(7.2, abs=0.4), "ElaadNL public"
    for kw, share in {11.0: 0.1, 50.0: 0.3, 100.0: 0.4, 150.0: 0.2}.items():
        assert (vehicle == kw).mean() == pytest.approx(share, abs=0.03)
    for wish in wishes:
        assert (np.diff(wish.book_min) >= 0).all(), "in order of booking"
        assert (wish.book_min <= wish.depart_min).all()
    lead = np.concatenate([wish.depart_min - wish.book_min for wish in wishes])
    assert lead.mean() == pytest.approx(90, abs=8)


def same(one: Scenario, seed: int, other: Scenario, other_seed: int) -> bool:
    return np.array_equal(day(one, seed).depart_min, day(other, other_seed).depart_min)


@pytest.mark.usefixtures("data")
def test_days_are_the_same_by_seed_and_differ_between_seeds() -> None:
    assert same(reference("busy"), 3, reference("busy"), 3)
    assert not same(reference("busy"), 3, reference("busy"), 4)
    assert fingerprint(reference("busy")) == fingerprint(reference("busy"))
    assert fingerprint(reference("busy")) != fingerprint(reference("overload"))


@pytest.mark.parametrize("rule", ["greedy", "nearest", "cheapest", "soonest_finish"])
def test_a_replay_never_books_more_than_there_is(rule: str) -> None:
    scenario = reference("overload")
    states = list(replay(scenario, 1, rule=rule, requests=300))
    wish, occupancy, rows = states[-1]
    assert (occupancy.busy <= scenario.city.capacity[:, None]).all()
    assert occupancy.busy[..., HORIZON - 1].sum() == 0, "the horizon holds a day and what it spills over"
    assert wish.book_min[0] >= states[0][0].book_min[0]
    assert (rows.km >= 0).all()
    assert DETOUR == 1.3
