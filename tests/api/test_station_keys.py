"""Station keys over HTTP: made, shown once, rotated, revoked, listed."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from functions.stations.feed.tables import station_key
from shared.audit import audit_entry
from shared.clock import ManualClock
from shared.errors import Unauthenticated
from shared.web.auth import KEY_PREFIX, make_station_key, station_key_hash
from tests.support.stations_feed import Station
from tests.support.world import World


@pytest.fixture
def station(world: World) -> Station:
    return Station.at(world)


def keys(station: Station) -> str:
    return f"/stations/locations/{station.location}/keys"


def works(station: Station, key: str) -> bool:
    """Whether a key opens its location."""
    found = station.call("GET", f"/stations/locations/{station.location}/feed", key=key)
    assert found.status_code in (200, 401)
    return found.status_code == 200


def test_a_key_is_recognisable_and_shown_once(station: Station) -> None:
    made = station.owner.post(keys(station), {"name": "roof"})
    assert made.status_code == 201
    key = made.json()["key"]
    assert key.startswith(KEY_PREFIX)
    assert (len(key), key[-4:]) == (44, made.json()["hint"])
    listed = station.owner.get(keys(station))
    assert [item["name"] for item in listed.json()["items"]] == ["gateway", "roof"]
    assert key not in listed.text
    assert {item["status"] for item in listed.json()["items"]} == {"ACTIVE"}
    rows = station.world.platform.database.read(lambda conn: conn.execute(sa.select(station_key)).all())
    assert station_key_hash(key) in {row.token_hash for row in rows}
    assert key not in str(rows)
    entries = station.world.platform.database.read(lambda conn: conn.execute(sa.select(audit_entry)).all())
    assert "station_key.create" in {row.action for row in entries}
    assert key not in json.dumps([[row.before, row.after] for row in entries])


def test_a_key_sent_twice_with_an_idempotency_key_is_two_keys(station: Station) -> None:
    answers = [station.owner.post(keys(station), {"name": "roof"}, key="once").json()["key"] for _ in range(2)]
    assert answers[0] != answers[1], "an answer that carries a secret is stored nowhere"


@pytest.mark.parametrize(
    "change", [lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"), lambda key: key[:-1], lambda key: key + "x"]
)
def test_a_mistyped_key_is_refused_without_the_database(station: Station, change: Callable[[str], str]) -> None:
    wrong = change(station.key)
    with pytest.raises(Unauthenticated, match="mistyped"):
        station_key_hash(wrong)
    asked: list[object] = []
    sa.event.listen(station.world.platform.database.engine, "before_cursor_execute", lambda *args: asked.append(args))
    found = station.call("GET", f"/stations/locations/{station.location}/feed", key=wrong)
    assert (found.status_code, found.json()["code"]) == (401, "UNAUTHENTICATED")
    assert asked == []
    assert wrong not in found.text


def test_a_key_that_was_never_made_is_refused(station: Station) -> None:
    found = station.report("E0", "CHARGING", "07:59", key=make_station_key())
    assert (found.status_code, found.json()["code"]) == (401, "UNAUTHENTICATED")
    assert station.shown()["E0"] == "AVAILABLE"


def test_a_revoked_key_is_refused_with_the_same_words_as_an_unknown_one(station: Station) -> None:
    (key_id,) = [item["id"] for item in station.owner.get(keys(station)).json()["items"]]
    assert station.owner.delete(f"/stations/keys/{key_id}").status_code == 204
    assert station.owner.delete(f"/stations/keys/{key_id}").status_code == 204
    revoked = station.report("E0", "CHARGING", "07:59")
    unknown = station.report("E0", "CHARGING", "07:59", key=make_station_key())
    assert revoked.status_code == 401
    assert revoked.json()["detail"] == unknown.json()["detail"]
    assert station.shown()["E0"] == "AVAILABLE"
    assert station.owner.get(keys(station)).json()["items"][0]["status"] == "REVOKED"


def test_a_rotated_key_is_good_for_its_grace(station: Station, clock: ManualClock) -> None:
    (key_id,) = [item["id"] for item in station.owner.get(keys(station)).json()["items"]]
    new = station.owner.post(f"/stations/keys/{key_id}/rotate", {"grace_minutes": 60})
    assert (new.status_code, new.json()["rotated_from"], new.json()["name"]) == (201, key_id, "gateway")
    old, _ = station.owner.get(keys(station)).json()["items"]
    assert (old["status"], old["valid_until"]) == ("EXPIRING", "2026-03-02T09:00:00Z")
    assert works(station, station.key)
    assert works(station, new.json()["key"])
    again = station.owner.post(f"/stations/keys/{key_id}/rotate", {"grace_minutes": 600})
    assert (again.status_code, again.json()["code"]) == (409, "WRONG_STATE"), "a grace is not made longer by rotating again"
    clock.advance(timedelta(minutes=60))
    assert not works(station, station.key)
    assert works(station, new.json()["key"])
    assert station.owner.get(keys(station)).json()["items"][0]["status"] == "EXPIRED"


def test_a_key_can_be_rotated_at_once(station: Station) -> None:
    (key_id,) = [item["id"] for item in station.owner.get(keys(station)).json()["items"]]
    new = station.owner.post(f"/stations/keys/{key_id}/rotate", {"grace_minutes": 0}).json()["key"]
    assert (works(station, station.key), works(station, new)) == (False, True)


def test_the_last_use_is_listed_to_the_minute(station: Station, clock: ManualClock) -> None:
    def used() -> str | None:
        (item,) = station.owner.get(keys(station)).json()["items"]
        found: str | None = item["last_used_at"]
        return found

    assert used() is None
    station.report("E0", "CHARGING", "07:59")
    assert used() == "2026-03-02T08:00:00Z"
    clock.advance(timedelta(seconds=59))
    station.report("E0", "AVAILABLE", "08:00")
    assert used() == "2026-03-02T08:00:00Z"
    clock.advance(timedelta(seconds=1))
    station.heartbeat()
    assert used() == "2026-03-02T08:01:00Z"


def test_keys_are_their_owners_alone(world: World, station: Station) -> None:
    (key_id,) = [item["id"] for item in station.owner.get(keys(station)).json()["items"]]
    stranger, other = world.user("owner"), Station.at(world, name="Elders")
    for answer in (
        stranger.get(keys(station)),
        stranger.post(keys(station), {"name": "x"}),
        stranger.delete(f"/stations/keys/{key_id}"),
        stranger.post(f"/stations/keys/{key_id}/rotate", {}),
        other.owner.delete(f"/stations/keys/{key_id}"),
        other.owner.post(f"/stations/keys/{key_id}/rotate", {}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert world.user("driver").post(keys(station), {"name": "x"}).status_code == 403
    assert works(station, station.key)
    assert world.user("admin").delete(f"/stations/keys/{key_id}").status_code == 204
    assert not works(station, station.key)


def test_a_location_has_ten_good_keys_at_most_and_lists_them_by_pages(station: Station) -> None:
    for number in range(9):
        assert station.owner.post(keys(station), {"name": f"n{number}"}).status_code == 201
    full = station.owner.post(keys(station), {"name": "eleventh"})
    assert (full.status_code, full.json()["code"], full.json()["limit"]) == (409, "LIMIT_REACHED", "station_keys")
    first = station.owner.get(keys(station), limit=6).json()
    second = station.owner.get(keys(station), limit=6, cursor=first["next_cursor"]).json()
    assert [item["name"] for item in first["items"] + second["items"]] == ["gateway", *(f"n{number}" for number in range(9))]
    assert second["next_cursor"] is None
    station.owner.delete(f"/stations/keys/{first['items'][0]['id']}")
    assert station.owner.post(keys(station), {"name": "eleventh"}).status_code == 201


@pytest.mark.parametrize(
    ("payload", "field"),
    [({}, "name"), ({"name": " "}, "name"), ({"name": "x" * 81}, "name"), ({"name": "x", "key": "mine"}, "key")],
)
def test_wrong_fields_of_a_key_are_named(station: Station, payload: dict[str, str], field: str) -> None:
    found = station.owner.post(keys(station), payload)
    assert found.status_code == 422
    assert [item["field"] for item in found.json()["errors"]] == [field]


def test_random_keys_have_the_form_that_secret_scanners_are_given() -> None:
    import re

    pattern = re.compile(r"evcsk_[0-9A-Za-z]{38}")
    made = {make_station_key() for _ in range(200)}
    assert len(made) == 200
    assert all(pattern.fullmatch(key) for key in made)
    assert len({station_key_hash(key) for key in made}) == 200
