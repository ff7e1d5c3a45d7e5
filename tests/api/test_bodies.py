"""Bodies at the edge: whole and as long as was said or nothing is done, small unless a token came, parsed beside the loop."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message

from app.openapi import operations
from shared.errors import BadRequest, Unavailable
from shared.settings import Settings
from shared.web.auth import make_station_key
from shared.web.bodies import SMALL, BodyReader, expected_body, too_large_without_token
from tests.support.authorisation_objects import StationKeyHolder
from tests.support.raw_asgi import DISCONNECT, part, request
from tests.support.stations_feed import Station
from tests.support.world import API, TYPE2, World
from tests.unit.operators.test_image_sanitizer import picture

JSON = {"content-type": "application/json"}
ID = "01a20d6f-1c73-71f2-8c3d-b9d69f8236d2"


@pytest.fixture
def app(world: World) -> FastAPI:
    application = world.client.app
    assert isinstance(application, FastAPI)
    return application


CUT = {
    "nothing came": [DISCONNECT],
    "a part came": [part(b'{"rea', more=True), DISCONNECT],
    "a part that is whole JSON came": [part(b"{}", more=True), DISCONNECT],
    "an empty part came": [part(b"", more=True), DISCONNECT],
}


@pytest.mark.parametrize("cut", CUT)
@pytest.mark.parametrize("length", [{"content-length": "25"}, {"transfer-encoding": "chunked"}], ids=["length", "chunked"])
def test_a_request_whose_body_does_not_come_is_not_carried_out(
    world: World, app: FastAPI, cut: str, length: dict[str, str]
) -> None:
    driver, place = world.user(), world.location()
    booked = driver.book(place, "10:00").json()
    path = f"{API}/booking/bookings/{booked['id']}/cancel"
    answer = request(app, "POST", path, CUT[cut], driver.headers() | JSON | length)
    assert (answer.status, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert driver.get(f"/booking/bookings/{booked['id']}").json()["reservation_status"] == "RESERVED"


@pytest.mark.parametrize(("body", "length"), [(b'{"reason": "late"}', 60), (b'{"reason": "late"}', 5), (b"{}", 0), (b"", 2)])
def test_a_body_is_as_long_as_was_said(world: World, app: FastAPI, body: bytes, length: int) -> None:
    driver, place = world.user(), world.location()
    booked = driver.book(place, "10:00").json()
    path = f"{API}/booking/bookings/{booked['id']}/cancel"
    answer = request(app, "POST", path, [part(body)], driver.headers() | JSON | {"content-length": str(length)})
    assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "Content-Length")
    assert driver.get(f"/booking/bookings/{booked['id']}").json()["reservation_status"] == "RESERVED"


def test_every_operation_wants_its_whole_body(world: World, app: FastAPI) -> None:
    """Photos and what a station sends too: bodies are read in one place, before any route is asked."""
    callers = [world.user("admin").headers(), StationKeyHolder(world).headers()]
    for path, method, operation in operations(app.openapi()):
        media = [*operation.get("requestBody", {}).get("content", {})]
        if not media:
            continue
        for headers in callers:
            at = path.replace("{", "").replace("}", "")
            given = headers | {"content-type": media[0], "content-length": "10"}
            answer = request(app, method.upper(), at, [part(b"{}", more=True), DISCONNECT], given)
            assert (answer.status, answer.json()["code"]) == (400, "BAD_REQUEST"), f"{method} {path}"


def test_a_photo_cut_short_is_no_photo(world: World, app: FastAPI) -> None:
    owner = world.user("owner")
    world.owner_id = owner.id
    place, data = world.location(), picture("PNG")
    path = f"{API}/stations/locations/{place}/photos"
    headers = owner.headers() | {"content-type": "image/png", "if-match": "*", "content-length": str(len(data))}
    assert request(app, "POST", path, [part(data, more=True), DISCONNECT], headers).status == 400
    assert owner.get(f"/stations/locations/{place}/photos").json()["items"] == []


@pytest.mark.parametrize("path", ["/accounts/login", "/booking/bookings", "/payments/quotes", "/nothing"])
def test_a_large_body_without_a_token_is_refused_before_it_is_read(app: FastAPI, path: str) -> None:
    headers = JSON | {"content-length": str(SMALL + 1)}
    answer = request(app, "POST", API + path, [part(b"x" * (SMALL + 1))], headers)
    assert (answer.status, answer.json()["code"], answer.received) == (413, "PAYLOAD_TOO_LARGE", 0)
    assert answer.json()["limit_bytes"] == SMALL
    unsaid = [part(b"x" * SMALL, more=True), part(b"x", more=True), part(b"x")]
    answer = request(app, "POST", API + path, unsaid, JSON | {"transfer-encoding": "chunked"})
    assert (answer.status, answer.json()["code"], answer.received) == (413, "PAYLOAD_TOO_LARGE", 2)


@pytest.mark.parametrize("token", ["x.y.z", "evcsk_" + "a" * 38])
def test_a_large_body_with_a_false_token_is_refused_before_it_is_read(app: FastAPI, token: str) -> None:
    headers = JSON | {"content-length": str(SMALL + 1), "authorization": f"Bearer {token}"}
    answer = request(app, "POST", f"{API}/booking/bookings", [part(b"x" * (SMALL + 1))], headers)
    assert (answer.status, answer.json()["code"], answer.received) == (401, "UNAUTHENTICATED", 0)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/accounts/login", "application/json"),
        (f"/stations/locations/{ID}/photos", "image/png"),
        ("/nothing", "application/json"),
    ],
)
def test_a_station_key_opens_no_large_body_but_a_stations(app: FastAPI, path: str, media_type: str) -> None:
    """An invented one, too: whether it is one, only the route finds out."""
    key = {"authorization": f"Bearer {make_station_key()}"}
    headers = key | {"content-type": media_type, "content-length": str(SMALL + 1)}
    answer = request(app, "POST", API + path, [part(b"x" * (SMALL + 1))], headers)
    assert (answer.status, answer.json()["code"], answer.received) == (413, "PAYLOAD_TOO_LARGE", 0)


def test_a_stations_batch_may_be_large(world: World) -> None:
    station = Station.at(world)
    reports = {"evses": [{"uid": uid, "status": "CHARGING", "last_updated": "2026-03-02T07:00:00Z"} for uid in ("E0", "E1")]}
    headers = {"authorization": f"Bearer {station.key}"} | JSON
    path = f"{API}/stations/locations/{station.location}/status"
    answer = world.client.put(path, content=json.dumps(reports).encode() + b" " * (2 * SMALL), headers=headers)
    assert answer.status_code == 200, answer.text


def test_a_large_body_with_a_token_is_taken(world: World) -> None:
    driver, padding = world.user(), " " * (2 * SMALL)
    car = json.dumps({"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]}) + padding
    answer = world.client.post(f"{API}/accounts/me/vehicles", content=car.encode(), headers=driver.headers() | JSON)
    assert answer.status_code == 201, answer.text


def test_the_loop_goes_on_while_a_large_body_is_parsed() -> None:
    body = b"[" + b",".join([b'"%s"' % (b"x" * 20)] * 9_000) + b"]"
    assert len(body) > SMALL
    scope: dict[str, Any] = {
        "method": "POST",
        "path": f"{API}/booking/bookings",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
    }

    async def turns(content: bytes) -> int:
        reader, expected, count, done = BodyReader(), expected_body(scope, Settings()), 0, False

        async def receive() -> Message:
            return part(content)

        async def turn() -> None:
            nonlocal count
            while not done:
                count += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        async with reader.held(receive, expected, no_large=None):
            done = True
        await turning
        return count

    assert asyncio.run(turns(body)) > 1
    scope["headers"] = [(b"content-type", b"application/json")]
    assert asyncio.run(turns(b"[]")) == 0, "a small one is not worth a thread"


def test_large_bodies_leave_room_for_one_another_or_are_told_to_come_again() -> None:
    """Each photo may have 16 MiB, and any number of them lay in memory while one was being decoded."""
    scope: dict[str, Any] = {"method": "POST", "path": f"{API}/stations/locations/{ID}/photos"}
    scope["headers"] = [(b"content-type", b"image/png")]
    expected, reader = expected_body(scope, Settings()), BodyReader(held_bytes=3 * SMALL)
    large = b"x" * (2 * SMALL)

    def sending(*messages: Message) -> Callable[[], Awaitable[Message]]:
        waiting = iter(messages)

        async def receive() -> Message:
            return next(waiting)

        return receive

    async def walk() -> None:
        async with reader.held(sending(part(large)), expected, no_large=None) as body:
            assert body == large
            with pytest.raises(Unavailable, match="send it again"):
                async with reader.held(sending(part(large[:SMALL], more=True), part(large)), expected, no_large=None):
                    pytest.fail("there was no room")
            async with reader.held(sending(part(b"y" * SMALL)), expected, no_large=None) as small:
                assert small == b"y" * SMALL, "small ones need no room"
        with pytest.raises(BadRequest):
            async with reader.held(sending(part(large, more=True), DISCONNECT), expected, no_large=None):
                pytest.fail("it did not come whole")
        for _ in range(3):  # the room of those that are gone is free, however they went
            async with reader.held(sending(part(large)), expected, no_large=None) as body:
                assert body == large

    asyncio.run(walk())


def test_what_has_no_length_at_all_is_checked_as_it_comes(app: FastAPI) -> None:
    """As Functions may hand it on."""
    answer = request(app, "POST", f"{API}/accounts/login", [part(b"a=b")], {"content-type": "text/plain"})
    assert (answer.status, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert too_large_without_token().details == {"limit_bytes": SMALL}
