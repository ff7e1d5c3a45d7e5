"""The feed of EVSE states over HTTP: reports by station key, in whatever order they arrive; silence and return."""

import logging
import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.notify.tables import delivery, notification
from functions.stations.enums import EvseStatus
from functions.stations.feed import service as feed
from functions.stations.feed import silence as feed_silence
from functions.stations.feed.tables import evse_status_change
from shared.clock import ManualClock
from shared.outbox import outbox_message
from tests.support.stations_feed import Station, body, instant, minutes
from tests.support.world import API, TYPE2, World


@pytest.fixture
def station(world: World) -> Station:
    return Station.at(world)


@pytest.mark.parametrize("status", list(EvseStatus))
def test_every_word_of_ocpi_is_taken_and_shown(station: Station, status: EvseStatus) -> None:
    found = station.report("E0", status.value, "07:59")
    assert found.status_code == 200
    assert found.json() == {
        "evse_id": station.evses["E0"],
        "uid": "E0",
        "status": status.value,
        "last_updated": "2026-03-02T07:59:00Z",
        "applied": True,
        "outcome": "CHANGED",
    }
    assert station.shown() == {"E0": status.value, "E1": "AVAILABLE"}
    assert station.history("E0") == [("07:59", status.value, None)]


def test_an_older_report_never_overwrites_and_is_answered_plainly(station: Station) -> None:
    station.report("E0", "CHARGING", "07:30")
    older = station.report("E0", "OUTOFORDER", "07:20")
    assert (older.status_code, older.json()["applied"], older.json()["outcome"]) == (200, False, "OLDER")
    assert (older.json()["status"], older.json()["last_updated"]) == ("CHARGING", "2026-03-02T07:30:00Z")
    assert station.shown()["E0"] == "CHARGING"
    assert station.history("E0") == [("07:20", "OUTOFORDER", None), ("07:30", "CHARGING", "OUTOFORDER")]


def test_a_duplicate_changes_nothing(station: Station) -> None:
    station.report("E0", "CHARGING", "07:30")
    again = station.report("E0", "CHARGING", "07:30")
    assert (again.status_code, again.json()["applied"], again.json()["outcome"]) == (200, False, "DUPLICATE")
    other_offset = station.report("E0", "CHARGING", "2026-03-02T08:30:00+01:00")
    assert other_offset.json()["outcome"] == "DUPLICATE"
    later = station.report("E0", "CHARGING", "07:40")
    assert (later.json()["applied"], later.json()["outcome"]) == (True, "CONFIRMED")
    assert station.history("E0") == [("07:30", "CHARGING", None)], "a status that goes on is no change"


def test_of_two_words_for_one_instant_the_cautious_one_counts_whichever_comes_first(world: World) -> None:
    for order in (("AVAILABLE", "OUTOFORDER"), ("OUTOFORDER", "AVAILABLE")):
        station = Station.at(world)
        outcomes = [station.report("E0", status, "07:30").json()["outcome"] for status in order]
        assert station.shown()["E0"] == "OUTOFORDER"
        assert outcomes == (["CHANGED", "CHANGED"] if order[0] == "AVAILABLE" else ["CHANGED", "OLDER"])
        assert station.history("E0") == [("07:30", "OUTOFORDER", None)]


def test_a_timestamp_ahead_of_the_clock_is_refused_by_name(station: Station, clock: ManualClock) -> None:
    near = station.report("E0", "CHARGING", clock.now() + timedelta(seconds=60))
    assert near.status_code == 200, "a station's clock may be a minute ahead"
    far = station.report("E0", "AVAILABLE", clock.now() + timedelta(seconds=61))
    assert (far.status_code, far.json()["code"]) == (422, "INVALID")
    assert [item["field"] for item in far.json()["errors"]] == ["last_updated"]
    assert "2026-03-02T08:00:00+00:00" in far.json()["detail"]
    assert station.shown()["E0"] == "CHARGING"


