"""E-mail and SMS with the real SDKs against the loopback endpoint, which checks the signature."""

import base64
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import icalendar
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from devhost.stack.communication import CommunicationServices
from functions.notify.tables import delivery
from shared.adapters.email import CommunicationEmail, Email
from shared.adapters.sms import CommunicationSms, Sms
from shared.clock import ManualClock
from shared.errors import Unavailable, Undeliverable
from shared.settings import Settings
from tests.support.world import World

EMAIL = Email("ada@example.org", "Hello", "text", "<p>html</p>")
FROM = "noreply@evcharging.test"


def test_an_email_is_signed_sent_and_idempotent_by_its_operation(communication: CommunicationServices) -> None:
    sender = CommunicationEmail(communication.endpoint, communication.key, FROM)
    operation_id = uuid.uuid4()
    sender.send(EMAIL, operation_id=operation_id)
    sender.send(EMAIL, operation_id=operation_id)
    assert list(communication.accepted.emails) == [str(operation_id)]
    message = communication.accepted.emails[str(operation_id)]
    assert message["senderAddress"] == FROM
    assert message["content"] == {"subject": "Hello", "plainText": "text", "html": "<p>html</p>"}


def test_sending_leaves_no_thread_behind(communication: CommunicationServices) -> None:
    """The SDK's poller would sleep in a thread of its own for as long as its interval: one a letter, for ever more of them."""
    sender = CommunicationEmail(communication.endpoint, communication.key, FROM)
    before = set(threading.enumerate())
    for _ in range(3):
        sender.send(EMAIL, operation_id=uuid.uuid4())
    assert {thread.name for thread in set(threading.enumerate()) - before if "LRO" in thread.name} == set()


def test_a_wrong_key_is_refused(communication: CommunicationServices) -> None:
    wrong = base64.b64encode(b"another key").decode()
    with pytest.raises(Unavailable, match="401"):
        CommunicationEmail(communication.endpoint, wrong, FROM).send(EMAIL, operation_id=uuid.uuid4())
    with pytest.raises(Unavailable, match="401"):
        CommunicationSms(communication.endpoint, wrong, "+15005550006").send(
            Sms("+31612345678", "x"), operation_id=uuid.uuid4()
        )
    assert communication.accepted.emails == {}
    assert communication.accepted.sms == []


def test_an_sms_is_sent_and_a_bad_number_is_final(communication: CommunicationServices) -> None:
    sender = CommunicationSms(communication.endpoint, communication.key, "+15005550006")
    sender.send(Sms("+31612345678", "hello"), operation_id=uuid.uuid4())
    assert communication.accepted.sms == [{"from": "+15005550006", "to": "+31612345678", "text": "hello"}]
    communication.accepted.bad_numbers.add("+31600000000")
    with pytest.raises(Undeliverable, match="Invalid To phone number"):
        sender.send(Sms("+31600000000", "hello"), operation_id=uuid.uuid4())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_unavailable(communication: CommunicationServices, status: int) -> None:
    communication.accepted.failures.append(status)
    with pytest.raises(Unavailable, match=str(status)):
        CommunicationEmail(communication.endpoint, communication.key, FROM).send(EMAIL, operation_id=uuid.uuid4())


def test_a_service_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        CommunicationEmail("http://127.0.0.1:1", "a2V5", FROM).send(EMAIL, operation_id=uuid.uuid4())


@pytest.fixture
def wired(communication: CommunicationServices, tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    """A world whose messages leave by Communication Services."""
    settings = Settings(
        data_dir=tmp_path / "data",
        communication_endpoint=communication.endpoint,
        communication_key=communication.key,
        message_hold_s=0,
    )
    platform = make_platform(settings, clock)
    upgrade(platform.database)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        yield World(platform, client)
    platform.close()


def test_a_booking_is_confirmed_once_though_the_first_tries_fail(
    wired: World, communication: CommunicationServices, clock: ManualClock
) -> None:
    from datetime import timedelta

    driver = wired.user(phone="+31612345678")
    driver.book(wired.location(), "10:00")
    communication.accepted.failures += [429, 503]
    wired.drain()
    assert communication.accepted.emails == {}
    clock.advance(timedelta(seconds=5))
    wired.drain()
    clock.advance(timedelta(seconds=5))
    wired.drain()
    (message,) = communication.accepted.emails.values()
    assert message["recipients"]["to"] == [{"address": f"{driver.id}@example.org"}]
    (attachment,) = message["attachments"]
    calendar = icalendar.Calendar.from_ical(base64.b64decode(attachment["contentInBase64"]))
    assert calendar["METHOD"] == "REQUEST"
    assert [item["to"] for item in communication.accepted.sms] == ["+31612345678"]
    stored = wired.platform.read(
        lambda tx: [tuple(row) for row in tx.execute(sa.select(delivery.c.channel, delivery.c.status))]
    )
    assert sorted(stored) == [("EMAIL", "SENT"), ("SMS", "SENT")]
    assert len(driver.get("/notify/inbox").json()["items"]) == 1


def test_a_refused_number_is_recorded_and_does_not_hold_up_the_mail(wired: World, communication: CommunicationServices) -> None:
    communication.accepted.bad_numbers.add("+31600000000")
    driver = wired.user(phone="+31600000000")
    driver.book(wired.location(), "10:00")
    wired.drain()
    assert len(communication.accepted.emails) == 1
    stored = wired.platform.read(
        lambda tx: dict(tuple(row) for row in tx.execute(sa.select(delivery.c.channel, delivery.c.status)))
    )
    assert stored == {"EMAIL": "SENT", "SMS": "FAILED"}
