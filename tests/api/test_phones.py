"""Phone numbers: proven by a code before anything else is sent to them, and never many messages."""

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from devhost.host.pages import MailboxMessage, mailbox
from functions.accounts.sweeps import prune_accounts
from functions.accounts.tables import phone_verification, user
from functions.notify import sms_budget
from functions.notify.records import NotificationDelivery
from functions.notify.tables import delivery
from shared.clock import ManualClock
from shared.db import new_id
from shared.errors import Undeliverable
from shared.outbox import outbox_message
from shared.ratelimit import rate_limit
from shared.settings import Settings
from tests.support.people import PASSWORD, bearer, mail_subjects, newcomer
from tests.support.world import API, Person, World

NUMBER = "+31612345678"
ASK = {"number": "06 1234 5678", "country": "NL", "password": PASSWORD}


def call(world: World, method: str, path: str, tokens: dict[str, Any], body: Any = None) -> Any:
    return world.client.request(method, f"{API}/accounts/me{path}", json=body, headers=bearer(tokens))


def sms(world: World) -> list[MailboxMessage]:
    """Every SMS that was sent, newest first."""
    world.drain()
    return [message for message in mailbox(world.platform, limit=1000) if message.kind == "SMS"]


def asked(world: World, tokens: dict[str, Any], **changes: Any) -> str:
    """Asks for a code; the code that was sent."""
    answer = call(world, "POST", "/phone", tokens, ASK | changes)
    assert answer.status_code == 202, answer.text
    match = re.match(r"\d{6}", sms(world)[0].text)
    assert match is not None
    return match[0]


