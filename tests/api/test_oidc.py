"""Signing in by a provider, against a loopback issuer: code, PKCE, state, nonce, the ID token, and whose account it is."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from devhost.stack.oidc import OidcIssuer
from functions.accounts.tables import account_token, identity, session, user
from shared.clock import ManualClock
from shared.settings import Settings
from tests.support import declared_errors
from tests.support.authenticator import set_up
from tests.support.people import bearer, link, log_in, mail_subjects, newcomer, register, visit
from tests.support.world import API, World

SOMEBODY = {"sub": "subject-1", "email": "Ada@example.org", "email_verified": True, "name": "Ada of the provider"}
REDIRECT = "https://app.example.org/signed-in"


@pytest.fixture
def issuer(clock: ManualClock) -> Iterator[OidcIssuer]:
    with OidcIssuer(clock) as server:
        server.behaviour.claims = dict(SOMEBODY)
        yield server


@pytest.fixture
def linked(issuer: OidcIssuer, tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    """A world with a provider."""
    settings = Settings.model_validate({"data_dir": tmp_path / "data"} | issuer.settings())
    platform = make_platform(settings, clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        declared_errors.watch(client)
        yield World(platform, client)
    platform.close()


def begin(world: World) -> dict[str, str]:
    answer = world.client.post(f"{API}/accounts/oidc/start")
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


def finish(world: World, begun: dict[str, str], **changes: str) -> Any:
    body = visit(begun) | {"binding": begun["binding"]} | changes
    return world.client.post(f"{API}/accounts/oidc/finish", json=body)


def sign_in(world: World) -> Any:
    return finish(world, begin(world))


def stored(world: World, email: str) -> Any:
    return world.platform.read(lambda tx: tx.execute(sa.select(user).where(user.c.email == email)).one())


def test_somebody_new_gets_a_drivers_account_and_comes_back_to_it(linked: World) -> None:
    tokens = sign_in(linked)
    assert tokens.status_code == 200, tokens.text
    me = linked.client.get(f"{API}/accounts/me", headers=bearer(tokens.json())).json()
    assert (me["email"], me["name"], me["role"], me["email_verified"]) == (
        "ada@example.org",
        "Ada of the provider",
        "driver",
        True,
    )
    again = sign_in(linked)
    assert linked.client.get(f"{API}/accounts/me", headers=bearer(again.json())).json()["id"] == me["id"]
    assert log_in(linked.client, password="").status_code == 401, "it has no password, and none is not a password"
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 1
    assert linked.scalar(sa.select(sa.func.count()).select_from(session)) == 2


def test_the_request_is_bound_by_pkce_state_and_nonce_and_none_is_stored(linked: World) -> None:
    begun = begin(linked)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun["authorization_url"]).query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["state"] == begun["state"]
    assert asked["scope"] == "openid email profile"
    assert begun["binding"] not in begun["authorization_url"]
    row = linked.platform.read(lambda tx: repr(tuple(tx.execute(sa.select(account_token)).one())))
    for secret in (begun["state"], begun["binding"], asked["nonce"], asked["code_challenge"]):
        assert len(secret) == 43
        assert secret not in row
    assert begin(linked)["state"] != begun["state"]


def test_a_state_works_once_in_time_and_where_it_began(linked: World, clock: ManualClock) -> None:
    def refused(answer: Any) -> None:
        assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS")

    mine, other = begin(linked), begin(linked)
    refused(finish(linked, mine, binding=other["binding"]))
    refused(finish(linked, mine))
    refused(finish(linked, begin(linked), state="made up"))
    late, back = begin(linked), None
    back = visit(late)
    clock.advance(timedelta(minutes=10))
    refused(linked.client.post(f"{API}/accounts/oidc/finish", json=back | {"binding": late["binding"]}))
    good = begin(linked)
    back = visit(good) | {"binding": good["binding"]}
    assert linked.client.post(f"{API}/accounts/oidc/finish", json=back).status_code == 200
    refused(linked.client.post(f"{API}/accounts/oidc/finish", json=back))
    assert linked.scalar(sa.select(sa.func.count()).select_from(session)) == 1


def test_a_code_of_another_sign_in_is_refused_by_pkce(linked: World) -> None:
    mine, other = begin(linked), begin(linked)
    answer = finish(linked, mine, code=visit(other)["code"])
    assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert "invalid_grant" in answer.json()["detail"]


ANOTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda claims: claims | {"nonce": "another"},
        lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
        lambda claims: claims | {"aud": "another client"},
        lambda claims: claims | {"iss": "https://evil.example.org"},
        lambda claims: claims | {"exp": claims["iat"] - 61},
        lambda claims: claims | {"nbf": claims["iat"] + 61},
        lambda claims: claims | {"azp": "another client"},
        lambda claims: {name: value for name, value in claims.items() if name != "sub"},
        lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    linked: World, issuer: OidcIssuer, tamper: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    issuer.behaviour.tamper = tamper
    answer = sign_in(linked)
    assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS"), answer.text
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 0


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
def test_a_claim_that_is_no_instant_is_refused(linked: World, issuer: OidcIssuer, name: str) -> None:
    values: list[Any] = ["soon", True, float("nan"), float("inf"), -1, 10**400, [1], {}]
    if name == "auth_time":
        values.append(int(linked.platform.clock.now().timestamp()) + 61)
    for value in values:
        issuer.behaviour.tamper = lambda claims, value=value: claims | {name: value}
        answer = sign_in(linked)
        assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS"), (value, answer.text)
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 0


def test_a_subject_that_names_nobody_is_refused(linked: World, issuer: OidcIssuer) -> None:
    for subject in ("", "   \n", "x" * 256, "x" * 600, "zo\u00eb", 7, None, ["x"]):
        issuer.behaviour.tamper = lambda claims, subject=subject: claims | {"sub": subject}
        answer = sign_in(linked)
        assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS"), (subject, answer.text)
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 0
    issuer.behaviour.tamper = lambda claims: claims | {"sub": "x" * 255}
    assert sign_in(linked).status_code == 200


@pytest.mark.parametrize(
    "sign",
    [
        lambda claims: jwt.encode(claims, ANOTHER_KEY, "RS256", headers={"kid": "first"}),
        lambda claims: jwt.encode(claims, ANOTHER_KEY, "RS256", headers={"kid": "second"}),
        lambda claims: jwt.encode(claims, "", "none", headers={"kid": "first"}),
        lambda claims: jwt.encode(claims, "loopback secret of 32 bytes or more", "HS256", headers={"kid": "first"}),
        lambda _claims: "no token",
    ],
)
def test_a_token_that_the_provider_has_not_signed_is_refused(
    linked: World, issuer: OidcIssuer, sign: Callable[[dict[str, Any]], str]
) -> None:
    issuer.behaviour.sign = sign
    answer = sign_in(linked)
    assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS"), answer.text
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 0


def test_a_verified_account_is_linked_by_its_verified_address_and_told(linked: World) -> None:
    own = newcomer(linked)
    before = stored(linked, "ada@example.org")
    tokens = sign_in(linked)
    assert tokens.status_code == 200, tokens.text
    assert stored(linked, "ada@example.org") == before, "nothing else of the account changes"
    assert log_in(linked.client).status_code == 200, "the password stays good"
    assert linked.client.get(f"{API}/accounts/me", headers=bearer(own)).status_code == 200
    linked.drain()
    assert mail_subjects(linked.platform)[-1] == "A new way to sign in"


def test_an_account_that_nobody_verified_is_taken_over_without_its_password(linked: World) -> None:
    register(linked.client, name="Eve", role="owner")
    linked.platform.transact(lambda tx: tx.execute(sa.update(user).values(phone="+31612345678")))
    tokens = sign_in(linked)
    assert tokens.status_code == 200
    found = stored(linked, "ada@example.org")
    assert (found.name, found.role, found.phone, found.email_verified) == ("Ada of the provider", "driver", None, True)
    assert log_in(linked.client).status_code == 401, "whoever registered it never showed that it is theirs"
    linked.drain()
    assert mail_subjects(linked.platform) == ["You have an account already"], "no link is sent that would let them in"


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email": None},
        {"email_verified": False, "xms_edov": True},
    ],
)
def test_an_address_the_provider_has_not_verified_opens_nothing(
    linked: World, issuer: OidcIssuer, claims: dict[str, Any]
) -> None:
    newcomer(linked)
    issuer.behaviour.claims |= claims
    answer = sign_in(linked)
    assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert linked.scalar(sa.select(sa.func.count()).select_from(identity)) == 0
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 1


def test_an_administrator_is_not_linked_by_himself(linked: World) -> None:
    newcomer(linked)
    linked.platform.transact(lambda tx: tx.execute(sa.update(user).values(role="admin")))
    assert (sign_in(linked).status_code, sign_in(linked).json()["code"]) == (403, "FORBIDDEN")
    assert linked.scalar(sa.select(sa.func.count()).select_from(identity)) == 0


def test_another_subject_with_the_same_address_does_not_get_the_account(linked: World, issuer: OidcIssuer) -> None:
    assert sign_in(linked).status_code == 200
    issuer.behaviour.claims["sub"] = "subject-2"
    answer = sign_in(linked)
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")


def test_the_subject_counts_and_not_the_address(linked: World, issuer: OidcIssuer) -> None:
    first = sign_in(linked).json()
    me = linked.client.get(f"{API}/accounts/me", headers=bearer(first)).json()
    issuer.behaviour.claims |= {"email": "moved@example.org", "email_verified": False}
    again = sign_in(linked)
    assert again.status_code == 200
    assert linked.client.get(f"{API}/accounts/me", headers=bearer(again.json())).json() == me


def test_a_suspended_account_stays_out(linked: World) -> None:
    sign_in(linked)
    linked.platform.transact(lambda tx: tx.execute(sa.update(user).values(status="SUSPENDED")))
    assert sign_in(linked).status_code == 403


SENSITIVE = {
    "password": {"new_password": "a horse of 4"},
    "email": {"email": "new@example.org"},
    "phone": {"number": "+31612345678"},
    "deletion": {},
    "second-factor": {},
}
"""What nobody may do with a bearer token alone: bodies by path under accounts/me, none with a password."""


def begin_anew(world: World) -> dict[str, str]:
    begun: dict[str, str] = world.client.post(f"{API}/accounts/oidc/start", params={"fresh": "true"}).json()
    asked = parse_qs(urlsplit(begun["authorization_url"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    return begun


def test_an_account_without_a_password_signs_in_anew_for_what_is_sensitive(linked: World, clock: ManualClock) -> None:
    def act(tokens: dict[str, Any], path: str) -> Any:
        return linked.client.post(f"{API}/accounts/me/{path}", json=SENSITIVE[path], headers=bearer(tokens))

    def refused(tokens: dict[str, Any]) -> None:
        for path in SENSITIVE:
            answer = act(tokens, path)
            assert (answer.status_code, answer.json()["code"]) == (403, "FRESH_SIGN_IN_NEEDED"), path

    refused(sign_in(linked).json())
    fresh = finish(linked, begin_anew(linked)).json()
    clock.advance(timedelta(minutes=10))
    refused(fresh)
    for path in SENSITIVE:
        linked.platform.transact(lambda tx: tx.execute(sa.update(user).values(password_hash="")))
        fresh = finish(linked, begin_anew(linked)).json()
        clock.advance(timedelta(minutes=9))
        assert act(fresh, path).status_code in (200, 202, 204), path


def test_a_fresh_sign_in_stays_fresh_through_our_second_factor_and_a_wrong_code(linked: World, clock: ManualClock) -> None:
    app = set_up(linked, finish(linked, begin_anew(linked)).json(), password=None)
    clock.advance(timedelta(minutes=5))
    challenge = finish(linked, begin_anew(linked))
    assert challenge.status_code == 202, challenge.text
    answer = {"challenge": challenge.json()["challenge"]}
    path = f"{API}/accounts/login/second-factor"
    assert linked.client.post(path, json=answer | {"code": app.wrong_code()}).status_code == 401
    tokens = linked.client.post(path, json=answer | {"code": app.code()}).json()
    clock.advance(timedelta(minutes=9))
    done = linked.client.post(f"{API}/accounts/me/email", json=SENSITIVE["email"], headers=bearer(tokens))
    assert done.status_code == 202, done.text
    clock.advance(timedelta(minutes=1))
    late = linked.client.post(f"{API}/accounts/me/email", json=SENSITIVE["email"], headers=bearer(tokens))
    assert late.json()["code"] == "FRESH_SIGN_IN_NEEDED", "it counts from the provider's proof, not from the code"


def test_an_account_with_a_password_gives_it_for_what_is_sensitive(linked: World) -> None:
    """Also in a session that has just been made: by password, and by a provider's fresh sign-in."""
    own = newcomer(linked)
    fresh = finish(linked, begin_anew(linked)).json()
    for path, body in SENSITIVE.items():
        for tokens in (own, fresh):
            answer = linked.client.post(f"{API}/accounts/me/{path}", json=body, headers=bearer(tokens))
            assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS"), path


