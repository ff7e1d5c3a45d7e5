"""The web application's files beside the API: what is whose, what is kept how long, and under which policy."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.host.site import Site
from shared.web.pages import application_headers

PAGE = {"accept": "text/html"}


def say_path(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"api {request.url.path}")


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>the application</title>")
    (tmp_path / "assets" / "index-a1b2.js").write_text("1" * 2000)
    api = Starlette(routes=[Route("/{path:path}", say_path)])
    return TestClient(Site(api, tmp_path, tile_url=None))


@pytest.mark.parametrize("path", ["/api/v1/health", "/dev", "/dev/mailbox/x"])
def test_the_apis_paths_are_the_apis(client: TestClient, path: str) -> None:
    assert client.get(path, headers=PAGE).text == f"api {path}"


@pytest.mark.parametrize("path", ["/", "/bookings", "/places/01a2", "/developers", "/apiary"])
def test_any_other_page_is_the_applications(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=PAGE)
    assert "the application" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_a_program_that_asks_for_no_page_gets_the_apis_front(client: TestClient) -> None:
    assert client.get("/", headers={"accept": "application/json"}).text == "api /"


def test_an_asset_is_kept_for_a_year_and_comes_compressed(client: TestClient) -> None:
    answer = client.get("/assets/index-a1b2.js")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"


def test_a_missing_asset_is_not_the_page(client: TestClient) -> None:
    answer = client.get("/assets/index-gone.js")
    assert (answer.status_code, "the application" in answer.text) == (404, False)
    assert "immutable" not in answer.headers["cache-control"]


def test_nothing_outside_the_folder_is_served(client: TestClient, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.txt").write_text("secret")
    assert "secret" not in client.get("/%2e%2e/secret.txt").text


def test_every_answer_has_the_policy(client: TestClient) -> None:
    for path in ("/", "/assets/index-a1b2.js", "/assets/none.js"):
        headers = client.get(path, headers=PAGE).headers
        assert "script-src 'self';" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"


def test_the_policy_names_the_host_of_tiles_alone() -> None:
    policy = application_headers("https://tiles.example.org/{z}/{x}/{y}.png?key=k")["Content-Security-Policy"]
    assert "img-src 'self' data: blob: https://tiles.example.org;" in policy
    assert "unsafe" not in policy