def proven(world: World, tokens: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = call(world, "POST", "/phone/confirm", tokens, {"code": asked(world, tokens, **changes)})
    assert answer.status_code == 200, answer.text
    me: dict[str, Any] = answer.json()
    return me


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_number_is_the_accounts_once_its_code_is_given_back(world: World) -> None:
    tokens = newcomer(world)
    answer = call(world, "POST", "/phone", tokens, ASK)
    assert answer.json() == {"number": NUMBER, "expires_at": "2026-03-02T08:10:00Z"}
    assert call(world, "GET", "", tokens).json()["phone"] is None, "nothing has changed yet"
    (message,) = sms(world)
    assert message.to == NUMBER
    me = call(world, "POST", "/phone/confirm", tokens, {"code": message.text[:6]}).json()
    assert (me["phone"], me["phone_verified_at"]) == (NUMBER, "2026-03-02T08:00:00Z")
    again = call(world, "POST", "/phone/confirm", tokens, {"code": message.text[:6]})
    assert (again.status_code, again.json()["code"]) == (409, "WRONG_STATE"), "a code works once"
    world.drain()
    assert mail_subjects(world.platform)[-1] == "Your phone number was changed"


def test_120_sms_to_an_unproven_number_are_none(world: World, clock: ManualClock) -> None:
    """The attack: a number that nobody proved (here one from before proof was asked), and 60 bookings made and cancelled."""
    driver, place = world.user(phone="+31612345678"), world.location()
    unproven = sa.update(user).values(phone_verified_at=None)
    world.platform.transact(lambda tx: tx.execute(unproven))
    for _ in range(60):
        booked = driver.book(place, "12:00")
        if booked.status_code != 201:
            break
        driver.post(f"/booking/bookings/{booked.json()['id']}/cancel")
    assert sms(world) == []
    assert world.scalar(sa.select(sa.func.count()).where(delivery.c.channel == "SMS")) == 0
    clock.advance(timedelta(hours=1))
    assert driver.book(place, "14:00").status_code == 201
    world.drain()
    clock.advance(timedelta(minutes=1))
    world.drain()
    assert "Booked" in " ".join(mail_subjects(world.platform)), "they are told by e-mail all the same"
    assert sms(world) == []


def test_a_proven_number_gets_ten_sms_an_hour_and_thirty_a_day(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    sent = []
    for _ in range(6):
        sent.append(sum(_try(world, driver) for _ in range(20)))
        clock.advance(timedelta(hours=1))
    assert sent == [10, 10, 10, 0, 0, 0]


def _try(world: World, person: Person, number: str = NUMBER) -> bool:
    now = world.platform.clock.now()
    sending = NotificationDelivery(new_id(), "m", person.id, "SMS", number, {"text": "x"}, "PENDING", 0, None, now, None)
    try:
        sms_budget.spend(world.platform, sending)
    except Undeliverable:
        return False
    return True


def test_an_account_gets_forty_sms_a_day_whatever_its_numbers(world: World) -> None:
    driver = world.user()
    sent = [_try(world, driver, f"+316123456{place:02}") for place in range(60)]
    assert sent.count(True) == 40


def test_above_the_platforms_ceiling_no_sms_is_sent_and_an_alert_is_logged(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    platform = make_platform(Settings(data_dir=tmp_path / "small", sms_per_hour=3), clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform)) as client, caplog.at_level(logging.ERROR):
        world = World(platform, client)
        people = [world.user() for _ in range(5)]
        sent = [_try(world, person, f"+3161234567{place}") for place, person in enumerate(people)]
    platform.close()
    assert sent == [True, True, True, False, False]
    assert "SMS_CEILING" in caplog.text


def test_five_wrong_codes_end_it_and_the_sixth_may_be_right(world: World) -> None:
    tokens = newcomer(world)
    code = asked(world, tokens)
    left = []
    for _ in range(5):
        answer = call(world, "POST", "/phone/confirm", tokens, {"code": wrong(code)})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "code")
        left.append(re.search(r"(\d) tries are left", answer.json()["detail"])[1])  # type: ignore[index]
    assert left == ["4", "3", "2", "1", "0"]
    late = call(world, "POST", "/phone/confirm", tokens, {"code": code})
    assert (late.status_code, late.json()["code"]) == (409, "WRONG_STATE")
    assert call(world, "GET", "", tokens).json()["phone"] is None


def test_a_code_is_good_for_ten_minutes_and_the_last_one_counts(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    first = asked(world, tokens)
    clock.advance(timedelta(minutes=1))
    second = asked(world, tokens)
    assert first != second
    assert call(world, "POST", "/phone/confirm", tokens, {"code": first}).status_code == 422
    clock.advance(timedelta(minutes=10))
    assert call(world, "POST", "/phone/confirm", tokens, {"code": second}).status_code == 409
    prune_accounts(world.platform)
    assert world.scalar(sa.select(sa.func.count()).select_from(phone_verification)) == 0


def test_the_old_number_stays_until_the_new_one_is_proven(world: World) -> None:
    tokens = newcomer(world)
    proven(world, tokens)
    code = asked(world, tokens, number="+33 6 12 34 56 78", country=None)
    assert call(world, "GET", "", tokens).json()["phone"] == NUMBER
    assert call(world, "POST", "/phone/confirm", tokens, {"code": code}).json()["phone"] == "+33612345678"


def test_a_number_belongs_to_who_proved_it_last(world: World) -> None:
    first = newcomer(world)
    proven(world, first)
    second = newcomer(world, email="eve@example.org")
    assert call(world, "POST", "/phone", second, ASK).json()["number"] == NUMBER, "nobody learns that it has an account"
    assert call(world, "GET", "", first).json()["phone"] == NUMBER, "asking for it takes nothing"
    proven(world, second)
    assert call(world, "GET", "", second).json()["phone"] == NUMBER
    me = call(world, "GET", "", first).json()
    assert (me["phone"], me["phone_verified_at"]) == (None, None)
    world.drain()
    assert ("Your phone number was removed", "ada@example.org") in {
        (message.subject, message.to) for message in mailbox(world.platform)
    }


def test_a_number_is_removed(world: World) -> None:
    tokens = newcomer(world)
    proven(world, tokens)
    code = asked(world, tokens, number="+33612345678")
    assert call(world, "DELETE", "/phone", tokens).status_code == 204
    assert call(world, "GET", "", tokens).json()["phone"] is None
    assert call(world, "POST", "/phone/confirm", tokens, {"code": code}).status_code == 409, "what waited is forgotten too"
    assert call(world, "DELETE", "/phone", tokens).status_code == 204


def test_a_bearer_alone_changes_no_number(world: World) -> None:
    tokens = newcomer(world)
    for password in (None, "wrong"):
        refused = call(world, "POST", "/phone", tokens, ASK | {"password": password})
        assert (refused.status_code, refused.json()["code"]) == (401, "BAD_CREDENTIALS")
    assert sms(world) == []


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("0900 1234567", "NL"),
        ("+1 900 555 0100", None),
        ("020 123 4567", "NL"),
        ("+8821612345678", None),
        ("+31600000000", None),
        ("+12015550123", None),
        ("+447624123456", None),
        ("0612345678", None),
        ("+31612345678;ext=5", None),
        ("call me", "NL"),
    ],
    ids=[
        "premium",
        "premium US",
        "fixed",
        "satellite",
        "not in use",
        "no country of ours",
        "island",
        "no country",
        "ext",
        "words",
    ],
)
def test_a_number_that_gets_no_sms_is_refused_by_name(world: World, number: str, country: str | None) -> None:
    tokens = newcomer(world)
    answer = call(world, "POST", "/phone", tokens, {"number": number, "country": country, "password": PASSWORD})
    assert (answer.status_code, [item["field"] for item in answer.json()["errors"]]) == (422, ["number"])


