"""Availability forecasts over HTTP: the timer's ladder, bookings, silence, repeats, the nearby search and what came true."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from functions.forecast.features import AHEAD, HORIZONS, Memory, observe
from functions.forecast.memory import Group, unpack
from functions.forecast.model import FORECAST, FORECAST_NAME, shipped_table
from functions.forecast.sweep import SweepResult, forecast_availability, forecast_registry, step_of
from functions.forecast.tables import forecast, forecast_memory, forecast_reliability
from functions.optimizer.models.manifest import MANIFEST, MODEL, champion_path, version_path
from functions.optimizer.models.registry import install_shipped
from functions.stations import service as stations
from functions.stations.feed.silence import mark_stale_feeds
from functions.stations.opening import Hours
from shared.clock import ManualClock
from tests.support.stations_feed import Station
from tests.support.world import API, CCS, TYPE2, World

FIVE = timedelta(minutes=5)


def forecast_of(world: World, location: str, **params: Any) -> list[dict[str, Any]]:
    answer = world.client.get(f"{API}/optimizer/forecasts/{location}", params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["location_id"] == location
    items: list[dict[str, Any]] = body["items"]
    assert body["generated_at"] == max((item["generated_at"] for item in items), default=None)
    return items


def heard_for(world: World, clock: ManualClock, station: Station, minutes: int, *statuses: tuple[str, str]) -> SweepResult:
    """A station reports, and the timer runs every five minutes since, heartbeats in between. The last run."""
    for uid, status in statuses:
        assert station.report(uid, status, clock.now()).status_code == 200
    last = forecast_availability(world.platform)
    for _ in range(minutes // 5):
        clock.advance(FIVE)
        assert station.heartbeat().status_code == 200
        last = forecast_availability(world.platform)
    return last


@pytest.fixture
def learnt(world: World) -> World:
    """With the shipped model published."""
    assert install_shipped(world.platform.blobs, FORECAST)
    return world


def test_without_a_feed_or_a_model_the_table_answers(world: World, clock: ManualClock) -> None:
    location = world.location(evses=2)
    assert forecast_of(world, location) == [], "the timer has not run"
    assert forecast_availability(world.platform) == SweepResult(groups=1)
    items = forecast_of(world, location)
    assert [item["horizon_minutes"] for item in items] == list(HORIZONS)
    for number, item in enumerate(items):
        assert item["power_class"] == "FAST"
        assert item["source"] == "TABLE"
        assert item["model_version"] is None
        assert item["p_free"] == shipped_table()[number, 2], "two are free"
        assert item["occupancy"] == 0
    assert [item["target_time"] for item in items] == [
        "2026-03-02T08:15:00Z",
        "2026-03-02T08:30:00Z",
        "2026-03-02T08:45:00Z",
        "2026-03-02T09:00:00Z",
    ]
    assert forecast_of(world, location, horizon=45) == [items[2]]
    for wrong in (20, 0, 75, "soon"):
        refused = world.client.get(f"{API}/optimizer/forecasts/{location}", params={"horizon": wrong})
        assert refused.status_code == 422
        assert "horizon" in refused.json()["errors"][0]["field"]
    clock.advance(timedelta(minutes=61))
    assert forecast_of(world, location) == [], "what was forecast is over"


def test_a_station_that_is_heard_for_an_hour_is_forecast_by_the_model(learnt: World, clock: ManualClock) -> None:
    station = Station.at(learnt, evses=2)
    run = heard_for(learnt, clock, station, 50, ("E0", "CHARGING"), ("E1", "AVAILABLE"))
    assert run.by_model == 0, "not before the last hour is known"
    run = heard_for(learnt, clock, station, 10)
    assert run == SweepResult(groups=1, by_model=1, compared=4)
    model = forecast_registry(learnt.platform).current()
    assert model is not None
    items = forecast_of(learnt, station.location)
    assert {item["source"] for item in items} == {"MODEL"}
    assert {item["model_version"] for item in items} == {model.manifest.version}
    for item in items:
        assert 0.5 < item["p_free"] <= 1, "one is free"
        assert 0.1 < item["occupancy"] < 0.9
    heard_for(learnt, clock, station, 0, ("E1", "CHARGING"))
    clock.advance(FIVE)
    forecast_availability(learnt.platform)
    full = forecast_of(learnt, station.location)
    assert all(item["p_free"] < 0.5 for item in full[:2]), "both are taken"
    assert full[0]["p_free"] < full[-1]["p_free"], "the longer, the likelier that one leaves"


def test_where_a_city_does_not_bear_the_model_out_its_own_table_answers(learnt: World, clock: ManualClock) -> None:
    model = forecast_registry(learnt.platform).current()
    assert model is not None
    blobs = learnt.platform.blobs
    rungs = {"p_free": ["MODEL", "TABLE", "TABLE", "MODEL"], "occupancy": ["TABLE"] * 4, "table": [[0.1, 0.77, 0.9]] * 4}
    manifest = model.manifest.model_copy(update={"version": "own", "metrics": {"ladder": rungs}})
    stored_model = blobs.read(version_path(model.manifest.version, MODEL, FORECAST_NAME))
    assert stored_model is not None
    blobs.write(version_path("own", MODEL, FORECAST_NAME), stored_model[0])
    blobs.write(version_path("own", MANIFEST, FORECAST_NAME), manifest.model_dump_json().encode())
    blobs.write(champion_path(FORECAST_NAME), b'{"version": "own"}')
    forecast_registry(learnt.platform).refresh()
    station = Station.at(learnt, evses=2)
    run = heard_for(learnt, clock, station, 60, ("E0", "CHARGING"), ("E1", "AVAILABLE"))
    assert run.by_model == 1
    items = forecast_of(learnt, station.location)
    assert [item["source"] for item in items] == ["MODEL", "TABLE", "TABLE", "MODEL"]
    assert [item["model_version"] for item in items] == ["own", None, None, "own"]
    assert [item["p_free"] for item in items[1:3]] == [0.77, 0.77]
    assert {item["occupancy"] for item in items} == {0.5}, "as it is now"


def test_a_driver_does_not_count_on_what_others_have_booked(learnt: World, clock: ManualClock) -> None:
    station = Station.at(learnt, evses=1)
    clock.advance(timedelta(minutes=1))
    heard_for(learnt, clock, station, 60, ("E0", "AVAILABLE"))
    before = forecast_of(learnt, station.location)
    assert all(item["p_free"] > 0.5 for item in before)
    start = (clock.now() + timedelta(minutes=29)).isoformat()  # 09:30
    assert learnt.user().book(station.location, start, minutes=60).status_code == 201
    clock.advance(FIVE)
    forecast_availability(learnt.platform)
    after = forecast_of(learnt, station.location)
    assert after[0]["p_free"] > 0.5, "a quarter of an hour from now it is still free"
    for item in after[1:]:
        assert item["p_free"] < 0.2, "the booked hour"
        assert item["occupancy"] > 0.8


def test_a_silent_feed_leaves_the_last_observation_and_the_row_says_so(learnt: World, clock: ManualClock) -> None:
    free, full = Station.at(learnt, evses=1), Station.at(learnt, evses=1, latitude=52.2, name="Full")
    for station, status in ((free, "AVAILABLE"), (full, "CHARGING")):
        heard_for(learnt, clock, station, 0, ("E0", status))
        clock.advance(FIVE)
    forecast_availability(learnt.platform)
    clock.advance(timedelta(minutes=30))
    assert mark_stale_feeds(learnt.platform) == 2
    forecast_availability(learnt.platform)
    for station, p_free in ((free, 1), (full, 0)):
        items = forecast_of(learnt, station.location)
        assert {(item["source"], item["p_free"], item["model_version"]) for item in items} == {
            ("LAST_OBSERVATION", p_free, None)
        }
    clock.advance(FIVE)
    assert full.report("E0", "AVAILABLE", clock.now()).status_code == 200
    forecast_availability(learnt.platform)
    assert {item["source"] for item in forecast_of(learnt, full.location)} == {"TABLE"}, "heard again, but not for an hour"


def test_what_is_out_of_order_is_not_free(learnt: World, clock: ManualClock) -> None:
    station = Station.at(learnt, evses=1)
    heard_for(learnt, clock, station, 5, ("E0", "OUTOFORDER"))
    assert {(item["p_free"], item["occupancy"], item["source"]) for item in forecast_of(learnt, station.location)} == {
        (0, 1, "LAST_OBSERVATION")
    }


def test_a_silent_location_that_was_never_seen_has_no_forecast(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    assert station.report("E0", "AVAILABLE", clock.now()).status_code == 200
    clock.advance(timedelta(hours=1))
    assert mark_stale_feeds(world.platform) == 1
    assert forecast_availability(world.platform) == SweepResult()
    assert forecast_of(world, station.location) == []


def test_a_run_that_repeats_changes_nothing(learnt: World, clock: ManualClock) -> None:
    station = Station.at(learnt, evses=2)
    learnt.location(evses=1, latitude=52.3, name="No feed")
    heard_for(learnt, clock, station, 30, ("E0", "CHARGING"), ("E1", "AVAILABLE"))

    def stored() -> tuple[Any, ...]:
        tables = (forecast, forecast_memory, forecast_reliability)
        return tuple(learnt.platform.read(lambda tx, t=t: sorted(map(repr, tx.execute(sa.select(t))))) for t in tables)

    before = stored()
    assert all(before)
    clock.advance(timedelta(minutes=2))
    assert forecast_availability(learnt.platform) == SweepResult()
    assert stored() == before


def test_missed_runs_are_made_up_from_the_feeds_history(learnt: World, clock: ManualClock) -> None:
    station = Station.at(learnt, evses=2)
    heard_for(learnt, clock, station, 10, ("E0", "AVAILABLE"), ("E1", "AVAILABLE"))
    for minutes, status in ((12, "CHARGING"), (21, "AVAILABLE"), (9, "CHARGING")):
        clock.advance(timedelta(minutes=minutes))
        assert station.report("E0", status, clock.now()).status_code == 200
    clock.advance(timedelta(minutes=8))
    assert forecast_availability(learnt.platform).by_model == 1, "the hour is known though the timer slept"
    group = Group(*learnt.platform.read(lambda tx: _group(tx, station)))
    rows = learnt.platform.read(lambda tx: {group.key: tx.execute(sa.select(forecast_memory.c.memory)).scalar_one()})
    found = unpack([group], rows)
    own = Memory.new(np.zeros(2, np.int64), 1)
    begin = step_of(clock.now()) - 12
    charging = [False] * 5 + [True] * 4 + [False] * 2 + [True] * 2
    place = group.evse_ids.index(next(evse_id for evse_id in group.evse_ids if str(evse_id) == station.evses["E0"]))
    for number, busy in enumerate(charging):
        taken = np.zeros(2, bool)
        taken[place] = busy
        observe(own, begin + number, taken, np.ones(2, bool), hour=np.array([9]), weekend=np.array([False]))
    assert found.recent[0].tolist() == own.recent[0].tolist()
    assert found.busy.tolist() == own.busy.tolist()
    assert found.since[place] == own.since[place]


def _group(tx: Any, station: Station) -> tuple[Any, str, tuple[Any, ...]]:
    import uuid

    location = stations.get_location(tx=tx, location_id=uuid.UUID(station.location))
    return location.id, "FAST", tuple(sorted(evse.id for evse in location.evses))


def test_a_car_that_is_left_for_days_is_no_capacity(learnt: World, clock: ManualClock) -> None:
    station = Station.at(learnt, evses=1)
    heard_for(learnt, clock, station, 5, ("E0", "CHARGING"))
    clock.advance(timedelta(hours=24))
    assert station.heartbeat().status_code == 200
    forecast_availability(learnt.platform)
    clock.advance(FIVE)
    forecast_availability(learnt.platform)
    assert {(item["p_free"], item["source"]) for item in forecast_of(learnt, station.location)} == {(0, "LAST_OBSERVATION")}


def test_own_sessions_count_where_there_is_no_feed(world: World, clock: ManualClock) -> None:
    location, driver = world.location(evses=1), world.user()
    made = driver.book(location, "08:00", minutes=120).json()
    assert driver.post(f"/booking/bookings/{made['id']}/start").status_code == 200
    forecast_availability(world.platform)
    items = forecast_of(world, location)
    assert [item["p_free"] for item in items] == shipped_table()[:, 0].tolist(), "none is free"
    assert {item["occupancy"] for item in items} == {1}
    assert driver.post(f"/booking/bookings/{made['id']}/stop", {}).status_code == 200
    clock.advance(FIVE)
    forecast_availability(world.platform)
    assert [item["p_free"] for item in forecast_of(world, location)] == shipped_table()[:, 1].tolist()


def test_nothing_is_free_where_it_is_closed_or_blocked_then(world: World) -> None:
    hours = {"twentyfourseven": False, "regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "09:30"}]}
    location = world.location(evses=1, hours=Hours.model_validate(hours))  # 09:30 in Amsterdam is 08:30 UTC
    owner = world.user("owner")
    world.owner_id = owner.id
    other = world.location(evses=2, latitude=52.3, name="Works")
    evse = world.client.get(f"{API}/stations/locations/{other}").json()["evses"][0]["id"]
    period = {"evse_id": evse, "period_begin": "2026-03-02T08:45:00Z", "period_end": "2026-03-02T10:00:00Z", "reason": "works"}
    where, headers = f"{API}/stations/locations/{other}/blocked-times", owner.headers() | {"If-Match": '"1"'}
    made = world.client.post(where, json=period, headers=headers)
    assert made.status_code == 201, made.text
    forecast_availability(world.platform)
    table = shipped_table()
    assert [item["p_free"] for item in forecast_of(world, location)] == [table[0, 1], 0, 0, 0]
    assert [item["p_free"] for item in forecast_of(world, other)] == [table[0, 2], table[1, 2], table[2, 1], table[3, 1]]


def test_classes_are_forecast_apart_and_only_what_is_approved(world: World) -> None:
    mixed = world.location(plugs=[[(TYPE2, 7.0)], [(TYPE2, 7.0)], [(CCS, 50.0), (TYPE2, 22.0)]])
    hidden = Station.at(world, evses=1, latitude=52.4)
    world.platform.transact(lambda tx: tx.execute(sa.text("UPDATE location SET status = 'SUSPENDED' WHERE latitude > 52.3")))
    assert forecast_availability(world.platform).groups == 2
    assert {item["power_class"] for item in forecast_of(world, mixed)} == {"SLOW", "RAPID"}
    assert world.client.get(f"{API}/optimizer/forecasts/{hidden.location}").status_code == 404


def test_the_nearby_search_shows_the_chance_at_an_instant(world: World) -> None:
    location = world.location(evses=1)
    near = {"lat": 52.09, "lon": 5.12}

    def search(at: str) -> Any:
        return world.client.get(f"{API}/stations/locations", params=near | {"p_free_at": at})

    (item,) = search("2026-03-02T08:30:00Z").json()["items"]
    assert item["pools"][0]["forecast"] is None, "the timer has not run"
    forecast_availability(world.platform)
    (item,) = search("2026-03-02T08:32:00Z").json()["items"]
    found = item["pools"][0]["forecast"]
    assert item["id"] == location
    assert found["target_time"] == "2026-03-02T08:30:00Z"
    assert found["p_free"] == shipped_table()[1, 1]
    assert (found["source"], found["model_version"]) == ("TABLE", None)
    assert found["generated_at"] == "2026-03-02T08:00:00Z"
    (plain,) = world.client.get(f"{API}/stations/locations", params=near).json()["items"]
    assert plain["pools"][0]["forecast"] is None
    for wrong in ("2026-03-02T07:59:00Z", "2026-03-02T09:01:00Z"):
        refused = search(wrong)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "p_free_at"


def test_what_came_true_is_kept_by_bin_and_read_by_administrators(world: World, clock: ManualClock) -> None:
    station = Station.at(world, evses=1)
    heard_for(world, clock, station, 60, ("E0", "AVAILABLE"))
    heard_for(world, clock, station, 15, ("E0", "CHARGING"))
    found = world.user("admin").get("/optimizer/forecasts/reliability").json()
    assert found["model"]["version"] is None
    rows = {item["horizon_minutes"]: item for item in found["items"]}
    assert {item["source"] for item in rows.values()} == {"TABLE"}
    quarter = rows[15]
    # Forecast from 08:00 to 09:00, for 08:15 to 09:15: free until 09:00, and taken at the last three.
    p_free = shipped_table()[0, 1]
    assert quarter["forecasts"] == 13
    assert quarter["brier"] == pytest.approx((10 * (1 - p_free) ** 2 + 3 * p_free**2) / 13)
    assert quarter["rmse"] == pytest.approx(math.sqrt(3 / 13))
    assert quarter["ece"] == pytest.approx(abs(p_free - 10 / 13))
    (reliability_bin,) = quarter["bins"]
    assert reliability_bin["forecasts"] == 13
    assert reliability_bin["came_free"] == pytest.approx(10 / 13)
    assert reliability_bin["p_from"] <= reliability_bin["p_free_mean"] < reliability_bin["p_to"]
    assert rows[60]["forecasts"] == 4
    live = world.scalar(sa.select(sa.func.min(forecast.c.target_time)))
    assert live > clock.now(), "what is compared is not kept"
    assert world.user("driver").get("/optimizer/forecasts/reliability").status_code == 403
    assert world.user("owner").get("/optimizer/forecasts/reliability").status_code == 403


def test_forecasts_of_locations_that_went_are_pruned(world: World, clock: ManualClock) -> None:
    world.location(evses=1)
    forecast_availability(world.platform)
    assert world.scalar(sa.select(sa.func.count()).select_from(forecast)) == len(AHEAD)
    world.platform.transact(lambda tx: tx.execute(sa.text("UPDATE location SET status = 'SUSPENDED'")))
    clock.advance(timedelta(hours=3))
    forecast_availability(world.platform)
    assert world.scalar(sa.select(sa.func.count()).select_from(forecast)) == 0
    assert world.scalar(sa.select(sa.func.count()).select_from(forecast_memory)) == 1
    clock.advance(timedelta(days=61))
    forecast_availability(world.platform)
    assert world.scalar(sa.select(sa.func.count()).select_from(forecast_memory)) == 0