@pytest.mark.parametrize(
    ("report", "field"),
    [
        ({"status": "BROKEN", "last_updated": "2026-03-02T08:00:00Z"}, "status"),
        ({"status": "charging", "last_updated": "2026-03-02T08:00:00Z"}, "status"),
        ({"status": "CHARGING"}, "last_updated"),
        ({"status": "CHARGING", "last_updated": "2026-03-02T08:00:00"}, "last_updated"),
        ({"status": "CHARGING", "last_updated": "0001-01-01T00:00:00+14:00"}, "last_updated"),
        ({"status": "CHARGING", "last_updated": "9999-12-31T23:59:59-14:00"}, "last_updated"),
        ({"status": "CHARGING", "last_updated": "2026-03-02T08:00:00Z", "evse_id": "x"}, "evse_id"),
    ],
)
def test_a_wrong_field_is_named(station: Station, report: dict[str, str], field: str) -> None:
    found = station.call("PUT", f"/stations/evses/{station.evses['E0']}/status", report)
    assert found.status_code == 422
    assert [item["field"] for item in found.json()["errors"]] == [field]


def test_keys_open_their_own_location_alone(world: World, station: Station) -> None:
    other = Station.at(world, name="Elders")
    foreign = station.call("PUT", f"/stations/evses/{other.evses['E0']}/status", body("OUTOFORDER", "07:59"))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "NOT_FOUND")
    unheard_of = station.call("PUT", f"/stations/evses/{uuid.uuid4()}/status", body("OUTOFORDER", "07:59"))
    assert unheard_of.status_code == 404
    for method, what in (("PUT", "status"), ("POST", "heartbeat"), ("GET", "feed")):
        sent: dict[str, list[str]] | None = {"evses": []} if method == "PUT" else None
        assert station.call(method, f"/stations/locations/{other.location}/{what}", sent).status_code == 404
    assert other.shown() == {"E0": "AVAILABLE", "E1": "AVAILABLE"}
    assert world.scalar(sa.select(sa.func.count()).select_from(evse_status_change)) == 0


def test_a_station_key_opens_nothing_else(world: World, station: Station) -> None:
    for method, path in (
        ("GET", "/accounts/me"),
        ("GET", "/booking/bookings"),
        ("GET", f"/stations/locations/{station.location}/keys"),
        ("POST", f"/stations/locations/{station.location}/approve"),
        ("DELETE", f"/stations/locations/{station.location}/feed"),
        ("GET", f"/stations/locations/{station.location}"),
    ):
        found = station.call(method, path)
        assert (found.status_code, found.json()["code"]) == (403, "FORBIDDEN"), path
    for person in (world.user("driver"), station.owner, world.user("admin")):
        refused = person.put(f"/stations/evses/{station.evses['E0']}/status", body("CHARGING", "07:59"))
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    bare = world.client.put(f"{API}/stations/evses/{station.evses['E0']}/status", json=body("CHARGING", "07:59"))
    assert (bare.status_code, bare.headers["www-authenticate"]) == (401, "Bearer")


def test_a_batch_takes_all_or_nothing(station: Station) -> None:
    taken = station.batch(
        {"uid": "E1"} | body("CHARGING", "07:50"), {"evse_id": station.evses["E0"]} | body("BLOCKED", "07:51")
    )
    assert taken.status_code == 200
    assert [(item["uid"], item["status"], item["outcome"]) for item in taken.json()["evses"]] == [
        ("E1", "CHARGING", "CHANGED"),
        ("E0", "BLOCKED", "CHANGED"),
    ]
    assert station.shown() == {"E0": "BLOCKED", "E1": "CHARGING"}
    wrong = station.batch({"uid": "E1"} | body("AVAILABLE", "07:55"), {"uid": "E7"} | body("AVAILABLE", "07:55"))
    assert wrong.status_code == 422
    assert [item["field"] for item in wrong.json()["errors"]] == ["evses.1.uid"]
    ahead = station.batch({"uid": "E1"} | body("AVAILABLE", "07:55"), {"uid": "E0"} | body("AVAILABLE", "09:55"))
    assert [item["field"] for item in ahead.json()["errors"]] == ["evses.1.last_updated"]
    both = station.batch({"uid": "E1", "evse_id": station.evses["E1"]} | body("AVAILABLE", "07:55"))
    assert both.status_code == 422
    assert station.shown() == {"E0": "BLOCKED", "E1": "CHARGING"}, "nothing of a wrong batch is taken"


