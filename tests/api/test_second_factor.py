"""The second factor: setting it up, signing in with it, its codes' single use, recovery, and who must have one."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from devhost.host.pages import mailbox
from functions.accounts.tables import account_token, recovery_code, second_factor, session, user
from shared.audit import audit_entry
from shared.clock import ManualClock
from shared.settings import Settings
from tests.support.authenticator import FACTOR, Authenticator, equip, set_up
from tests.support.people import PASSWORD, bearer, link, log_in, mail_subjects, newcomer
from tests.support.world import API, Person, World

ANSWER = f"{API}/accounts/login/second-factor"


def post(world: World, path: str, tokens: dict[str, Any], body: Any) -> Any:
    return world.client.post(path, json=body, headers=bearer(tokens))


def challenge(world: World) -> str:
    """A sign-in whose password is right, of an account with a factor."""
    answer = log_in(world.client)
    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"challenge", "expires_in"}
    found: str = answer.json()["challenge"]
    return found


def answered(world: World, given: str, **proof: str) -> Any:
    return world.client.post(ANSWER, json={"challenge": given} | proof)


def is_signed_in(world: World, tokens: dict[str, Any]) -> bool:
    return bool(world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).status_code == 200)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


REFUSED = (401, "BAD_CREDENTIALS")
NEEDED = (403, "SECOND_FACTOR_NEEDED")


def test_a_sign_in_with_a_factor_takes_password_and_code(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    app = set_up(world, tokens)
    given = challenge(world)
    clock.advance(timedelta(seconds=30))
    signed_in = answered(world, given, code=app.code())
    assert signed_in.status_code == 200, signed_in.text
    assert is_signed_in(world, signed_in.json())
    assert code_of(answered(world, given, code=app.code(steps_later=1))) == REFUSED, "a challenge works once"


def test_a_wrong_password_is_answered_alike_with_and_without_a_factor(world: World) -> None:
    tokens = newcomer(world)
    before = log_in(world.client, password="wrong").json()
    set_up(world, tokens)
    after = log_in(world.client, password="wrong").json()
    assert {**before, "invocation_id": ""} == {**after, "invocation_id": ""}


def test_setting_up_asks_for_the_password_and_shows_the_secret_once(world: World) -> None:
    tokens = newcomer(world)
    assert code_of(post(world, FACTOR, tokens, {"password": "wrong"})) == REFUSED
    assert code_of(post(world, FACTOR, tokens, {})) == REFUSED
    begun = post(world, FACTOR, tokens, {"password": PASSWORD}).json()
    assert begun["otpauth_uri"].startswith("otpauth://totp/evcharging:ada%40example.org?secret=" + begun["secret"])
    assert begun["qr_svg"].startswith("<svg ")
    assert log_in(world.client).status_code == 200, "what is only begun is not asked for"
    app = Authenticator(begun["secret"], world.platform.clock)
    assert code_of(post(world, f"{FACTOR}/confirm", tokens, {"code": app.wrong_code()})) == REFUSED
    assert len(set(post(world, f"{FACTOR}/confirm", tokens, {"code": app.code()}).json()["recovery_codes"])) == 10
    assert code_of(post(world, FACTOR, tokens, {"password": PASSWORD})) == (409, "WRONG_STATE")
    assert code_of(post(world, f"{FACTOR}/confirm", tokens, {"code": app.code(steps_later=1)})) == (409, "WRONG_STATE")
    state = world.client.get(FACTOR, headers=bearer(tokens)).json()
    assert state == {"confirmed_at": "2026-03-02T08:00:00Z", "recovery_codes_left": 10, "demanded": False, "shown": True}


def test_a_factor_is_confirmed_within_the_hour_or_begun_anew(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    late = Authenticator(post(world, FACTOR, tokens, {"password": PASSWORD}).json()["secret"], clock)
    clock.advance(timedelta(minutes=61))
    tokens = log_in(world.client).json()
    assert code_of(post(world, f"{FACTOR}/confirm", tokens, {"code": late.code()})) == (409, "WRONG_STATE")
    set_up(world, tokens)


def test_nothing_is_stored_that_gives_a_code_away(world: World) -> None:
    app = set_up(world, newcomer(world))
    given = challenge(world)
    tables = (second_factor, recovery_code, account_token, audit_entry, session)
    stored = world.platform.read(lambda tx: repr([tuple(row) for table in tables for row in tx.execute(sa.select(table))]))
    for secret in (app.secret, given, *app.recovery_codes, *(code.replace("-", "") for code in app.recovery_codes)):
        assert secret not in stored


def test_a_secret_copied_to_another_account_opens_nothing(world: World) -> None:
    mine, theirs = world.user(), world.user()
    app = equip(world, mine)
    equip(world, theirs)
    stolen = world.scalar(sa.select(second_factor.c.encrypted_secret).where(second_factor.c.user_id == mine.id))
    statement = sa.update(second_factor).where(second_factor.c.user_id == theirs.id).values(encrypted_secret=stolen)
    world.platform.transact(lambda tx: tx.execute(statement))
    assert theirs.post("/accounts/me/second-factor/removal", {"code": app.code()}).status_code == 503
    assert mine.post("/accounts/me/second-factor/removal", {"code": app.code()}).status_code == 204


def test_a_key_rotates_as_people_sign_in(world: World, clock: ManualClock) -> None:
    """The steps of docs/accounts.md: the new key in front, a code of the app, then the old key is gone."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    folder = world.platform.settings.data_dir

    def use(keys: str) -> None:
        world.platform.settings = Settings.model_validate({"data_dir": folder, "data_keys": keys})
        clock.advance(timedelta(minutes=1))

    use(old)
    app = set_up(world, newcomer(world))
    use(f"{new},{old}")
    assert answered(world, challenge(world), code=app.code()).status_code == 200
    use(new)
    assert answered(world, challenge(world), code=app.code()).status_code == 200
    use(old)
    lost = answered(world, challenge(world), code=app.code())
    assert code_of(lost) == (503, "UNAVAILABLE")
    assert answered(world, challenge(world), recovery_code=app.recovery_codes[0]).status_code == 200


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
def test_a_code_is_good_one_step_before_and_after_its_own(world: World, clock: ManualClock, steps: int, status: int) -> None:
    app = set_up(world, newcomer(world))
    clock.advance(timedelta(minutes=10))
    assert answered(world, challenge(world), code=app.code(steps_later=steps)).status_code == status


