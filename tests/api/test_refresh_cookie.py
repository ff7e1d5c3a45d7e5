"""The refresh token in a cookie that no script reads: who gets one, and what a foreign page tries with it."""

from typing import Any

import pytest

from functions.accounts.refresh_cookie import COOKIE, is_own_origin
from shared.settings import Settings
from tests.support.people import PASSWORD, bearer, link, log_in, newcomer, register
from tests.support.world import API, World

OURS = "http://127.0.0.1:7071"
"""The origin of PUBLIC_URL, as it is by itself."""
PAGE = {"X-Session": "cookie", "Origin": OURS}
LOGIN = {"email": "ada@example.org", "password": PASSWORD}


def sign_in(world: World, **headers: str) -> Any:
    return world.client.post(f"{API}/accounts/login", json=LOGIN, headers=PAGE | headers)


def set_cookie(answer: Any) -> tuple[str, set[str]]:
    """(value, attributes) of the one cookie that an answer sets."""
    (line,) = answer.headers.get_list("set-cookie")
    pair, *attributes = (part.strip() for part in line.split(";"))
    name, _, value = pair.partition("=")
    assert name == COOKIE
    return value, set(attributes)


def refresh(world: World, *values: str, body: Any = None, **headers: str) -> Any:
    sent = {"Cookie": "; ".join(f"{COOKIE}={value}" for value in values)} if values else {}
    return world.client.post(f"{API}/accounts/refresh", json={} if body is None else body, headers=PAGE | sent | headers)


def test_a_browser_signs_in_refreshes_and_signs_out_by_cookie_alone(world: World) -> None:
    newcomer(world)
    signed_in = sign_in(world)
    value, attributes = set_cookie(signed_in)
    assert attributes == {"HttpOnly", "Secure", "SameSite=strict", "Path=/api/v1/accounts", "Max-Age=2592000"}
    assert signed_in.json()["refresh_token"] is None, "no script gets to see it"
    renewed = refresh(world, value)
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["refresh_token"] is None
    next_value, _ = set_cookie(renewed)
    assert next_value != value
    out = world.client.post(f"{API}/accounts/logout", headers=bearer(renewed.json()))
    assert out.status_code == 204
    cleared, attributes = set_cookie(out)
    assert cleared.strip('"') == ""
    assert attributes >= {"Max-Age=0", "Path=/api/v1/accounts", "Secure"}
    after = refresh(world, next_value)
    assert (after.status_code, after.json()["code"]) == (401, "BAD_CREDENTIALS"), "a cookie kept beyond the sign-out"


def test_a_cookie_that_is_refused_is_forgotten_and_a_body_clears_none(world: World) -> None:
    for answer in (refresh(world, "no token of ours"), refresh(world, "one", "two")):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        cleared, attributes = set_cookie(answer)
        assert cleared.strip('"') == ""
        assert attributes >= {"Max-Age=0", "Path=/api/v1/accounts", "Secure"}
    by_body = refresh(world, body={"refresh_token": "no token of ours"})
    assert by_body.status_code == 401
    assert "set-cookie" not in by_body.headers


def test_verifying_by_a_browser_sets_the_cookie_too(world: World) -> None:
    register(world.client)
    world.drain()
    body = {"token": link(world.platform)[1], "password": PASSWORD}
    answer = world.client.post(f"{API}/accounts/verify", json=body, headers=PAGE)
    assert refresh(world, set_cookie(answer)[0]).status_code == 200


def test_who_asks_for_no_cookie_gets_none(world: World) -> None:
    tokens = newcomer(world)
    answer = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert answer.json()["refresh_token"]
    assert "set-cookie" not in answer.headers
    assert "set-cookie" not in log_in(world.client).headers


def test_the_cookie_counts_without_the_header_and_answers_by_cookie(world: World) -> None:
    newcomer(world)
    value, _ = set_cookie(sign_in(world))
    headers = {"Origin": OURS, "Cookie": f"other=1; {COOKIE}={value}; more=2"}
    answer = world.client.post(f"{API}/accounts/refresh", json={}, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] is None
    set_cookie(answer)