@pytest.mark.parametrize("auth_time", [None, -61], ids=["not said", "before it was asked"])
def test_a_provider_that_did_not_ask_anew_opens_no_fresh_session(
    linked: World, issuer: OidcIssuer, clock: ManualClock, auth_time: int | None
) -> None:
    said = None if auth_time is None else int(clock.now().timestamp()) + auth_time
    issuer.behaviour.claims |= {"auth_time": said}
    answer = finish(linked, begin_anew(linked))
    assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert linked.scalar(sa.select(sa.func.count()).select_from(session)) == 0


def test_a_single_sign_on_of_yesterday_is_not_fresh(linked: World, issuer: OidcIssuer, clock: ManualClock) -> None:
    issuer.behaviour.claims |= {"auth_time": int(clock.now().timestamp()) - 86_400}
    refused = linked.client.post(f"{API}/accounts/me/deletion", json={}, headers=bearer(sign_in(linked).json()))
    assert (refused.status_code, refused.json()["code"]) == (403, "FRESH_SIGN_IN_NEEDED")


def test_an_account_without_a_password_sets_one_by_a_mailed_link(linked: World) -> None:
    sign_in(linked)
    linked.client.post(f"{API}/accounts/password/forgot", json={"email": "ada@example.org"})
    linked.drain()
    _, token = link(linked.platform)
    done = linked.client.post(f"{API}/accounts/password/reset", json={"token": token, "password": "a horse of 4"})
    assert done.status_code == 204
    assert log_in(linked.client, password="a horse of 4").status_code == 200
    me = stored(linked, "ada@example.org")
    assert me.name == "Ada of the provider", "the address was proven before: nothing else changes"


