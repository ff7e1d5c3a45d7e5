"""What every answer says to browsers: by default nothing is kept, framed, sniffed or shared with other origins."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from shared.clock import ManualClock
from shared.platform import Platform
from shared.settings import Settings
from tests.conftest import MONDAY_EIGHT
from tests.support.authorisation_rules import RULES
from tests.support.raw_asgi import part, request
from tests.support.world import API, World

SAME_FOR_EVERYBODY = {"/config"}
"""Answers that say themselves that caches may share them."""
APP = "https://app.example.org"
ID = "01a20d6f-1c73-71f2-8c3d-b9d69f8236d2"
PATHS = [(name.split(" ")[0], name.split(" ")[1].replace("{", "").replace("}", "")) for name in RULES]
PATHS += [("GET", "/docs/assets/swagger-ui.css"), ("GET", "/nothing"), ("PUT", "/health"), ("OPTIONS", "/booking/bookings")]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform for all of them."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("headers"), rate_limits=False)
    instance = make_platform(settings, ManualClock(MONDAY_EIGHT))
    upgrade(instance.database)
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def world(platform: Platform) -> Iterator[World]:
    """One world for all of them."""
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)


@pytest.fixture
def client(world: World) -> TestClient:
    """Its client."""
    return world.client


def check(answer: Any, what: str) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff", what
    assert headers["referrer-policy"] == "no-referrer", what
    assert headers["permissions-policy"] == "camera=(), geolocation=(), microphone=()", what
    assert headers["cross-origin-opener-policy"] == "same-origin", what
    assert "default-src 'none'" in headers["content-security-policy"], what
    assert "frame-ancestors 'none'" in headers["content-security-policy"], what
    if not headers.get("content-type", "").startswith("text/html"):
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'", what
    assert "access-control-allow-origin" not in headers, what
    assert "strict-transport-security" not in headers, what
    for name in ("cache-control", "content-security-policy", "x-invocation-id"):
        assert len(headers.get_list(name)) == 1, what


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_answer_has_them(world: World, method: str, path: str) -> None:
    for headers in ({}, world.user("admin").headers()):
        answer = world.client.request(method, API + path, headers=headers | {"origin": "https://evil.example"})
        check(answer, f"{method} {path}: {answer.status_code}")
        personal = bool(headers) or method not in ("GET", "HEAD") or answer.status_code >= 400
        if personal and path not in SAME_FOR_EVERYBODY:
            assert answer.headers["cache-control"] == "no-store"


def test_what_is_somebodys_own_is_kept_by_no_cache(world: World) -> None:
    driver, place = world.user(), world.location()
    for path in ("/accounts/me", "/booking/bookings", f"/stations/locations/{place}"):
        assert driver.get(path).headers["cache-control"] == "no-store", path
    assert world.client.get(f"{API}/stations/locations/{place}").headers["cache-control"] == "no-cache"
    by_cookie = world.client.get(f"{API}/stations/locations/{place}", headers={"cookie": "a=b"})
    assert by_cookie.headers["cache-control"] == "no-store"


def test_https_alone_is_asked_for_where_there_is_https(tmp_path: Path, clock: ManualClock, world: World) -> None:
    secure = request(world.client.app, "GET", f"{API}/docs", [part(b"")], {}, scheme="https")  # type: ignore[arg-type]
    assert secure.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    platform = make_platform(Settings(data_dir=tmp_path / "data", public_url="https://api.example.org"), clock)
    with TestClient(create_app(lambda: platform)) as client:
        assert "strict-transport-security" in client.get(f"{API}/docs").headers
    platform.close()


def test_the_docs_page_runs_its_own_script_and_no_other(client: TestClient) -> None:
    page = client.get(f"{API}/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["script-src"].startswith("'self' 'sha256-")
    assert "unsafe" not in policy["script-src"]
    assert policy["connect-src"] == "'self'"
    assert (policy["form-action"], policy["frame-ancestors"], policy["default-src"]) == ("'none'",) * 3


@pytest.mark.parametrize("path", ["/health/", "/docs/", "/accounts/me/", "/stations/locations/", "//evil.example/"])
def test_no_answer_leads_to_what_the_host_header_names(client: TestClient, path: str) -> None:
    answer = client.get(API + path, headers={"host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An API that two other origins may call."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("origins"), web_origins=f"{APP}, http://localhost:5173")
    platform = make_platform(settings, ManualClock(MONDAY_EIGHT))
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield client
    platform.close()


@pytest.mark.parametrize("origin", [APP, "http://localhost:5173"])
def test_pages_that_are_named_may_call_with_credentials_and_read_what_they_need(shared_client: TestClient, origin: str) -> None:
    asked = {"access-control-request-method": "PATCH", "access-control-request-headers": "authorization, if-match"}
    preflight = shared_client.options(f"{API}/accounts/me", headers={"origin": origin} | asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "origin" in preflight.headers["vary"].lower()
    for path in ("/health", "/accounts/me", "/nothing"):
        answer = shared_client.get(API + path, headers={"origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin, "failures too"
        exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert exposed >= {"ETag", "Retry-After", "Location", "Idempotency-Replayed"}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{APP}.evil.example", f"{APP}:8443", "http://app.example.org", "*", ""]
)
def test_no_other_page_may(shared_client: TestClient, origin: str) -> None:
    preflight = shared_client.options(
        f"{API}/accounts/me", headers={"origin": origin, "access-control-request-method": "PATCH"}
    )
    assert preflight.status_code == 405
    for answer in (preflight, shared_client.get(f"{API}/health", headers={"origin": origin})):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["vary"] == "Origin", "no cache gives it to a page that may read it"


def test_answers_vary_by_origin_where_some_are_named(shared_client: TestClient, client: TestClient) -> None:
    for path in ("/health", "/nothing"):
        assert shared_client.get(API + path).headers["vary"] == "Origin"
        assert "vary" not in client.get(API + path).headers
