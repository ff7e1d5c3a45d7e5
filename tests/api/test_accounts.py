"""Accounts over HTTP: who may come in, with what, and for how long."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.accounts.tables import refresh_token, session, user
from shared.clock import ManualClock
from shared.web.auth import key_id
from tests.support.people import ADA, PASSWORD, bearer, link, log_in, mail_subjects, newcomer, register
from tests.support.world import API, CCS, TYPE2, World


def test_register_verify_log_in_and_read_oneself(world: World) -> None:
    asked = register(world.client)
    assert asked.status_code == 202
    assert log_in(world.client).status_code == 401, "nobody has shown that the address is theirs"
    world.drain()
    page, token = link(world.platform)
    shown = world.client.get(page)
    assert shown.status_code == 200
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    first = world.client.post(f"{API}/accounts/verify", json={"token": token, "password": PASSWORD})
    assert first.status_code == 200
    tokens = log_in(world.client, email="ADA@example.ORG").json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
    me = world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).json()
    assert (me["email"], me["email_verified"], me["role"]) == ("ada@example.org", True, "driver")
    stored = world.scalar(sa.select(user.c.password_hash))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": "  "}, "name"),
        ({"phone": "+31612345678"}, "phone"),
        ({"role": "admin"}, "role"),
        ({"is_admin": True}, "is_admin"),
    ],
)
def test_bad_registrations_name_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    answer = register(world.client, **changes)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == [field]
    assert world.scalar(sa.select(sa.func.count()).select_from(user)) == 0


def test_an_access_token_lasts_fifteen_minutes(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    clock.advance(timedelta(minutes=14, seconds=59))
    assert world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).status_code == 200
    clock.advance(timedelta(seconds=1))
    late = world.client.get(f"{API}/accounts/me", headers=bearer(tokens))
    assert (late.status_code, late.json()["code"]) == (401, "TOKEN_EXPIRED")
    assert late.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", [None, "Bearer x.y.z", "Basic YTpi", "Bearer "])
def test_without_a_token_of_ours_nobody_comes_in(world: World, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = world.client.get(f"{API}/accounts/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_token_signed_by_another_or_not_at_all_is_refused(world: World) -> None:
    import jwt

    claims = {
        "iss": "evcharging",
        "aud": "evcharging-api",
        "sub": "0" * 32,
        "sid": "0" * 32,
        "role": "admin",
        "iat": 0,
        "exp": 2**40,
    }
    ours = world.platform.settings.signing_key
    headers = {"kid": key_id(ours), "typ": "at+jwt"}
    for token in (
        jwt.encode(claims, "x" * 32, "HS256", headers=headers),
        jwt.encode(claims, "", "none", headers=headers),
        jwt.encode(claims, ours, "HS512", headers=headers),
        jwt.encode(claims, ours, "HS256", headers=headers | {"typ": "JWT"}),
        jwt.encode(claims | {"aud": "another"}, ours, "HS256", headers=headers),
        jwt.encode(claims, ours, "HS256", headers=headers),
    ):
        answer = world.client.get(f"{API}/accounts/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(world: World, clock: ManualClock) -> None:
    first = newcomer(world)
    second = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert second["refresh_token"] != first["refresh_token"]
    clock.advance(timedelta(seconds=21))
    stolen = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "BAD_CREDENTIALS")
    honest = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": second["refresh_token"]})
    assert honest.status_code == 401, "the whole family is revoked"
    assert world.scalar(sa.select(session.c.revoked_for)) == "reuse"
    access = world.client.get(f"{API}/accounts/me", headers=bearer(second))
    assert (access.status_code, access.json()["code"]) == (401, "UNAUTHENTICATED"), "the access tokens too, at once"


def test_log_out_ends_the_refresh_token(world: World) -> None:
    tokens = newcomer(world)
    assert world.client.post(f"{API}/accounts/logout", headers=bearer(tokens)).status_code == 204
    after = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert after.status_code == 401
    assert world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).status_code == 401, "the access token too"


def test_tokens_are_never_stored_in_the_clear(world: World) -> None:
    tokens = newcomer(world)
    stored = world.scalar(sa.select(refresh_token.c.token_hash))
    assert stored != tokens["refresh_token"]
    assert len(stored) == 64


def test_an_address_is_one_however_it_is_written(world: World) -> None:
    """In registration, sign-in, a forgotten password: the domain in letters or in punycode, in any case."""
    newcomer(world, email="Ada@MÜNCHEN.de")
    for spelling in ("ada@xn--mnchen-3ya.de", "ADA@münchen.DE", " ada@mu\u0308nchen.de "):
        assert log_in(world.client, email=spelling).status_code == 200, spelling
        world.client.post(f"{API}/accounts/password/forgot", json={"email": spelling})
    world.client.post(f"{API}/accounts/register", json=ADA | {"email": "ada@xn--mnchen-3ya.de"})
    world.drain()
    assert mail_subjects(world.platform)[1:] == ["Set a new password"] * 3 + ["You have an account already"]


def test_a_user_changes_their_name_and_nothing_else(world: World) -> None:
    driver = world.user()
    changed = driver.patch("/accounts/me", {"name": "Ada L."}).json()
    assert (changed["name"], changed["phone"]) == ("Ada L.", None)
    assert driver.patch("/accounts/me", {"phone": "+31612345678"}).status_code == 422, "a number is proven first"
    assert driver.patch("/accounts/me", {"role": "admin"}).status_code == 422
    assert driver.get("/accounts/me").json()["role"] == "driver"


def test_vehicles_are_kept_changed_and_removed(world: World) -> None:
    driver = world.user()
    body = {"name": "Zoe", "battery_kwh": 52, "max_power_kw": 22, "standards": [TYPE2, TYPE2]}
    made = driver.post("/accounts/me/vehicles", body).json()
    assert made["consumption_kwh_per_km"] == 0.18
    assert made["standards"] == [TYPE2]
    assert driver.patch(f"/accounts/me/vehicles/{made['id']}", {"plate": "AB-12-C"}).json()["plate"] == "AB-12-C"
    assert driver.get("/accounts/me/vehicles").json()["items"][0]["name"] == "Zoe"
    stranger = world.user()
    assert stranger.patch(f"/accounts/me/vehicles/{made['id']}", {"name": "mine"}).status_code == 404
    assert stranger.delete(f"/accounts/me/vehicles/{made['id']}").status_code == 404
    assert driver.delete(f"/accounts/me/vehicles/{made['id']}").status_code == 204
    assert driver.get("/accounts/me/vehicles").json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"battery_kwh": 0}, "battery_kwh"),
        ({"battery_kwh": "1e999"}, "battery_kwh"),
        ({"standards": []}, "standards"),
        ({"standards": ["PLUG"]}, "standards.0"),
        ({"max_power_kw": -1}, "max_power_kw"),
        ({"user_id": "x"}, "user_id"),
    ],
)
def test_bad_vehicles_name_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    body = {"battery_kwh": 52, "max_power_kw": 22, "standards": [TYPE2]} | changes
    answer = world.user().post("/accounts/me/vehicles", body)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == [field]


def test_a_vehicle_has_connectors_and_the_old_name_is_taken_still(world: World) -> None:
    driver = world.user()
    car = {"battery_kwh": 60, "max_power_kw": 22}
    made = [driver.post("/accounts/me/vehicles", car | {name: [TYPE2]}).json() for name in ("connectors", "standards")]
    assert [(item["connectors"], item["standards"]) for item in made] == [([TYPE2], [TYPE2])] * 2
    changed = driver.patch(f"/accounts/me/vehicles/{made[0]['id']}", {"connectors": [CCS]})
    assert (changed.json()["connectors"], changed.json()["standards"]) == ([CCS], [CCS])
    for body, field in (({}, "connectors"), ({"connectors": [TYPE2], "standards": [TYPE2]}, "standards")):
        refused = driver.post("/accounts/me/vehicles", car | body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    schemas = world.client.get(f"{API}/openapi.json").json()["components"]["schemas"]
    for name in ("VehicleCreate", "VehicleUpdate", "Vehicle"):
        assert [key for key, value in schemas[name]["properties"].items() if value.get("deprecated")] == ["standards"]