def test_one_evse_twice_in_a_batch_is_ordered_by_its_timestamps(station: Station) -> None:
    found = station.batch({"uid": "E0"} | body("AVAILABLE", "07:50"), {"uid": "E0"} | body("CHARGING", "07:40"))
    assert [item["outcome"] for item in found.json()["evses"]] == ["CHANGED", "OLDER"]
    assert {item["status"] for item in found.json()["evses"]} == {"AVAILABLE"}
    assert station.history("E0") == [("07:40", "CHARGING", None), ("07:50", "AVAILABLE", "CHARGING")]


def test_an_evse_that_flutters_is_told_to_wait(station: Station, clock: ManualClock) -> None:
    limit = station.world.platform.settings.feed_updates_per_minute
    for number in range(limit):
        status = ("AVAILABLE", "CHARGING")[number % 2]
        assert station.report("E0", status, clock.now() - timedelta(seconds=limit - number)).status_code == 200
    refused = station.report("E0", "OUTOFORDER", clock.now())
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "TOO_MANY_REQUESTS", "60")
    assert station.report("E1", "OUTOFORDER", clock.now()).status_code == 200, "the limit is of one EVSE"
    clock.advance(minutes(1))
    assert station.report("E0", "OUTOFORDER", clock.now()).status_code == 200


def test_what_its_owner_removed_stays_removed(station: Station) -> None:
    from functions.stations.feed import repository as feed_repository

    evse_id = uuid.UUID(station.evses["E0"])
    station.world.platform.transact(lambda tx: feed_repository.set_status(tx, [evse_id], "REMOVED"))
    found = station.report("E0", "AVAILABLE", "07:50").json()
    assert (found["applied"], found["outcome"], found["status"], found["last_updated"]) == (False, "REMOVED", "REMOVED", None)
    assert station.shown()["E0"] == "REMOVED"
    mixed = station.batch({"uid": "E0"} | body("AVAILABLE", "07:50"), {"uid": "E1"} | body("CHARGING", "07:50"))
    assert [item["outcome"] for item in mixed.json()["evses"]] == ["REMOVED", "CHANGED"]


REPORTS = st.lists(st.tuples(st.sampled_from(list(EvseStatus)), st.integers(0, 9)), min_size=1, max_size=7, unique=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=REPORTS, data=st.data())
def test_the_final_state_is_that_of_the_greatest_timestamp_in_any_order(
    world: World, reports: list[tuple[EvseStatus, int]], data: st.DataObject
) -> None:
    """Any order, one by one and in batches, and the order of time, ties included: the same state; the history ends in it,
    and each of its rows is a report that was made and a change. In the order of time nothing of it is lost."""
    station = Station.at(world, evses=3)
    in_time = sorted(reports, key=lambda report: report[1])
    for uid, order in (("E0", data.draw(st.permutations(reports))), ("E1", in_time)):
        for word, minute in order:
            assert station.report(uid, word.value, f"07:0{minute}").status_code == 200
    shuffled, size = data.draw(st.permutations(reports)), data.draw(st.integers(1, len(reports)))
    for begin in range(0, len(shuffled), size):
        part = [{"uid": "E2"} | body(word.value, f"07:0{minute}") for word, minute in shuffled[begin : begin + size]]
        assert station.batch(*part).status_code == 200
    last = max(minute for _, minute in reports)
    status, at = station.in_force("E0")
    assert (status, at) == station.in_force("E1") == station.in_force("E2")
    assert at == datetime(2026, 3, 2, 7, last, tzinfo=UTC)
    assert status in {word.value for word, minute in reports if minute == last}
    assert station.shown() == {"E0": status, "E1": status, "E2": status}
    for uid in ("E0", "E1", "E2"):
        rows = station.history(uid)
        assert rows[-1][1] == status
        assert {(when, word) for when, word, _ in rows} <= {(f"07:0{minute}", word.value) for word, minute in reports}
        assert [before != after for (_, before, _), (_, after, _) in pairwise(rows)] == [True] * (len(rows) - 1)
        assert [previous for _, _, previous in rows] == [None, *(word for _, word, _ in rows[:-1])]
    if len({minute for _, minute in reports}) == len(reports):
        changes = [
            (word.value, minute) for place, (word, minute) in enumerate(in_time) if not place or in_time[place - 1][0] != word
        ]
        assert [(word, when) for when, word, _ in station.history("E1")] == [
            (word, f"07:0{minute}") for word, minute in changes
        ]


