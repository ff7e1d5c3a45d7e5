"""Photos over HTTP: sent as bytes, kept in Blob, served with headers that let them be pictures and nothing else."""

import asyncio
import io
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from functions.operators import photos
from functions.operators.photo_routes import DECODING
from shared.clock import ManualClock
from shared.errors import Unavailable
from tests.api.test_stations import build
from tests.support.world import API, Person, World
from tests.unit.operators.test_image_sanitizer import SCRIPT, opened, picture, png_of


@pytest.fixture
def owner(world: World) -> Person:
    made = world.user("owner")
    world.owner_id = made.id
    return made


def send(
    person: Person, place: str, data: bytes, kind: str = "image/jpeg", *, if_match: str | None = "*", **params: Any
) -> Any:
    headers = person.headers() | {"Content-Type": kind} | ({"If-Match": if_match} if if_match else {})
    return person.world.client.post(f"{API}/stations/locations/{place}/photos", content=data, headers=headers, params=params)


def blobs(world: World) -> list[str]:
    return world.platform.blobs.names("photos/")


def test_a_photo_is_added_seen_and_deleted(world: World, owner: Person) -> None:
    place = world.location()
    made = send(owner, place, picture(size=(800, 600)) + SCRIPT, caption="Entrance, with the barrier")
    assert made.status_code == 201, made.text
    photo = made.json()
    assert (photo["caption"], photo["width"], photo["height"]) == ("Entrance, with the barrier", 800, 600)
    assert made.headers["location"] == photo["url"]
    assert made.headers["etag"] == photo["etag"] == '"2"'
    assert len(blobs(world)) == 2
    (listed,) = world.client.get(f"{API}/stations/locations/{place}/photos").json()["items"]
    assert listed == {name: photo[name] for name in photo if name != "etag"}
    seen = world.client.get(photo["url"])
    assert seen.status_code == 200
    assert opened(seen.content).size == (800, 600)
    assert SCRIPT not in seen.content
    headers = seen.headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["content-disposition"] == f'inline; filename="{photo["id"]}.jpg"'
    assert headers["cache-control"] == "public, max-age=3600"
    again = world.client.get(photo["url"], headers={"If-None-Match": headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    small = world.client.get(photo["thumbnail_url"])
    assert max(opened(small.content).size) == 480
    assert small.headers["etag"] != headers["etag"]
    gone = owner.delete(f"/stations/locations/{place}/photos/{photo['id']}", if_match='"2"')
    assert (gone.status_code, gone.headers["etag"]) == (200, '"3"')
    assert world.client.get(photo["url"]).status_code == 404
    assert blobs(world) == []
    assert owner.delete(f"/stations/locations/{place}/photos/{photo['id']}", if_match="*").status_code == 404


def test_the_type_is_what_the_bytes_are(world: World, owner: Person) -> None:
    place = world.location()
    assert send(owner, place, picture("PNG"), "image/jpeg").status_code == 201, "called JPEG, is PNG: taken as what it is"
    for data in (SCRIPT, b"%PDF-1.7", picture("GIF"), png_of(20_000, 20_000), b""):
        answer = send(owner, place, data, "image/png")
        assert answer.status_code == 422, answer.text
        assert [item["field"] for item in answer.json()["errors"]] == ["photo"]
    for kind in ("image/svg+xml", "text/html", "application/json", "multipart/form-data", "image/gif"):
        answer = send(owner, place, picture(), kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE"), kind
    assert len(blobs(world)) == 2


def test_a_photo_may_be_larger_than_other_bodies_and_not_too_large(world: World, owner: Person) -> None:
    place = world.location()
    noise = Image.effect_noise((1400, 1000), 90)
    out = io.BytesIO()
    noise.save(out, "PNG")
    assert len(out.getvalue()) > world.platform.settings.max_body_bytes
    assert send(owner, place, out.getvalue(), "image/png").status_code == 201
    limit = world.platform.settings.max_photo_bytes
    answer = send(owner, place, picture() + b"x" * limit)
    assert (answer.status_code, answer.json()["limit_bytes"]) == (413, limit)
    answer = owner.world.client.put(
        f"{API}/stations/locations/{place}/tariffs",
        content=b"[" * 400_000,
        headers=owner.headers() | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 413


def test_photos_that_wait_keep_nobody_else_waiting(world: World, owner: Person) -> None:
    """Decoding has threads and a queue of its own: above it the answer is 503, and every other route answers."""
    place, go_on = world.location(), threading.Event()
    places = DECODING.threads + DECODING.waiting
    jam = [asyncio.new_event_loop() for _ in range(places)]
    waiting = [threading.Thread(target=loop.run_until_complete, args=(DECODING.run(lambda: go_on.wait(60)),)) for loop in jam]
    try:
        for thread in waiting:
            thread.start()
        while DECODING.free:
            pass
        answer = send(owner, place, picture())
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "2"
        assert world.client.get(f"{API}/stations/locations/{place}").status_code == 200
    finally:
        go_on.set()
        for thread in waiting:
            thread.join(60)
        for loop in jam:
            loop.close()
    assert send(owner, place, picture()).status_code == 201


def test_an_account_sends_so_many_photos_an_hour(world: World, owner: Person) -> None:
    place = world.location()
    allowed = world.platform.settings.photos_per_hour
    answers = [send(owner, place, SCRIPT) for _ in range(allowed + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {422}
    assert (answers[-1].status_code, answers[-1].json()["limit"]) == (429, "photos")


def test_a_location_has_ten_at_most(world: World, owner: Person) -> None:
    place, small = world.location(), picture(size=(64, 64))
    for _ in range(10):
        assert send(owner, place, small).status_code == 201
    answer = send(owner, place, small)
    assert (answer.status_code, answer.json()["limit"]) == (409, 10)
    page = owner.get(f"/stations/locations/{place}/photos", limit=6).json()
    rest = owner.get(f"/stations/locations/{place}/photos", limit=6, cursor=page["next_cursor"]).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (6, 4, None)
    assert len(blobs(world)) == 20, "the one that was refused left nothing"


def test_photos_hold_if_match_before_anything_is_stored(world: World, owner: Person) -> None:
    place = world.location()
    assert send(owner, place, picture(), if_match=None).status_code == 428
    assert send(owner, place, picture(), if_match='"9"').status_code == 412
    stranger = world.user("owner")
    assert send(stranger, place, SCRIPT).status_code == 404, "strangers to a location learn nothing of their bytes"
    assert blobs(world) == []


def test_what_is_not_approved_is_seen_by_its_owner_and_cached_by_nobody(world: World, owner: Person) -> None:
    place = build(owner)
    photo = send(owner, place, picture()).json()
    assert world.client.get(photo["url"]).status_code == 404
    assert world.client.get(f"{API}/stations/locations/{place}/photos").status_code == 404
    seen = owner.get(photo["url"].removeprefix(API))
    assert (seen.status_code, seen.headers["cache-control"]) == (200, "private, no-store")
    assert world.user("admin").get(photo["url"].removeprefix(API)).status_code == 200
    other = build(owner)
    assert owner.get(f"/stations/locations/{other}/photos/{photo['id']}").status_code == 404
    owner.post(f"/stations/locations/{place}/submit", if_match="*")
    (submitted,) = owner.get(f"/stations/locations/{place}/submissions").json()["items"]
    assert list(submitted["document"]["photos"]) == [photo["id"]]


def test_a_repeat_with_the_same_key_stores_nothing_more(world: World, owner: Person) -> None:
    place = world.location()
    headers = owner.headers() | {"Content-Type": "image/png", "If-Match": '"1"', "Idempotency-Key": "once"}
    path, data = f"{API}/stations/locations/{place}/photos", picture("PNG")
    first = world.client.post(path, content=data, headers=headers)
    again = world.client.post(path, content=data, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert len(blobs(world)) == 2


def test_a_deleted_location_takes_its_photos_along(world: World, owner: Person) -> None:
    place = world.location()
    send(owner, place, picture())
    assert owner.delete(f"/stations/locations/{place}", if_match="*").status_code == 204
    assert blobs(world) == []


def test_bytes_that_nobody_owns_are_swept_after_a_day(world: World, owner: Person, clock: ManualClock) -> None:
    place = world.location()
    kept = send(owner, place, picture()).json()["id"]

    def orphan(age: timedelta) -> str:
        made = int((clock.now() - age).timestamp() * 1000)
        photo_id = uuid.UUID(int=made << 80 | 7 << 76 | 1 << 63 | int(age.total_seconds()))
        world.platform.blobs.write(photos.blob_name(photo_id, "full"), b"x")
        return photos.blob_name(photo_id, "full")

    orphan(timedelta(hours=25))
    young = orphan(timedelta(hours=1))
    world.platform.blobs.write("photos/not-ours/full.jpg", b"x")
    assert photos.sweep_photos(world.platform) == 1
    clock.advance(timedelta(days=600))
    left = {photos.blob_name(uuid.UUID(kept), size) for size in photos.SIZES}
    assert set(blobs(world)) == left | {young, "photos/not-ours/full.jpg"}
    assert photos.sweep_photos(world.platform) == 1
    assert set(blobs(world)) == left | {"photos/not-ours/full.jpg"}


def test_a_store_that_is_away_is_told_and_nothing_is_half_there(world: World, owner: Person) -> None:
    class Away:
        """A store that cannot be reached."""

        def __getattr__(self, name: str) -> Any:
            def fail(*_args: Any, **_kwargs: Any) -> Any:
                raise Unavailable("Blob Storage: away")

            return fail

    place = world.location()
    photo = send(owner, place, picture()).json()
    there = world.platform.blobs
    world.platform.__dict__["blobs"] = Away()
    try:
        assert send(owner, place, picture()).status_code == 503
        assert world.client.get(photo["url"]).status_code == 503
        gone = owner.delete(f"/stations/locations/{place}/photos/{photo['id']}", if_match="*")
        assert gone.status_code == 200, "the row is the truth; the bytes are swept"
    finally:
        world.platform.__dict__["blobs"] = there
    assert owner.get(f"/stations/locations/{place}/photos").json()["items"] == []
    assert len(blobs(world)) == 2
