"""Who has an answer already is sent none: weak ETags on what is asked again and again."""

from datetime import timedelta

import pytest

from shared.clock import ManualClock
from shared.web.not_modified import has_already, tag_of
from tests.support.world import API, World


@pytest.mark.parametrize("path", ["/booking/bookings", "/notify/inbox", "/accounts/me/preferences"])
def test_what_has_not_changed_is_not_sent_again(world: World, path: str) -> None:
    driver = world.user()
    driver.book(world.location(), "12:00")
    first = driver.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    again = world.client.get(API + path, headers=driver.headers() | {"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "no-store"
    assert "x-invocation-id" in again.headers


def test_what_has_changed_is(world: World, clock: ManualClock) -> None:
    driver = world.user()
    path = f"/booking/bookings/{driver.book(world.location(), '12:00').json()['id']}"
    tag = driver.get(path).headers["ETag"]
    clock.advance(timedelta(minutes=1))
    driver.post(f"{path}/cancel")
    changed = world.client.get(API + path, headers=driver.headers() | {"If-None-Match": tag})
    assert (changed.status_code, changed.json()["reservation_status"]) == (200, "CANCELED")
    assert changed.headers["ETag"] != tag


def test_a_place_keeps_the_strong_etag_that_its_edits_need(world: World) -> None:
    assert world.user().get(f"/stations/locations/{world.location()}").headers["ETag"] == '"1"'


def test_a_refusal_and_a_write_have_none(world: World) -> None:
    driver = world.user()
    assert "ETag" not in driver.get("/booking/bookings/0190e3c4-5a00-7000-8000-000000000000").headers
    assert "ETag" not in driver.book(world.location(), "12:00").headers


def test_the_weak_comparison() -> None:
    tag = tag_of(b"{}")
    assert has_already(tag, tag)
    assert has_already(tag.removeprefix("W/"), tag)
    assert has_already("*", tag)
    assert not has_already(tag_of(b"[]"), tag)
    assert not has_already("", tag)