def test_a_code_works_once_and_no_earlier_one_after_it(world: World, clock: ManualClock) -> None:
    app = set_up(world, newcomer(world))
    assert code_of(answered(world, challenge(world), code=app.code())) == REFUSED, "the code that confirmed it is used"
    clock.advance(timedelta(minutes=10))
    earlier, code = app.code(steps_later=-1), app.code()
    assert answered(world, challenge(world), code=code).status_code == 200
    for used in (code, earlier):
        assert code_of(answered(world, challenge(world), code=used)) == REFUSED
    assert answered(world, challenge(world), code=app.code(steps_later=1)).status_code == 200


def test_of_eight_who_bring_one_code_at_once_one_signs_in(any_world: World, clock: ManualClock) -> None:
    world = any_world
    app = set_up(world, newcomer(world))
    clock.advance(timedelta(minutes=10))
    given, code = [challenge(world) for _ in range(8)], app.code()
    gate, answers = threading.Barrier(8), []

    def bring(mine: str) -> None:
        gate.wait(10)
        answers.append(answered(world, mine, code=code).status_code)

    threads = [threading.Thread(target=bring, args=(mine,)) for mine in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, *[401] * 7]


def test_five_wrong_codes_end_a_challenge_and_ten_tries_lock_the_account(world: World, clock: ManualClock) -> None:
    app = set_up(world, newcomer(world))
    clock.advance(timedelta(minutes=10))
    given = challenge(world)
    for _ in range(5):
        assert code_of(answered(world, given, code=app.wrong_code())) == REFUSED
    assert code_of(answered(world, given, code=app.code())) == REFUSED, "the right one comes too late"
    other = challenge(world)
    for _ in range(4):
        assert code_of(answered(world, other, code=app.wrong_code())) == REFUSED
    locked = answered(world, other, code=app.code())
    assert code_of(locked) == (429, "TOO_MANY_REQUESTS")
    assert locked.json()["limit"] == "second_factor"
    clock.advance(timedelta(minutes=15))
    assert answered(world, challenge(world), code=app.code()).status_code == 200