def test_a_provider_that_names_no_address_opens_nothing(linked: World, issuer: OidcIssuer) -> None:
    for email in ({"a": 1}, ["ada@example.org"], 7, "nobody", "", "a@b@c", True):
        issuer.behaviour.claims |= {"email": email}
        answer = sign_in(linked)
        assert (answer.status_code, answer.json()["code"]) == (401, "BAD_CREDENTIALS"), email
    assert linked.scalar(sa.select(sa.func.count()).select_from(user)) == 0


def test_a_name_that_is_none_is_the_first_part_of_the_address(linked: World, issuer: OidcIssuer) -> None:
    for number, name in enumerate((None, "", 7, ["x"], "Ada\nBcc: x", "x\u202e")):
        issuer.behaviour.claims |= {"name": name, "sub": f"subject-{number}", "email": f"ada{number}@example.org"}
        assert sign_in(linked).status_code == 200
        assert stored(linked, f"ada{number}@example.org").name == f"ada{number}"


@pytest.mark.parametrize("status", [500, 503])
def test_a_provider_that_fails_is_unavailable(linked: World, issuer: OidcIssuer, status: int) -> None:
    begun = begin(linked)
    issuer.behaviour.token_status = status
    answer = finish(linked, begun)
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert linked.scalar(sa.select(sa.func.count()).select_from(session)) == 0