def test_states_for_the_forecast(station: Station, clock: ManualClock) -> None:
    for at, status in (("07:00", "CHARGING"), ("07:20", "AVAILABLE"), ("07:45", "CHARGING")):
        station.report("E0", status, at)
    place, since = uuid.UUID(station.location), datetime(2026, 3, 2, 7, 10, tzinfo=UTC)
    found = station.world.platform.read(lambda tx: feed.states_of(tx=tx, location_ids=[place, uuid.uuid4()], since=since))
    assert list(found) == [place]
    fed, unfed = found[place]
    assert (fed.uid, fed.status, fed.live, fed.heard_at) == ("E0", "CHARGING", True, clock.now())
    assert fed.last_updated == datetime(2026, 3, 2, 7, 45, tzinfo=UTC)
    assert [(change.status, change.previous) for change in fed.changes] == [
        ("AVAILABLE", "CHARGING"),
        ("CHARGING", "AVAILABLE"),
    ]
    assert [fed.status_at(since + minutes(number)) for number in (0, 10, 34, 35)] == [
        "CHARGING",
        "AVAILABLE",
        "AVAILABLE",
        "CHARGING",
    ]
    assert (unfed.uid, unfed.status, unfed.live, unfed.last_updated, unfed.changes) == ("E1", "AVAILABLE", False, None, ())


def test_old_history_is_pruned_and_the_state_stays(station: Station, clock: ManualClock) -> None:
    station.report("E0", "CHARGING", "07:00")
    station.report("E0", "AVAILABLE", "07:30")
    clock.advance(timedelta(days=35, minutes=-45))
    assert feed_silence.prune_status_history(station.world.platform) == 1
    assert station.history("E0") == [("07:30", "AVAILABLE", "CHARGING")]
    assert feed_silence.prune_status_history(station.world.platform) == 0


def silence(station: Station, clock: ManualClock, *, seconds: int = 900) -> int:
    clock.advance(timedelta(seconds=seconds))
    return feed_silence.mark_stale_feeds(station.world.platform)


def told(station: Station) -> list[str]:
    """The types of what the owner was told in the app, in order, after delivery."""
    station.world.drain()
    rows = sa.select(notification.c.type).where(notification.c.user_id == station.owner.id).order_by(notification.c.id)
    with station.world.platform.database.reading() as conn:
        return list(conn.execute(rows).scalars())


def test_a_silent_feed_is_unknown_and_its_owner_is_told_once(station: Station, clock: ManualClock) -> None:
    station.report("E0", "AVAILABLE", "07:59")
    assert silence(station, clock, seconds=899) == 0
    assert silence(station, clock, seconds=1) == 1
    assert station.shown() == {"E0": "UNKNOWN", "E1": "AVAILABLE"}, "E1 never had a feed"
    assert silence(station, clock) == 0
    assert told(station) == ["feed_silent"]
    mail = station.world.platform.database.read(lambda conn: conn.execute(sa.select(delivery)).one())
    assert (mail.channel, mail.status) == ("EMAIL", "SENT")
    assert "Nothing was heard from the feed of Stadhuis for 15 minutes" in mail.content["text"]
    assert "1 charger is shown as UNKNOWN" in mail.content["text"]
    feed_seen = station.owner.get(f"/stations/locations/{station.location}/feed").json()
    assert feed_seen["silent_since"] == "2026-03-02T08:15:00Z"
    state = station.world.platform.read(
        lambda tx: feed.states_of(tx=tx, location_ids=[uuid.UUID(station.location)], since=clock.now())
    )[uuid.UUID(station.location)][0]
    assert (state.status, state.live, state.last_updated) == ("UNKNOWN", False, datetime(2026, 3, 2, 7, 59, tzinfo=UTC))