def test_a_challenge_ends_after_five_minutes_and_is_no_other_token(world: World, clock: ManualClock) -> None:
    app = set_up(world, newcomer(world))
    given = challenge(world)
    assert world.client.get(f"{API}/accounts/me", headers={"Authorization": f"Bearer {given}"}).status_code == 401
    assert world.client.post(f"{API}/accounts/refresh", json={"refresh_token": given}).status_code == 401
    reset = world.client.post(f"{API}/accounts/password/reset", json={"token": given, "password": "another horse of 4"})
    assert reset.status_code == 401
    clock.advance(timedelta(minutes=5))
    assert code_of(answered(world, given, code=app.code())) == REFUSED
    world.client.post(f"{API}/accounts/password/forgot", json={"email": "ada@example.org"})
    world.drain()
    assert code_of(answered(world, link(world.platform)[1], code=app.code())) == REFUSED, "nor a mailed link a challenge"


def test_a_recovery_code_works_once_and_its_holder_hears_of_it(world: World) -> None:
    app = set_up(world, newcomer(world))
    code = app.recovery_codes[3]
    shouted = code.upper().replace("-", " ")
    assert answered(world, challenge(world), recovery_code=shouted).status_code == 200, "however it is typed"
    assert code_of(answered(world, challenge(world), recovery_code=code)) == REFUSED
    assert code_of(answered(world, challenge(world), recovery_code="abcdef-" * 3 + "abcdef")) == REFUSED
    world.drain()
    assert mail_subjects(world.platform)[-1] == "A recovery code was used"
    noted = world.scalar(sa.select(audit_entry.c.after).where(audit_entry.c.action == "user.recovery_code_used"))
    assert noted == {"left": 9}


def test_of_two_who_bring_one_recovery_code_at_once_one_signs_in(any_world: World) -> None:
    world = any_world
    app = set_up(world, newcomer(world))
    given = [challenge(world), challenge(world)]
    gate, answers = threading.Barrier(2), []

    def bring(mine: str) -> None:
        gate.wait(10)
        answers.append(answered(world, mine, recovery_code=app.recovery_codes[0]).status_code)

    threads = [threading.Thread(target=bring, args=(mine,)) for mine in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 401]