def test_a_provider_that_is_away_is_unavailable(tmp_path: Path, clock: ManualClock) -> None:
    settings = Settings(
        data_dir=tmp_path / "away", oidc_issuer="http://127.0.0.1:1/x", oidc_client_id="c", oidc_redirect_url=REDIRECT
    )
    platform = make_platform(settings, clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        answer = client.post(f"{API}/accounts/oidc/start")
    platform.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"oidc_issuer": "http://login.example.org"}, "https"), ({"oidc_client_id": None}, "together")],
)
def test_settings_that_would_not_be_safe_are_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    good = {"oidc_issuer": "https://login.example.org", "oidc_client_id": "c", "oidc_redirect_url": REDIRECT}
    platform = make_platform(Settings.model_validate({"data_dir": tmp_path} | good | changes))
    with pytest.raises(ValueError, match=told):
        assert platform.oidc
    platform.close()


def with_factor_values(issuer: OidcIssuer, tmp_path: Path, clock: ManualClock, values: str | None) -> World:
    """A world whose provider's second factor counts where its token says one of `values`; Ada has a factor of ours too."""
    settings = {"data_dir": tmp_path / "data", "oidc_second_factor_values": values}
    platform = make_platform(Settings.model_validate(settings | issuer.settings()), clock)
    upgrade(platform.database)
    client = TestClient(create_app(lambda: platform), raise_server_exceptions=False)
    world = World(platform, client)
    set_up(world, newcomer(world))
    return world