def test_a_feed_that_comes_back_is_told_once_and_believed_evse_by_evse(station: Station, clock: ManualClock) -> None:
    station.batch({"uid": "E0"} | body("AVAILABLE", "07:59"), {"uid": "E1"} | body("CHARGING", "07:58"))
    assert silence(station, clock) == 1
    beat = station.heartbeat().json()
    assert sorted(beat["unknown"]) == sorted(station.evses.values()), "a heartbeat says nothing of states"
    assert station.shown() == {"E0": "UNKNOWN", "E1": "UNKNOWN"}
    same = station.report("E0", "AVAILABLE", "07:59")
    assert (same.json()["applied"], same.json()["outcome"]) == (True, "CHANGED"), "the same word ends the doubt"
    assert station.shown() == {"E0": "AVAILABLE", "E1": "UNKNOWN"}
    assert station.history("E0") == [("07:59", "AVAILABLE", None)], "it was so all the time: the station says it"
    station.report("E1", "AVAILABLE", "08:15")
    assert station.history("E1") == [("07:58", "CHARGING", None), ("08:15", "AVAILABLE", "CHARGING")]
    assert told(station) == ["feed_silent", "feed_back"]
    assert silence(station, clock) == 1
    assert told(station) == ["feed_silent", "feed_back", "feed_silent"]


def test_a_backlog_after_a_silence_fills_the_gap_and_a_later_word_leaves_it(station: Station, clock: ManualClock) -> None:
    station.batch({"uid": "E0"} | body("AVAILABLE", "07:59"), {"uid": "E1"} | body("AVAILABLE", "07:59"))
    silence(station, clock)
    clock.advance(minutes(15))
    assert station.report("E0", "CHARGING", "07:50").json()["outcome"] == "OLDER"
    assert station.shown()["E0"] == "UNKNOWN", "an older word does not end the doubt"
    station.report("E0", "CHARGING", "08:05")
    assert station.history("E0") == [
        ("07:50", "CHARGING", None),
        ("07:59", "AVAILABLE", "CHARGING"),
        ("08:05", "CHARGING", "AVAILABLE"),
    ]
    station.report("E1", "CHARGING", "08:25")
    assert station.history("E1") == [
        ("07:59", "AVAILABLE", None),
        ("08:15", "UNKNOWN", "AVAILABLE"),
        ("08:25", "CHARGING", "UNKNOWN"),
    ]


def test_heartbeats_and_any_evse_keep_a_feed_alive(station: Station, clock: ManualClock) -> None:
    station.report("E0", "AVAILABLE", "07:59")
    assert silence(station, clock, seconds=800) == 0
    assert station.heartbeat().json() == {
        "location_id": station.location,
        "heard_at": "2026-03-02T08:13:20Z",
        "silent_after_s": 900,
        "unknown": [],
    }
    assert silence(station, clock, seconds=800) == 0
    assert station.batch().json()["evses"] == [], "an empty batch is a heartbeat"
    assert silence(station, clock, seconds=800) == 0
    assert station.report("E1", "AVAILABLE", "08:00").status_code == 200
    assert silence(station, clock, seconds=800) == 0
    assert station.report("E1", "CHARGING", "07:00").json()["outcome"] == "OLDER"
    assert silence(station, clock, seconds=800) == 0, "an older report is a word too"
    assert silence(station, clock, seconds=100) == 1


def test_planned_and_removed_evses_do_not_become_unknown(station: Station, clock: ManualClock) -> None:
    station.batch({"uid": "E0"} | body("PLANNED", "07:59"), {"uid": "E1"} | body("REMOVED", "07:58"))
    assert silence(station, clock) == 1
    assert station.shown() == {"E0": "PLANNED", "E1": "REMOVED"}


def test_the_owner_ends_a_feed(station: Station, clock: ManualClock) -> None:
    station.batch({"uid": "E0"} | body("OUTOFORDER", "07:59"), {"uid": "E1"} | body("PLANNED", "07:58"))
    stranger = station.world.user("owner").delete(f"/stations/locations/{station.location}/feed")
    assert stranger.status_code == 404
    assert station.owner.delete(f"/stations/locations/{station.location}/feed").status_code == 204
    assert station.shown() == {"E0": "AVAILABLE", "E1": "PLANNED"}
    assert station.report("E0", "CHARGING", "08:00").status_code == 401
    assert silence(station, clock) == 0
    assert told(station) == []