def test_new_recovery_codes_void_the_old_ones(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    app = set_up(world, tokens)
    clock.advance(timedelta(minutes=1))
    path = f"{FACTOR}/recovery-codes"
    assert code_of(post(world, path, tokens, {"code": app.wrong_code()})) == REFUSED
    renewed = post(world, path, tokens, {"code": app.code()}).json()["recovery_codes"]
    assert len(renewed) == 10
    assert not set(renewed) & set(app.recovery_codes)
    assert code_of(answered(world, challenge(world), recovery_code=app.recovery_codes[0])) == REFUSED
    assert answered(world, challenge(world), recovery_code=renewed[0]).status_code == 200


@pytest.mark.parametrize("by", ["code", "recovery_code"])
def test_removing_it_takes_a_code_and_is_mailed(world: World, clock: ManualClock, by: str) -> None:
    tokens = newcomer(world)
    app = set_up(world, tokens)
    clock.advance(timedelta(minutes=1))
    given, path = challenge(world), f"{FACTOR}/removal"
    assert code_of(post(world, path, tokens, {"code": app.wrong_code()})) == REFUSED
    proof = {"code": app.code()} if by == "code" else {"recovery_code": app.recovery_codes[0]}
    assert post(world, path, tokens, proof).status_code == 204
    assert log_in(world.client).status_code == 200, "the password alone again"
    assert code_of(answered(world, given, code=app.code(steps_later=1))) == REFUSED, "a sign-in under way has ended"
    assert world.scalar(sa.select(sa.func.count()).select_from(recovery_code)) == 0
    world.drain()
    assert "Your second factor was removed" in mail_subjects(world.platform)
    assert code_of(post(world, path, tokens, proof)) == (409, "WRONG_STATE")


def test_adding_and_removing_end_the_other_sessions(world: World, clock: ManualClock) -> None:
    tokens, other = newcomer(world), log_in(world.client).json()
    app = set_up(world, tokens)
    assert not is_signed_in(world, other), "it was opened without the factor"
    assert is_signed_in(world, tokens)
    clock.advance(timedelta(minutes=1))
    other = answered(world, challenge(world), code=app.code()).json()
    assert post(world, f"{FACTOR}/removal", tokens, {"recovery_code": app.recovery_codes[0]}).status_code == 204
    assert not is_signed_in(world, other)
    assert is_signed_in(world, tokens)


def test_a_reset_password_leaves_the_factor(world: World, clock: ManualClock) -> None:
    app = set_up(world, newcomer(world))
    given = challenge(world)
    world.client.post(f"{API}/accounts/password/forgot", json={"email": "ada@example.org"})
    world.drain()
    body = {"token": link(world.platform)[1], "password": "another horse of 4"}
    assert world.client.post(f"{API}/accounts/password/reset", json=body).status_code == 204
    clock.advance(timedelta(minutes=1))
    assert code_of(answered(world, given, code=app.code())) == REFUSED, "a challenge of the old password is void"
    asked = log_in(world.client, password="another horse of 4")
    assert asked.status_code == 202
    assert answered(world, asked.json()["challenge"], code=app.code()).status_code == 200


@pytest.mark.parametrize("body", [{}, {"code": "123456", "recovery_code": "a"}, {"code": "12345"}, {"code": "١٢٣٤٥٦"}])
def test_a_proof_is_one_of_the_two(world: World, body: dict[str, str]) -> None:
    assert code_of(answered(world, "any", **body)) == (422, "INVALID")


ADMIN_ROUTES = ["/accounts/users", "/accounts/audit", "/notify/dead-letters", "/booking/bookings", "/notify/inbox"]


def without_factor(world: World, role: str) -> Person:
    """Somebody of a role whose session has shown no factor."""
    person = world.user(role)
    world.platform.transact(
        lambda tx: tx.execute(sa.update(session).where(session.c.user_id == person.id).values(second_factor_at=None))
    )
    return person


@pytest.mark.parametrize("path", ADMIN_ROUTES)
def test_an_administrator_without_a_factor_gets_nowhere(world: World, path: str) -> None:
    admin = without_factor(world, "admin")
    assert code_of(admin.get(path)) == NEEDED
    equip(world, admin)
    assert code_of(admin.get(path)) == NEEDED, "having one is not showing one"


def test_an_administrator_without_a_factor_changes_nothing(world: World) -> None:
    admin, driver = without_factor(world, "admin"), world.user()
    assert code_of(admin.patch(f"/accounts/users/{driver.id}", {"role": "admin"})) == NEEDED
    assert code_of(admin.patch("/accounts/me", {"name": "Eve"})) == NEEDED
    assert world.scalar(sa.select(user.c.role).where(user.c.id == driver.id)) == "driver"


def test_an_administrator_sets_one_up_and_gets_in(world: World, clock: ManualClock) -> None:
    newcomer(world)
    world.platform.transact(lambda tx: tx.execute(sa.update(user).values(role="admin")))
    tokens = log_in(world.client).json()
    headers = bearer(tokens)
    assert world.client.get(f"{API}/accounts/me", headers=headers).json()["role"] == "admin"
    assert world.client.get(FACTOR, headers=headers).json()["demanded"] is True
    assert code_of(world.client.get(f"{API}/accounts/users", headers=headers)) == NEEDED
    app = set_up(world, tokens)
    assert world.client.get(f"{API}/accounts/users", headers=headers).status_code == 200, "in the same session"
    clock.advance(timedelta(minutes=1))
    again = answered(world, challenge(world), code=app.code()).json()
    refreshed = world.client.post(f"{API}/accounts/refresh", json={"refresh_token": again["refresh_token"]}).json()
    assert world.client.get(f"{API}/accounts/users", headers=bearer(refreshed)).status_code == 200
    assert post(world, f"{FACTOR}/removal", refreshed, {"recovery_code": app.recovery_codes[0]}).status_code == 204
    assert code_of(world.client.get(f"{API}/accounts/users", headers=bearer(refreshed))) == NEEDED


def test_owners_must_have_one_where_the_setting_says_so(world: World) -> None:
    owner = without_factor(world, "owner")
    assert owner.get("/stations/managed-locations").status_code == 200
    settings = world.platform.settings.model_copy(update={"second_factor_for_owners": True})
    world.platform.settings = settings
    assert code_of(owner.get("/stations/managed-locations")) == NEEDED
    assert owner.get("/accounts/me/second-factor").json()["demanded"] is True
    assert world.user().get("/booking/bookings").status_code == 200, "drivers need not"


def test_another_administrator_helps_who_has_lost_it(world: World) -> None:
    tokens, admin = newcomer(world), world.user("admin")
    user_id = world.client.get(f"{API}/accounts/me", headers=bearer(tokens)).json()["id"]
    path = f"/accounts/users/{user_id}/second-factor/removal"
    assert code_of(admin.post(path, {"reason": "none there"})) == (404, "NOT_FOUND")
    app = set_up(world, tokens)
    given = challenge(world)
    assert admin.post(path, {}).status_code == 422, "not without a reason"
    assert admin.post(path, {"reason": "Phone lost, seen in person"}).status_code == 204
    assert not is_signed_in(world, tokens)
    assert code_of(answered(world, given, recovery_code=app.recovery_codes[0])) == REFUSED
    assert log_in(world.client).status_code == 200
    world.drain()
    assert mailbox(world.platform)[0].subject == "Your second factor was removed"
    statement = sa.select(audit_entry.c.actor_id, audit_entry.c.after).where(
        audit_entry.c.action == "user.second_factor_removed"
    )
    noted = world.platform.read(lambda tx: [tuple(row) for row in tx.execute(statement)])
    assert noted == [(admin.id, {"reason": "Phone lost, seen in person"})]


def test_an_administrator_takes_their_own_away_by_a_code_alone(world: World) -> None:
    admin = world.user("admin")
    equip(world, admin)
    answer = admin.post(f"/accounts/users/{admin.id}/second-factor/removal", {"reason": "me"})
    assert code_of(answer) == (409, "CONFLICT")


def test_leaving_takes_the_factor_along_and_the_export_tells_of_it(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    set_up(world, tokens)
    assert post(world, f"{API}/accounts/me/deletion", tokens, {"password": PASSWORD}).status_code == 204
    for table in (second_factor, recovery_code):
        assert world.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def test_a_challenge_by_cookie_sets_it_with_the_second_step(world: World, clock: ManualClock) -> None:
    app = set_up(world, newcomer(world))
    clock.advance(timedelta(minutes=1))
    page = {"X-Session": "cookie", "Origin": "http://127.0.0.1:7071"}
    body = {"email": "ada@example.org", "password": PASSWORD}
    asked = world.client.post(f"{API}/accounts/login", json=body, headers=page)
    assert asked.status_code == 202
    assert "set-cookie" not in asked.headers
    proof = {"challenge": asked.json()["challenge"], "code": app.code()}
    signed_in = world.client.post(ANSWER, json=proof, headers=page)
    assert signed_in.headers["set-cookie"].startswith("__Secure-refresh=")
    assert signed_in.json()["refresh_token"] is None