@pytest.mark.parametrize(
    ("number", "country"),
    [("06 1234 5678", "NL"), ("+31 (0)6 12345678", None), ("0031612345678", "NL"), ("+31 6 1234-5678", "DE")],
)
def test_a_number_is_read_as_people_write_it(world: World, number: str, country: str | None) -> None:
    answer = call(world, "POST", "/phone", newcomer(world), {"number": number, "country": country, "password": PASSWORD})
    assert answer.json()["number"] == NUMBER


def test_codes_are_limited_by_account_by_number_and_by_address(world: World, clock: ManualClock) -> None:
    tokens = newcomer(world)
    for place in range(5):
        asked(world, tokens, number=f"+3361234567{place}")
    refused = call(world, "POST", "/phone", tokens, ASK)
    assert (refused.status_code, refused.json()["limit"]) == (429, "phone_account")
    clock.advance(timedelta(hours=2))

    others = [newcomer(world, email=f"eve{place}@example.org") for place in range(6)]
    answers = [call(world, "POST", "/phone", other, ASK) for other in others]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].json()["limit"] == "phone_number"
    while answers[-1].json().get("limit") != "phone_address":
        answers.append(call(world, "POST", "/phone", others[0], ASK))
        assert len(answers) <= 21
    assert answers[-1].status_code == 429


def test_no_code_is_stored_or_queued(world: World) -> None:
    tokens = newcomer(world)
    code = asked(world, tokens)

    def dump(tx: Any) -> str:
        tables = (phone_verification, outbox_message, delivery)
        return "".join(repr(tuple(row)) for table in tables for row in tx.execute(sa.select(table)))

    stored = world.platform.read(dump)
    assert "evcharging code" not in stored, "what was sent is forgotten"
    assert not re.search(rf"(?<![\d-]){code}(?!\d)", stored)


def test_the_day_of_a_daily_limit_outlasts_the_sweep(world: World, clock: ManualClock) -> None:
    driver = world.user()
    for _ in range(10):
        _try(world, driver)
    clock.advance(timedelta(hours=5))
    prune_accounts(world.platform)
    scopes = set(world.platform.read(lambda tx: list(tx.execute(sa.select(rate_limit.c.scope)).scalars())))
    assert scopes == {"sms_number_day", "sms_account_day"}
    clock.advance(timedelta(days=2))
    prune_accounts(world.platform)
    assert world.scalar(sa.select(sa.func.count()).select_from(rate_limit)) == 0