def test_the_keys_of_a_removed_location_open_nothing_and_its_silence_is_told_to_nobody(
    station: Station, clock: ManualClock
) -> None:
    station.report("E0", "AVAILABLE", "07:59")
    place = f"/stations/locations/{station.location}"
    etag = station.owner.get(place).headers["etag"]
    removed = station.owner.delete(place, if_match=etag)
    assert removed.status_code in (200, 204), removed.text
    assert station.report("E0", "CHARGING", "08:00").status_code == 401
    assert silence(station, clock) == 0
    assert "feed_silent" not in told(station)


def test_new_bookings_avoid_what_is_out_of_order_or_silent(station: Station, clock: ManualClock) -> None:
    driver = station.world.user()
    station.report("E0", "OUTOFORDER", "07:59")
    made = driver.book(station.location, "10:00").json()
    assert made["reservation_status"] == "RESERVED"
    taken = station.world.user().book(station.location, "10:00")
    assert (taken.status_code, taken.json()["code"]) == (409, "SLOT_TAKEN"), "one EVSE is left and it is booked"
    station.report("E0", "AVAILABLE", "08:00")
    assert station.world.user().book(station.location, "10:00").status_code == 201
    station.report("E1", "AVAILABLE", "08:00")
    silence(station, clock)
    nothing = station.world.user().book(station.location, "12:00")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "SLOT_TAKEN")
    assert "not heard from" in nothing.json()["detail"]
    day = station.world.client.get(f"{API}/stations/locations/{station.location}/availability").json()
    assert day["calendars"] == []


def test_a_charge_request_goes_elsewhere(world: World) -> None:
    near, far = Station.at(world), Station.at(world, latitude=52.10, name="Verder")
    near.batch({"uid": "E0"} | body("OUTOFORDER", "07:59"), {"uid": "E1"} | body("INOPERATIVE", "07:59"))
    driver = world.user()
    wish = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.09, "lon": 5.12},
    }
    where = driver.post("/optimizer/charge-requests", wish).headers["location"]
    world.drain()
    found = world.client.get(where, headers=driver.headers()).json()
    assert found["status"] == "RESERVED"
    assert driver.get(f"/booking/bookings/{found['booking_id']}").json()["location_id"] == far.location


def test_the_feed_is_told_to_the_owner_and_the_station_alone(world: World, station: Station) -> None:
    path = f"/stations/locations/{station.location}/feed"
    station.report("E0", "CHARGING", "07:59")
    seen = station.call("GET", path).json()
    assert seen | {"waiting": []} == station.owner.get(path).json()
    assert seen["evses"][0] == {
        "evse_id": station.evses["E0"],
        "uid": "E0",
        "status": "CHARGING",
        "last_updated": "2026-03-02T07:59:00Z",
        "received_at": "2026-03-02T08:00:00Z",
    }
    assert world.user("owner").get(path).status_code == 404
    assert world.user("driver").get(path).status_code == 403
    assert world.client.get(API + path).status_code == 401


def test_no_key_is_ever_logged_or_stored(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        station.report("E0", "CHARGING", "07:59")
        station.report("E0", "CHARGING", "07:59", key=station.key[:-1] + "?")
        station.heartbeat()
    assert station.key not in caplog.text
    assert station.key[6:30] not in caplog.text
    with station.world.platform.database.reading() as conn:
        from shared.db import metadata

        for table in metadata.sorted_tables:
            for row in conn.execute(sa.select(table)).all():
                assert station.key not in str(row), table.name
        assert conn.execute(sa.select(sa.func.count()).select_from(outbox_message)).scalar() == 0


def test_instants_are_written_in_full(station: Station) -> None:
    found = station.report("E0", "CHARGING", "2026-03-02T07:59:00.123456Z")
    assert found.json()["last_updated"] == "2026-03-02T07:59:00.123456Z"
    assert station.report("E0", "CHARGING", "2026-03-02T07:59:00.123456Z").json()["outcome"] == "DUPLICATE"
    assert station.report("E0", "BLOCKED", "2026-03-02T07:59:00.123455Z").json()["outcome"] == "OLDER"
    assert instant("08:00") == "2026-03-02T08:00:00Z"
