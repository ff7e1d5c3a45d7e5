"""Administrators: who there is, suspending and roles that take effect at the next request, and that one always stays."""

import re
import threading
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from functions.accounts.tables import session, user
from shared.audit import audit_entry
from tests.support.authenticator import Authenticator, set_up
from tests.support.people import PASSWORD, bearer, log_in, newcomer
from tests.support.stack_fixtures import DATA_KEY
from tests.support.world import API, Person, World


def me_of(world: World, tokens: dict[str, Any]) -> Any:
    return world.client.get(f"{API}/accounts/me", headers=bearer(tokens))


def test_users_are_listed_and_filtered(world: World) -> None:
    admin = world.user("admin")
    people = [world.user("driver"), world.user("owner"), world.user("driver")]
    page = admin.get("/accounts/users", limit=2).json()
    rest = admin.get("/accounts/users", limit=2, cursor=page["next_cursor"]).json()
    assert [item["id"] for item in (*page["items"], *rest["items"])] == [str(item.id) for item in (admin, *people)]
    assert rest["next_cursor"] is None
    members = {"id", "email", "name", "phone", "phone_verified_at", "role", "status", "email_verified", "created_at"}
    assert set(page["items"][0]) == members
    owners = admin.get("/accounts/users", role="owner").json()["items"]
    assert [item["id"] for item in owners] == [str(people[1].id)]
    admin.patch(f"/accounts/users/{people[0].id}", {"status": "SUSPENDED"})
    suspended = admin.get("/accounts/users", status="SUSPENDED").json()["items"]
    assert [item["id"] for item in suspended] == [str(people[0].id)]
    found = admin.get("/accounts/users", email=f"{people[2].id}@".upper()).json()["items"]
    assert [item["id"] for item in found] == [str(people[2].id)]
    assert admin.get("/accounts/users", email="%").json()["items"] == [], "a wildcard is a letter like any other"
    assert admin.get("/accounts/users", role="root").status_code == 422


def test_a_suspended_account_stops_at_the_next_request_and_comes_back(world: World) -> None:
    admin, tokens = world.user("admin"), newcomer(world)
    user_id = me_of(world, tokens).json()["id"]
    done = admin.patch(f"/accounts/users/{user_id}", {"status": "SUSPENDED", "reason": "unpaid"})
    assert (done.status_code, done.json()["status"]) == (200, "SUSPENDED")
    stopped = me_of(world, tokens)
    assert (stopped.status_code, stopped.json()["code"]) == (401, "UNAUTHENTICATED")
    assert world.client.get(f"{API}/stations/locations?lat=52&lon=5", headers=bearer(tokens)).status_code == 401
    refreshed = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (log_in(world.client).status_code, log_in(world.client).json()["code"]) == (403, "FORBIDDEN")
    assert log_in(world.client, password="wrong").status_code == 401, "a guesser does not learn of it"
    assert world.scalar(sa.select(session.c.revoked_for).where(session.c.user_id == uuid.UUID(user_id))) == "suspended"
    admin.patch(f"/accounts/users/{user_id}", {"status": "ACTIVE"})
    assert me_of(world, tokens).status_code == 401, "the old session stays ended"
    assert log_in(world.client).status_code == 200
    statement = sa.select(audit_entry).where(audit_entry.c.action == "user.update").order_by(audit_entry.c.id)
    entries = world.platform.read(lambda tx: [(row.actor_id, row.before, row.after) for row in tx.execute(statement)])
    assert entries == [
        (admin.id, {"status": "ACTIVE"}, {"status": "SUSPENDED", "reason": "unpaid"}),
        (admin.id, {"status": "SUSPENDED"}, {"status": "ACTIVE"}),
    ]


def test_a_demoted_account_stops_at_the_next_request_and_goes_on_in_its_new_role(world: World) -> None:
    admin, tokens = world.user("admin"), newcomer(world, role="owner")
    user_id = me_of(world, tokens).json()["id"]
    place = {
        "name": "New",
        "address": "Plein 3",
        "city": "Utrecht",
        "country": "NLD",
        "latitude": 52.0,
        "longitude": 5.0,
        "time_zone": "Europe/Amsterdam",
    }
    assert world.client.post(f"{API}/stations/locations", json=place, headers=bearer(tokens)).status_code == 201
    assert admin.patch(f"/accounts/users/{user_id}", {"role": "driver"}).json()["role"] == "driver"
    stopped = world.client.post(f"{API}/stations/locations", json=place, headers=bearer(tokens))
    assert (stopped.status_code, stopped.json()["code"]) == (401, "TOKEN_EXPIRED"), "the client refreshes by itself"
    fresh = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    refused = world.client.post(f"{API}/stations/locations", json=place, headers=bearer(fresh))
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert me_of(world, fresh).json()["role"] == "driver"


