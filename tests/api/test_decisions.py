"""Decisions as they are stored and served over HTTP: every candidate with its terms and score, the shadow, the reason."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from functions.optimizer import serving
from functions.optimizer.core.candidates import MAX_ROWS
from functions.optimizer.core.features import ROW_FEATURES
from functions.optimizer.core.objective import TERMS
from functions.optimizer.models.climatology import Tables, pool_key
from functions.optimizer.models.manifest import challenger_path
from functions.optimizer.models.policy import STATIC_BID_PRICE
from functions.optimizer.needs import ChargingNeeds
from functions.optimizer.service import policy_registry
from functions.optimizer.surroundings import RequestingDriver
from functions.optimizer.tables import decision
from functions.stations.domain import BookingTerms
from shared.clock import ManualClock
from shared.db import new_id
from tests.api.test_optimizer import ask, wish
from tests.support import policies
from tests.support.policies import usage
from tests.support.world import API, TYPE2, Person, World
from tests.unit.optimizer.test_policy import BROKEN

CAUTIOUS = policies.weights_of(last_point=-1.0)
"""Greedy, but a last point must be worth one more."""


def whole(person: Person, found: dict[str, Any]) -> dict[str, Any]:
    answer = person.get(f"/optimizer/charge-requests/{found['id']}/decision")
    assert answer.status_code == 200, answer.text
    stored: dict[str, Any] = answer.json()
    return stored


def two_places(world: World) -> tuple[str, str]:
    """A near location with one EVSE and one a little farther with two."""
    near = world.location(evses=1, latitude=52.0912, longitude=5.121)
    return near, world.location(name="Museumplein", latitude=52.1, longitude=5.121, evses=2)


STADHUIS, NEAR, FAR = (52.09, 5.12), (52.0912, 5.121), (52.1, 5.121)
"""Where the locations of these tests are."""


def peak_tables(hour: int) -> Tables:
    """The near location is worth a lot around an hour of the local day."""
    values = np.zeros((1, 2, 3, 96), dtype=np.float32)
    values[0, :, 2] = 0.001
    values[0, :, 2, hour * 4 : hour * 4 + 8] = 0.05
    return Tables((pool_key(52.0912, 5.121, TYPE2, "FAST"),), values)


def test_all_that_was_weighed_is_stored_and_read_by_its_owner_and_admins(world: World) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7", tables=policies.history_of(NEAR, FAR)))
    near, far = two_places(world)
    driver = world.user()
    found = ask(world, driver, weights={"wait": 2, "price": 1, "distance": 1, "duration": 0})
    stored = whole(driver, found)
    assert (stored["policy"], stored["version"], stored["fallback"]) == ("7", "7", None)
    assert stored["deadline_ms"] == world.platform.settings.decision_deadline_ms
    assert stored["weights"] == {"wait": 0.5, "price": 0.25, "distance": 0.25, "duration": 0}
    assert (stored["why"], stored["reason"], stored["shadow"]) == (found["explanation"], None, None)
    columns = stored["candidates"]
    count = found["decision"]["candidates"]
    assert set(columns["terms"]) == set(TERMS)
    assert {
        len(values) for values in (*columns["terms"].values(), *(columns[name] for name in columns if name != "terms"))
    } == {count}
    assert columns["cost"] == sorted(columns["cost"])
    for number in range(count):
        assert sum(term[number] for term in columns["terms"].values()) == pytest.approx(columns["cost"][number], abs=1e-4)
    assert {item["id"] for item in stored["locations"]} == {near, far}

    row = stored["chosen_row"]
    assert columns["score"][row] == max(columns["score"])
    booking = driver.get(f"/booking/bookings/{found['booking_id']}").json()
    pool = stored["pools"][columns["pool"][row]]
    assert stored["locations"][pool["location"]]["id"] == booking["location_id"]
    assert (pool["connector"], pool["power_class"]) == (TYPE2, "FAST")
    origin, booked = (datetime.fromisoformat(text) for text in (stored["begins_at"], booking["period"]["start"]))
    assert origin + timedelta(minutes=columns["begin_min"][row]) == booked
    slot = timedelta(minutes=stored["slot_minutes"])
    assert origin + slot * columns["start"][row] <= booked < origin + slot * (columns["start"][row] + 1)

    assert whole(world.user("admin"), found) == stored
    assert world.user().get(f"/optimizer/charge-requests/{found['id']}/decision").status_code == 404
    assert world.client.get(f"{API}/optimizer/charge-requests/{found['id']}/decision").status_code == 401


def test_a_decision_on_quarter_hours_is_still_read(world: World) -> None:
    world.location()
    driver = world.user()
    found = ask(world, driver)
    stored = whole(driver, found)
    older = {name: value for name, value in stored.items() if name not in ("slot_minutes", "charge_request_id", "decided_at")}
    older["candidates"] = {name: values for name, values in stored["candidates"].items() if name != "begin_min"}
    request_id = uuid.UUID(found["id"])
    world.platform.transact(
        lambda tx: tx.execute(decision.update().where(decision.c.charge_request_id == request_id).values(record=older))
    )
    read = whole(driver, found)
    assert (read["slot_minutes"], read["candidates"]["begin_min"]) == (15, None)


def test_a_request_that_is_not_decided_has_no_decision_yet(world: World) -> None:
    world.location()
    driver = world.user()
    queued = driver.post("/optimizer/charge-requests", wish()).json()
    assert driver.get(f"/optimizer/charge-requests/{queued['id']}/decision").status_code == 404
    world.drain()
    assert driver.get(f"/optimizer/charge-requests/{queued['id']}/decision").status_code == 200
    assert driver.get(f"/optimizer/charge-requests/{uuid.uuid4()}/decision").status_code == 404


def test_what_drivers_are_sent_stays_small_however_many_candidates_there_were(world: World) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7"))
    for number in range(20):
        plugs = [[(TYPE2, 11.0)], [(TYPE2, 50.0)]]
        world.location(name=f"place {number}", latitude=52.08 + number / 1000, plugs=plugs)
    driver = world.user()
    found = ask(world, driver)
    assert found["decision"]["candidates"] == MAX_ROWS
    assert len(json.dumps(found)) < 10_000
    stored = whole(driver, found)
    assert len(stored["candidates"]["cost"]) == MAX_ROWS
    assert len(json.dumps(stored)) < 40_000


def test_without_a_model_the_decision_says_who_decided(world: World) -> None:
    world.location()
    driver = world.user()
    stored = whole(driver, ask(world, driver))
    assert (stored["policy"], stored["version"], stored["fallback"]) == ("greedy", None, "MODEL_MISSING")
    model = usage(world)
    assert (model["share_fallback_7d"], model["fallbacks_7d"]) == (1.0, {"MODEL_MISSING": 1})


def test_without_a_history_of_the_city_the_rule_decides_and_the_answer_says_why(world: World) -> None:
    """The network was 16 % behind greedy where it knew nothing of the pools; of few of them is as good as nothing."""
    nowhere = policies.history_of((48.1, 11.5))
    for tables in (None, nowhere):
        policies.put(world.platform.blobs, "7", policies.version("7", CAUTIOUS, tables=tables))
        policy_registry(world.platform).refresh()
        two_places(world)
        driver = world.user()
        found = ask(world, driver)
        assert (found["policy"], found["fallback"]) == ("greedy", "NO_HISTORY")
        assert found["decided_by"] == "greedy, no history of this city yet"
        assert whole(driver, found)["version"] == "7"
    policies.put(world.platform.blobs, "8", policies.version("8", tables=policies.history_of(NEAR, FAR)))
    policy_registry(world.platform).refresh()
    assert ask(world, world.user())["decided_by"] == "8"


def test_what_cannot_be_served_is_a_decision_too(world: World) -> None:
    place = world.location(evses=1)
    for start in ("08:00", "11:00"):
        assert world.user().book(place, start, minutes=180).status_code == 201
    driver = world.user()
    stored = whole(driver, ask(world, driver))
    assert (stored["reason"], stored["chosen_row"], stored["candidates"]["cost"]) == ("ALL_FULL", None, [])
    assert stored["why"] == "Every station that fits is full over the whole time."


def test_an_option_that_the_limits_refuse_is_not_a_candidate(world: World) -> None:
    """The driver has all the open bookings the near location allows them: it is not weighed at all."""
    near = world.location(evses=3, latitude=52.0912, longitude=5.121, terms=BookingTerms(open_bookings_per_driver=1))
    world.location(name="Museumplein", latitude=52.1, longitude=5.121)
    driver = world.user()
    assert driver.book(near, "15:00").status_code == 201
    found = ask(world, driver, latest_finish="2026-03-02T10:00:00Z")
    stored = whole(driver, found)
    assert stored["chosen_row"] == 0
    places = {stored["locations"][stored["pools"][pool]["location"]]["name"] for pool in stored["candidates"]["pool"]}
    assert places == {"Museumplein"}


def test_a_challenger_is_stored_counted_and_shown(world: World, clock: ManualClock) -> None:
    blobs = world.platform.blobs
    policies.put(blobs, "7", policies.version("7", tables=policies.history_of(NEAR, FAR)))
    policies.put(blobs, "8", policies.version("8", CAUTIOUS), path=challenger_path())
    two_places(world)
    driver = world.user()
    first = whole(driver, ask(world, driver))
    shadow = first["shadow"]
    assert (first["policy"], shadow["version"], shadow["agrees"]) == ("7", "8", False)
    assert shadow["row"] != first["chosen_row"]
    assert shadow["cost"] == first["candidates"]["cost"][shadow["row"]]
    model = usage(world)
    assert (model["version"], model["challenger"], model["challenger_refused"]) == ("7", "8", None)
    assert (model["shadowed_7d"], model["share_agreed_7d"]) == (1, 0.0)
    clock.advance(timedelta(days=8))
    model = usage(world)
    assert (model["shadowed_7d"], model["share_agreed_7d"]) == (0, None)


def test_a_challenger_that_agrees_is_counted_as_such(world: World) -> None:
    blobs = world.platform.blobs
    policies.put(blobs, "7", policies.version("7"))
    policies.put(blobs, "8", policies.version("8"), path=challenger_path())
    world.location(evses=3)
    for _ in range(2):
        ask(world, world.user())
    model = usage(world)
    assert (model["shadowed_7d"], model["share_agreed_7d"]) == (2, 1.0)


def test_recommendations_are_not_watched(world: World) -> None:
    blobs = world.platform.blobs
    policies.put(blobs, "7", policies.version("7"))
    policies.put(blobs, "8", policies.version("8"), path=challenger_path())
    world.location()
    assert world.user().post("/optimizer/recommendations", wish()).status_code == 200
    assert world.scalar(sa.select(sa.func.count()).select_from(decision)) == 0


@pytest.mark.parametrize("case", ["truncated", "tampered", "other features", "opset in the graph", "NaN weights"])
def test_a_refused_champion_leaves_the_old_one_deciding_and_the_model_page_says_why(world: World, case: str) -> None:
    blobs = world.platform.blobs
    policies.put(blobs, "7", policies.version("7", tables=policies.history_of(STADHUIS)))
    world.location(evses=3)
    assert ask(world, world.user())["policy"] == "7"
    make, why = BROKEN[case]
    policies.put(blobs, "1", make())
    policy_registry(world.platform).refresh()
    assert ask(world, world.user())["policy"] == "7"
    model = usage(world)
    assert (model["version"], model["kind"], model["metrics"]) == ("7", "network", {"busy": {"ratio": 1.05}})
    assert why in model["refused"]
    assert model["share_fallback_7d"] == 0.0


@pytest.mark.parametrize(
    ("tables", "when"),
    [(policies.history_of(NEAR, FAR), "others"), (peak_tables(9), "the morning peak"), (peak_tables(15), "others")],
    ids=["nothing known", "in the peak", "away from the peak"],
)
def test_a_network_that_keeps_the_last_charger_free_says_for_whom(world: World, tables: Tables | None, when: str) -> None:
    """It is 8 in UTC, 9 in Utrecht."""
    policies.put(world.platform.blobs, "7", policies.version("7", CAUTIOUS, tables=tables))
    _, far = two_places(world)
    driver = world.user()
    found = ask(world, driver)
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["location_id"] == far
    assert found["explanation"].endswith(f", keeps the last fast charger at Stadhuis free for {when}")
    assert "km farther than the nearest" in found["explanation"]
    assert whole(driver, found)["why"] == found["explanation"]


def test_greedy_does_not_claim_to_keep_anything_free(world: World) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7", tables=peak_tables(9)))
    near, _ = two_places(world)
    body = world.user().post("/optimizer/recommendations", wish()).json()
    assert body["items"][0]["location_id"] == near
    assert not [item["why"] for item in body["items"] if "keeps" in item["why"]]


def test_the_static_bid_price_serves_as_champion(world: World) -> None:
    policies.put(world.platform.blobs, "p", policies.rule_version("p", STATIC_BID_PRICE, tables=peak_tables(9)))
    _, far = two_places(world)
    driver = world.user()
    found = ask(world, driver)
    assert (found["policy"], found["fallback"]) == ("p", None)
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["location_id"] == far, "the near one is dear now"
    model = usage(world)
    assert (model["version"], model["kind"], model["climatology_pools"]) == ("p", "rule", 1)


def test_features_carry_the_climatology_of_the_pools_that_are_known(world: World) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7", tables=peak_tables(9)))
    near, _ = two_places(world)
    needs = ChargingNeeds(
        latitude=52.091,
        longitude=5.121,
        earliest_departure=world.platform.clock.now(),
        battery_kwh=60,
        soc=0.3,
        consumption_kwh_per_km=0.18,
        max_power_kw=22,
        standards=(TYPE2,),
        energy_kwh=12,
        weights=(0.4, 0.3, 0.2, 0.1),
    )
    registry, nobody = policy_registry(world.platform), RequestingDriver(new_id(), None)
    found = world.platform.read(
        lambda tx: serving.decide(platform=world.platform, tx=tx, registry=registry, needs=needs, driver=nobody)
    )
    count = len(found)
    price = found.features[0, :count, ROW_FEATURES.index("bid_price")]
    known = np.array([str(found.around.locations[place].id) == near for place in found.rows.location[0, :count]])
    assert known.any()
    assert not known.all()
    assert (price[known] > 0).all()
    assert (price[~known] == 0).all()
    first = int(np.flatnonzero(known)[0])
    assert found.rows.length[0, first] == 8, "37 minutes from a minute past nine on"
    assert price[first] == pytest.approx(8 * 0.05 / 3)