@pytest.mark.parametrize(
    ("values", "said", "counts"),
    [
        (None, {"amr": ["pwd", "mfa"]}, False),
        ("mfa", {"amr": ["pwd", "mfa"]}, True),
        ("mfa, c2", {"acr": "c2"}, True),
        ("mfa", {"amr": ["pwd"], "acr": "1"}, False),
        ("mfa", {}, False),
        ("mfa", {"amr": "mfa"}, False),
        ("mfa", {"amr": [["mfa"], None, 1], "acr": ["mfa"]}, False),
        ("", {"amr": [""], "acr": ""}, False),
    ],
)
def test_the_providers_second_factor_counts_where_the_setting_says_so(
    issuer: OidcIssuer, tmp_path: Path, clock: ManualClock, values: str | None, said: dict[str, Any], counts: bool
) -> None:
    world = with_factor_values(issuer, tmp_path, clock, values)
    issuer.behaviour.claims = SOMEBODY | said
    answer = sign_in(world)
    assert answer.status_code == (200 if counts else 202), answer.text
    if counts:
        state = world.client.get(f"{API}/accounts/me/second-factor", headers=bearer(answer.json())).json()
        assert state["shown"] is True
    else:
        assert set(answer.json()) == {"challenge", "expires_in"}
    world.platform.close()


def test_a_provider_that_says_nothing_of_a_factor_is_asked_for_ours(
    issuer: OidcIssuer, tmp_path: Path, clock: ManualClock
) -> None:
    """An administrator who signs in by the provider alone has shown none, and is let in to set one up only."""
    settings = {"data_dir": tmp_path / "data", "oidc_second_factor_values": "mfa"} | issuer.settings()
    platform = make_platform(Settings.model_validate(settings), clock)
    upgrade(platform.database)
    world = World(platform, TestClient(create_app(lambda: platform), raise_server_exceptions=False))
    sign_in(world)
    platform.transact(lambda tx: tx.execute(sa.update(user).values(role="admin")))
    weak = sign_in(world).json()
    refused = world.client.get(f"{API}/accounts/users", headers=bearer(weak))
    assert (refused.status_code, refused.json()["code"]) == (403, "SECOND_FACTOR_NEEDED")
    issuer.behaviour.claims = SOMEBODY | {"amr": ["mfa"]}
    strong = sign_in(world).json()
    assert world.client.get(f"{API}/accounts/users", headers=bearer(strong)).status_code == 200
    clock.advance(timedelta(minutes=16))
    weak = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": weak["refresh_token"]}).json()
    stale = world.client.post(f"{API}/accounts/me/second-factor", json={}, headers=bearer(weak))
    assert (stale.status_code, stale.json()["code"]) == (403, "FRESH_SIGN_IN_NEEDED"), "no password, and no fresh sign-in"
    issuer.behaviour.claims = SOMEBODY | {"auth_time": int(clock.now().timestamp())}
    set_up(world, sign_in(world).json(), password=None)
    platform.close()