def test_a_promoted_account_has_its_new_role_after_a_refresh(world: World) -> None:
    admin, tokens = world.user("admin"), newcomer(world)
    user_id = me_of(world, tokens).json()["id"]
    admin.patch(f"/accounts/users/{user_id}", {"role": "admin"})
    fresh = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    refused = world.client.get(f"{API}/accounts/users", headers=bearer(fresh))
    assert (refused.status_code, refused.json()["code"]) == (403, "SECOND_FACTOR_NEEDED"), "the role asks for more"
    set_up(world, fresh)
    assert world.client.get(f"{API}/accounts/users", headers=bearer(fresh)).status_code == 200


@pytest.mark.parametrize("change", [{"role": "driver"}, {"status": "SUSPENDED"}, {"role": "owner", "status": "SUSPENDED"}])
def test_the_last_administrator_stays(world: World, change: dict[str, str]) -> None:
    first = world.user("admin")
    refused = first.patch(f"/accounts/users/{first.id}", change)
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    second = world.user("admin")
    assert first.patch(f"/accounts/users/{first.id}", change).status_code == 200
    again = second.patch(f"/accounts/users/{second.id}", change)
    assert again.status_code == 409, "a suspended one does not count"
    assert first.get("/accounts/me").status_code == 401


def test_an_empty_change_changes_nothing(world: World) -> None:
    admin = world.user("admin")
    assert admin.patch(f"/accounts/users/{admin.id}", {}).status_code == 200
    assert admin.patch(f"/accounts/users/{admin.id}", {"role": "admin", "status": None}).status_code == 200
    changes = sa.select(sa.func.count()).select_from(audit_entry).where(audit_entry.c.action == "user.update")
    assert world.scalar(changes) == 0


def test_two_administrators_who_remove_each_other_at_once_leave_one(any_world: World) -> None:
    world, rounds = any_world, 5
    for _ in range(rounds):
        world.platform.transact(lambda tx: tx.execute(sa.update(user).values(role="driver")))
        first, second = world.user("admin"), world.user("admin")
        headers = {item.id: item.headers() for item in (first, second)}
        gate = threading.Barrier(2)
        answers: list[int] = []

        def remove(_: Person, whom: Person, gate: threading.Barrier, answers: list[int], headers: Any) -> None:
            gate.wait(10)
            answer = world.client.patch(f"{API}/accounts/users/{whom.id}", json={"role": "driver"}, headers=headers)
            answers.append(answer.status_code)

        pairs = ((first, second), (second, first))
        threads = [threading.Thread(target=remove, args=(by, whom, gate, answers, headers[by.id])) for by, whom in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        left = world.scalar(sa.select(sa.func.count()).select_from(user).where(user.c.role == "admin"))
        assert left == 1
        assert answers.count(200) == 1, answers


def test_the_command_makes_an_administrator_on_any_database(
    any_world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import admin

    settings = any_world.platform.settings
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    if settings.database_url is not None:
        monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("DATA_KEYS", DATA_KEY)
    monkeypatch.setenv("EMAIL", "Root@Example.org")
    old = newcomer(any_world, email="root@example.org")
    admin.main()
    said = capsys.readouterr().out
    password, secret = (re.findall(rf"{word} (\S+)$", said, re.MULTILINE)[0] for word in ("password", "secret"))
    assert me_of(any_world, old).status_code == 401, "sessions of before end"
    assert log_in(any_world.client, email="root@example.org", password=PASSWORD).status_code == 401
    asked = log_in(any_world.client, email="root@example.org", password=password)
    assert asked.status_code == 202, "the second factor comes with the account"
    app = Authenticator(secret, any_world.platform.clock)
    proof = {"challenge": asked.json()["challenge"], "code": app.code()}
    tokens = any_world.client.post(f"{API}/accounts/login/second-factor", json=proof).json()
    assert me_of(any_world, tokens).json()["role"] == "admin"
    assert any_world.client.get(f"{API}/accounts/users", headers=bearer(tokens)).status_code == 200


def test_the_command_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from app import admin

    monkeypatch.setenv("DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("EMAIL", "nonsense")
    with pytest.raises(SystemExit, match="EMAIL"):
        admin.main()
    monkeypatch.setenv("EMAIL", "root@example.org")
    with pytest.raises(SystemExit, match=r"python -m app\.migrate"):
        admin.main()
    monkeypatch.setenv("DATABASE_URL", "db.example.org:hunter2")
    with pytest.raises(SystemExit, match=r"^DATABASE_URL: must be an address such as mysql\+pymysql://\S+$"):
        admin.main()