FOREIGN = [
    "https://evil.example",
    "null",
    "http://127.0.0.1:7071.evil.example",
    "http://127.0.0.1:7072",
    "https://127.0.0.1:7071",
    "http://[::1",
    "https://[not-an-address]",
    "http://127.0.0.1:abc",
    "http://127.0.0.1:99999",
    "//",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_cannot_refresh_nor_sign_in(world: World, origin: str) -> None:
    newcomer(world)
    value, _ = set_cookie(sign_in(world))
    for answer in (refresh(world, value, Origin=origin), sign_in(world, Origin=origin)):
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        assert "set-cookie" not in answer.headers
    assert refresh(world, value).status_code == 200, "it was not spent"


def test_without_an_origin_nothing_goes_by_cookie(world: World) -> None:
    newcomer(world)
    value, _ = set_cookie(sign_in(world))
    headers = {"X-Session": "cookie", "Cookie": f"{COOKIE}={value}"}
    assert world.client.post(f"{API}/accounts/refresh", json={}, headers=headers).status_code == 403
    headers.pop("X-Session")
    assert world.client.post(f"{API}/accounts/refresh", json={}, headers=headers).status_code == 403
    assert world.client.post(f"{API}/accounts/login", json=LOGIN, headers={"X-Session": "cookie"}).status_code == 403


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_no_form_can_refresh(world: World, kind: str) -> None:
    newcomer(world)
    value, _ = set_cookie(sign_in(world))
    headers = PAGE | {"Cookie": f"{COOKIE}={value}", "Content-Type": kind}
    answer = world.client.post(f"{API}/accounts/refresh", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    empty = world.client.post(f"{API}/accounts/refresh", headers=PAGE | {"Cookie": f"{COOKIE}={value}"})
    assert empty.status_code == 422, "a body that is no JSON, because it is none"
    assert refresh(world, value).status_code == 200


def test_a_planted_second_cookie_is_refused_whichever_comes_first(world: World) -> None:
    newcomer(world)
    mine, theirs = (set_cookie(sign_in(world))[0] for _ in range(2))
    for values in ((mine, theirs), (theirs, mine), (mine, mine)):
        answer = refresh(world, *values)
        assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS")
    two_lines = [("Origin", OURS), ("Cookie", f"{COOKIE}={mine}"), ("Cookie", f"{COOKIE}={theirs}")]
    assert world.client.post(f"{API}/accounts/refresh", json={}, headers=two_lines).status_code == 401
    assert refresh(world, mine).status_code == 200


def test_an_empty_or_missing_cookie_says_what_is_wrong(world: World) -> None:
    assert refresh(world, "").status_code == 401
    assert refresh(world).status_code == 401
    neither = world.client.post(f"{API}/accounts/refresh", json={})
    assert neither.status_code == 422
    assert [item["field"] for item in neither.json()["errors"]] == ["refresh_token"]


def test_an_access_token_is_no_session_cookie(world: World) -> None:
    tokens = newcomer(world)
    assert refresh(world, tokens["access_token"]).status_code == 401
    headers = {"Cookie": f"{COOKIE}={tokens['refresh_token']}", "Origin": OURS}
    assert world.client.get(f"{API}/accounts/me", headers=headers).status_code == 401, "the cookie opens nothing but refresh"


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("https://api.example.org", "internal.example.net", True),  # PUBLIC_URL behind a front door
        ("https://app.example.org", "api.example.org", True),
        ("https://app.example.org:8443", "api.example.org", False),
        ("http://app.example.org", "api.example.org", False),
        ("https://other.example.org", "other.example.org", True),  # the very host that was called
        ("http://other.example.org", "other.example.org", False),  # a man in the middle of plain http
        ("http://localhost:7071", "localhost:7071", True),
        ("http://localhost:7072", "localhost:7071", False),
        ("https://sub.app.example.org", "api.example.org", False),
        ("", "api.example.org", False),
        ("null", "null", False),
        ("https://", "", False),
        ("http://[::1", "[::1", False),
        ("https://[::1", "[::1", False),
        ("https://a\u2100b", "a\u2100b", False),
        ("http://localhost:abc", "localhost:7071", False),
        ("http://[::1]:7071", "[::1]:7071", True),
    ],
)
def test_which_origins_are_ours(origin: str, host: str, is_own: bool) -> None:
    settings = Settings(public_url="https://api.example.org/", web_origins="https://app.example.org, http://127.0.0.1:5173")
    assert is_own_origin(origin, host=host, settings=settings) is is_own


@pytest.mark.parametrize(
    "origins",
    ["*", "https://*.example.org", "https://app.example.org/", "app.example.org", "https://app.example.org/x", "https://A.org"],
)
def test_an_origin_that_is_none_is_refused(origins: str) -> None:
    with pytest.raises(ValueError, match="web_origins"):
        Settings(web_origins=origins)
