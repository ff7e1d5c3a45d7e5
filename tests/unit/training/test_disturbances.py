"""What goes otherwise than booked: no EVSE is ever in two states, claims go back once, and each switch does its own thing."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.optimizer.core.candidates import SLOT_MIN, Candidates
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.models.policy import RULES, choose
from tests.unit.training.tiny import requests, tiny
from training.problem.scenario import Scenario, day
from training.scenarios.registry import named
from training.simulation.day_state import Served
from training.simulation.disturbances import ALL_DISTURBANCES, NO_DISTURBANCES, Disturbances
from training.simulation.simulator import NOT_SERVED, Simulator

SHARES = st.sampled_from([0.0, 0.1, 0.33])
DISTURBANCES = st.builds(
    Disturbances,
    no_shows=SHARES,
    early_stops=SHARES,
    late_stops=SHARES,
    faults=st.sampled_from([0.0, 0.1, 2.0]),
    walk_ins=st.sampled_from([0.0, 0.5, 6.0]),
    refusals=st.sampled_from([0.0, 0.2, 1.0]),
)
HAPPENS = {
    "no_shows": {"no_show"},
    "early_stops": {"early_stop"},
    "late_stops": {"late_stop"},
    "faults": {"fault", "moved", "failed"},
    "walk_ins": {"walk_in"},
    "refusals": {"refusal"},
}


def greedy(rows: Candidates) -> np.ndarray:
    return choose(RULES["greedy"], rows)


def run(scenario: Scenario, seeds: list[int], wanted: Disturbances, *, size: int = 80, seed: int = 0) -> Simulator:
    """Days by the greedy rule, the occupancy proved after every step."""
    days = [day(scenario, number, requests=size) for number in seeds]
    simulator = Simulator(scenario, days, disturbances=wanted, seed=seed)
    while not simulator.done:
        _, rows = simulator.rows()
        simulator.step(rows, greedy(rows))
        prove(simulator)
    return simulator


def prove(simulator: Simulator) -> None:
    """No EVSE is busy twice, or busy and out of order; nothing is let go twice."""
    assert (simulator.state.occupancy.taken() <= simulator.city.capacity[:, None]).all()
    assert (simulator.state.occupancy.busy >= 0).all()
    assert simulator.state.occupancy.out is None or (simulator.state.occupancy.out >= 0).all()


def same(one: Served, other: Served) -> bool:
    return all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items())


def claims(scenario: Scenario, found: Served) -> np.ndarray:
    """EVSEs busy by the sessions as they stand: [P, T]."""
    busy = np.zeros(scenario.shape, dtype=np.int64)
    for pool, start, length in zip(found.pool, found.start, found.length, strict=True):
        busy[pool, start : start + length] += 1
    return busy


@pytest.mark.research_data
@settings(max_examples=25, deadline=None)
@given(number=st.integers(0, 5), seed=st.integers(0, 99), wanted=DISTURBANCES)
def test_no_evse_is_in_two_states_whatever_happens(number: int, seed: int, wanted: Disturbances) -> None:
    scenario = named(f"varied-{number}")
    simulator = run(scenario, [seed, seed + 1], wanted, size=60, seed=seed)
    assert simulator.state.position.tolist() == [60, 60], "every request is decided once"
    for env in range(2):
        found = simulator.of_day(env)
        assert (found.cost[~found.served] == REJECTION_COST).all()
        assert (found.length[found.served] >= 1).all()
        assert not found.length[~found.served].any()
        left = simulator.state.occupancy.busy[env] - claims(scenario, found)
        # What is busy beside the sessions is walk-ins, and what sessions had used before they were moved.
        assert (left >= 0).all()
        if not wanted.walk_ins and not wanted.faults:
            assert not left.any()


@pytest.mark.research_data
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), wanted=DISTURBANCES)
def test_what_happens_to_a_day_depends_on_it_and_the_seed_alone(seed: int, wanted: Disturbances) -> None:
    scenario = named("varied-1")
    together = run(scenario, [5, 6, 7], wanted, size=40, seed=seed)
    alone = run(scenario, [6], wanted, size=40, seed=seed)
    assert same(together.of_day(1), alone.of_day(0))
    np.testing.assert_array_equal(together.state.occupancy.taken()[1], alone.state.occupancy.taken()[0])
    assert together.added_cost()[1] == alone.added_cost()[0]


@pytest.mark.research_data
def test_another_seed_is_another_fate() -> None:
    scenario = named("busy")
    one, same_again, other = (run(scenario, [0], ALL_DISTURBANCES, seed=seed) for seed in (0, 0, 1))
    assert same(one.of_day(0), same_again.of_day(0))
    assert one.counts == same_again.counts
    assert not same(one.of_day(0), other.of_day(0))


@pytest.mark.research_data
@pytest.mark.parametrize("switch", HAPPENS)
def test_a_switch_does_its_own_thing_alone(switch: str) -> None:
    scenario = named("overload")
    wanted = Disturbances(**{switch: 9.0 if switch in ("faults", "walk_ins") else 0.3})
    counts = run(scenario, [0, 1, 2, 3], wanted, size=200).counts
    assert {kind for kind, count in counts.items() if count} == HAPPENS[switch]


@pytest.mark.research_data
def test_nothing_happens_in_the_calm() -> None:
    simulator = run(named("busy"), [0, 1], NO_DISTURBANCES, size=40)
    assert simulator.counts == {}
    assert not simulator.added_cost().any()


@pytest.mark.research_data
def test_a_kind_that_is_switched_on_leaves_the_draws_of_the_others_alone() -> None:
    scenario = named("busy")
    only = run(scenario, [0], Disturbances(refusals=0.3), size=40)
    # Nobody refuses anything else because EVSEs fail at dead of night.
    both = run(scenario, [0], Disturbances(refusals=0.3, faults=1e-9), size=40)
    assert same(only.of_day(0), both.of_day(0))


@pytest.mark.research_data
def test_no_shows_let_go_of_all_but_the_first_quarter_of_an_hour_even_after_the_last_request() -> None:
    simulator = run(named("busy"), [0], Disturbances(no_shows=1.0), size=40)
    found = simulator.of_day(0)
    kept = found.length[found.served]
    assert set(kept.tolist()) <= {1, 2, 3, 4}, "a quarter of an hour from any minute touches four slots at most"
    assert kept.max() == 4
    assert simulator.state.occupancy.busy.sum() == kept.sum()
    assert (found.cost < REJECTION_COST).all(), "a policy is judged by what it gave"


def test_early_stops_are_early_and_late_ones_late() -> None:
    scenario = tiny((1, 1))
    for wanted, kind in ((Disturbances(early_stops=1.0), "early_stop"), (Disturbances(late_stops=1.0), "late_stop")):
        simulator = Simulator(scenario, [requests([60.0])], disturbances=wanted)
        _, rows = simulator.rows()
        simulator.step(rows, np.array([0]))
        booked, length = int(rows.length[0, 0]), int(simulator.of_day(0).length[0])
        assert simulator.counts[kind] == 1
        assert 1 <= length < booked if kind == "early_stop" else booked < length <= booked + 12
        assert simulator.state.occupancy.busy.sum() == length


@pytest.mark.research_data
def test_who_refuses_is_not_served_and_holds_nothing() -> None:
    simulator = run(named("busy"), [0], Disturbances(refusals=1.0), size=20)
    found = simulator.of_day(0)
    assert not found.served.any()
    assert found.feasible.all()
    assert not simulator.state.occupancy.busy.any()
    assert simulator.counts["refusal"] == 20


def fails(simulator: Simulator, pool: int, minute: float, slots: int) -> None:
    """Makes an EVSE fail at a minute of the first day: chance would take long to hit it."""
    events = simulator._events
    assert events is not None
    events._at(0, minute, partial(events._fault, 0, pool, int(minute // SLOT_MIN), slots))


RARE = Disturbances(faults=1e-12)
"""Faults are possible and none is drawn."""


def test_a_booking_on_an_evse_that_fails_before_it_goes_elsewhere_and_waits_longer() -> None:
    scenario = tiny((1, 1))
    # The second request is there to let time pass, and far out of reach.
    wishes = requests([60.0, 500.0], latitude=np.array([22.5, 25.0]))
    simulator = Simulator(scenario, [wishes], disturbances=RARE)
    fails(simulator, 0, 50.0, 300)
    fails(simulator, 0, 2000.0, 4)
    _, rows = simulator.rows()
    row = int(np.flatnonzero(rows.pool[0] == 0)[0])
    floor = float(rows.floor[0])
    simulator.step(rows, np.array([row]))
    given = simulator.of_day(0)
    assert (given.pool[0], given.start[0]) == (0, 12)
    simulator.step(simulator.rows()[1], np.array([NOT_SERVED]))
    found = simulator.of_day(0)
    assert found.pool[0] == 1
    assert found.start[0] * SLOT_MIN >= 60.0
    assert found.served[0]
    assert found.regret[0] == pytest.approx(found.cost[0] - floor)
    assert simulator.counts["moved"] == 1
    np.testing.assert_array_equal(claims(scenario, found), simulator.state.occupancy.busy[0])
    prove(simulator)


def test_a_charging_driver_whose_evse_fails_goes_on_elsewhere_with_the_rest() -> None:
    scenario = tiny((1, 1))
    wishes = requests([60.0, 500.0], latitude=np.array([22.5, 25.0]))
    simulator = Simulator(scenario, [wishes], disturbances=RARE)
    _, rows = simulator.rows()
    row = int(np.flatnonzero(rows.pool[0] == 0)[0])
    cost, duration, price = rows.cost[0, row], rows.duration_min[0, row], rows.price[0, row]
    fails(simulator, 0, 60.0 + 30.0, 300)
    simulator.step(rows, np.array([row]))
    simulator.step(simulator.rows()[1], np.array([NOT_SERVED]))
    found = simulator.of_day(0)
    share = 30.0 / duration
    # 18 kWh at 22 kW and 0.9; the rest at 50 kW, at 0.5 a kWh instead of 0.3.
    assert found.duration_min[0] == pytest.approx(30.0 + (1 - share) * 18.0 / (0.9 * 50.0) * 60.0)
    assert found.price[0] == pytest.approx(share * price + (1 - share) * 18.0 * 0.5)
    assert found.km[0] == pytest.approx(0.01 * np.pi / 180 * 6371.0088 * 1.3, abs=2e-3)
    weights, unit = wishes.weights[0], scenario.city.price_unit
    terms = (found.wait_min[0] / 60, found.price[0] / unit, found.km[0] / 10, found.duration_min[0] / 60)
    assert found.cost[0] == pytest.approx(np.dot(weights, terms))
    assert simulator.added_cost()[0] == pytest.approx(found.cost[0] - cost)
    assert simulator.state.occupancy.busy[0, 0].sum() == 6, "what was used before stays used"


def test_a_booking_that_fits_nowhere_fails() -> None:
    scenario = tiny((1,))
    wishes = requests([60.0, 500.0], latitude=np.array([22.5, 25.0]))
    simulator = Simulator(scenario, [wishes], disturbances=RARE)
    fails(simulator, 0, 50.0, 300)
    _, rows = simulator.rows()
    simulator.step(rows, np.array([0]))
    simulator.step(simulator.rows()[1], np.array([NOT_SERVED]))
    found = simulator.of_day(0)
    assert not found.served[0]
    assert found.cost[0] == REJECTION_COST
    assert found.regret[0] == pytest.approx(REJECTION_COST - rows.floor[0])
    assert simulator.counts["failed"] == 1
    assert not simulator.state.occupancy.busy.any()


def test_an_event_meant_for_the_old_slot_of_a_moved_booking_does_not_touch_the_new_one() -> None:
    scenario = tiny((1, 1))
    wishes = requests([60.0, 500.0], latitude=np.array([22.5, 25.0]))
    simulator = Simulator(scenario, [wishes], disturbances=Disturbances(no_shows=1.0, faults=1e-12))
    fails(simulator, 0, 50.0, 300)
    _, rows = simulator.rows()
    simulator.step(rows, np.array([int(np.flatnonzero(rows.pool[0] == 0)[0])]))
    simulator.step(simulator.rows()[1], np.array([NOT_SERVED]))
    found = simulator.of_day(0)
    assert (found.pool[0], found.length[0]) == (1, 4), "nobody comes to the new one either"
    assert simulator.counts["no_show"] == 1
    np.testing.assert_array_equal(claims(scenario, found), simulator.state.occupancy.busy[0])


def test_walk_ins_give_way_to_bookings_when_an_evse_fails() -> None:
    scenario = tiny((2,))
    wishes = requests([60.0, 500.0], latitude=np.array([22.5, 25.0]))
    simulator = Simulator(scenario, [wishes], disturbances=RARE)
    events = simulator._events
    assert events is not None
    events._at(0, 20.0, partial(events._walk_in, 0, 0, 4, 120))
    fails(simulator, 0, 62.0, 8)
    _, rows = simulator.rows()
    simulator.step(rows, np.array([0]))
    simulator.step(simulator.rows()[1], np.array([NOT_SERVED]))
    assert simulator.counts["walk_in"] == 1
    assert simulator.counts["moved"] == 0
    np.testing.assert_array_equal(simulator.state.occupancy.busy[0].sum(), 8 + simulator.of_day(0).length[0])
    prove(simulator)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"no_shows": -0.1}, "no_shows: must be a number of at least 0"),
        ({"faults": float("nan")}, "faults: must be a number"),
        ({"refusals": 1.1}, "refusals: must be at most 1"),
        ({"no_shows": 0.6, "late_stops": 0.6}, "together at most 1"),
    ],
)
def test_a_share_that_cannot_be_is_named(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Disturbances(**shares)
