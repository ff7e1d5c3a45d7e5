"""Service Bus with the real SDK against the loopback broker: the broker's own behaviour, then our relay and delivery."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.exceptions import MessageLockLostError, MessagingEntityNotFoundError, ServiceBusError
from fastapi.testclient import TestClient

from app import sweeps
from app.asgi import create_app
from app.host.delivery import ServiceBusDelivery
from app.host.discovery import QueueTrigger
from app.migrate import upgrade
from app.process import make_platform, use_platform
from devhost.host.server import triggers
from devhost.stack.servicebus import ServiceBusBroker
from shared import outbox
from shared.clock import ManualClock
from shared.errors import Unavailable
from shared.platform import Platform
from shared.settings import Settings
from tests.support.stack_fixtures import SHORT_QUEUE
from tests.support.world import World

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def sdk(servicebus: ServiceBusBroker) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(servicebus.connection_string, retry_total=0) as client:
        yield client


def send(client: ServiceBusClient, *messages: Any, queue: str = SHORT_QUEUE) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages([item if isinstance(item, ServiceBusMessage) else ServiceBusMessage(item) for item in messages])


def bodies(messages: list[Any]) -> list[str]:
    return [b"".join(message.body).decode() for message in messages]


def test_a_batch_is_received_in_order_and_completed(sdk: ServiceBusClient) -> None:
    send(sdk, "a", "b", "c")
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver:
        got: list[Any] = []
        while len(got) < 3:
            got += receiver.receive_messages(max_message_count=3, max_wait_time=5)
        assert bodies(got) == ["a", "b", "c"]
        for message in got:
            receiver.complete_message(message)
        assert receiver.receive_messages(max_wait_time=1) == []


def test_an_abandoned_message_comes_again_and_after_three_is_dead(sdk: ServiceBusClient) -> None:
    send(sdk, "poison")
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver:
        for count in range(3):
            (message,) = receiver.receive_messages(max_wait_time=5)
            assert message.delivery_count == count
            receiver.abandon_message(message)
        assert receiver.receive_messages(max_wait_time=1) == []
    with sdk.get_queue_receiver(SHORT_QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
        (message,) = dead.receive_messages(max_wait_time=5)
        assert message.dead_letter_reason == "MaxDeliveryCountExceeded"
        dead.complete_message(message)


def test_a_message_is_dead_lettered_with_a_reason(sdk: ServiceBusClient) -> None:
    send(sdk, "x")
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver:
        (message,) = receiver.receive_messages(max_wait_time=5)
        receiver.dead_letter_message(message, reason="why", error_description="because")
    with sdk.get_queue_receiver(SHORT_QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
        (message,) = dead.receive_messages(max_wait_time=5)
        assert (message.dead_letter_reason, message.dead_letter_error_description) == ("why", "because")


def test_a_lock_is_renewed_or_lost(sdk: ServiceBusClient) -> None:
    send(sdk, "x")
    pause = threading.Event()
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver:
        (message,) = receiver.receive_messages(max_wait_time=5)
        before = message.locked_until_utc
        assert before is not None
        pause.wait(0.2)
        until = receiver.renew_message_lock(message)
        assert until > before
        while datetime.now(UTC) < until + timedelta(seconds=0.3):
            pause.wait(0.1)
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(message)
        (again,) = receiver.receive_messages(max_wait_time=5)
        assert again.delivery_count == 1
        receiver.complete_message(again)


def test_a_deferred_message_is_received_by_its_number(sdk: ServiceBusClient) -> None:
    send(sdk, "later")
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver:
        (message,) = receiver.receive_messages(max_wait_time=5)
        receiver.defer_message(message)
        assert receiver.receive_messages(max_wait_time=1) == []
        assert message.sequence_number is not None
        (deferred,) = receiver.receive_deferred_messages([message.sequence_number])
        receiver.complete_message(deferred)


def test_a_scheduled_message_waits_and_can_be_cancelled(sdk: ServiceBusClient) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=6)
    with sdk.get_queue_sender(SHORT_QUEUE) as sender:
        kept = sender.schedule_messages(ServiceBusMessage("kept"), soon)
        gone = sender.schedule_messages(ServiceBusMessage("gone"), soon)
        sender.cancel_scheduled_messages(gone)
    assert kept
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver:
        (waiting,) = receiver.peek_messages(5)
        assert bodies([waiting]) == ["kept"]
        (message,) = receiver.receive_messages(max_wait_time=20)
        assert bodies([message]) == ["kept"]
        assert datetime.now(UTC) >= soon - timedelta(seconds=0.1)
        receiver.complete_message(message)


def test_a_message_id_counts_once(sdk: ServiceBusClient) -> None:
    send(sdk, ServiceBusMessage("one", message_id="m"), ServiceBusMessage("two", message_id="m"))
    with sdk.get_queue_receiver(SHORT_QUEUE, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver:
        assert bodies(receiver.receive_messages(max_message_count=5, max_wait_time=2)) == ["one"]


def test_a_message_expires_and_messages_can_be_peeked(sdk: ServiceBusClient) -> None:
    pause = threading.Event()
    with sdk.get_queue_receiver(SHORT_QUEUE) as receiver, sdk.get_queue_sender(SHORT_QUEUE) as sender:
        assert list(receiver.peek_messages(5)) == []  # links are open now: what follows is quick
        sender.send_messages([ServiceBusMessage("brief", time_to_live=timedelta(seconds=8)), ServiceBusMessage("lasting")])
        assert bodies(list(receiver.peek_messages(5, sequence_number=1))) == ["brief", "lasting"]
        for _ in range(300):
            peeked = bodies(list(receiver.peek_messages(5, sequence_number=1)))
            if peeked == ["lasting"]:
                return
            pause.wait(0.1)
        pytest.fail(f"it did not expire: {peeked}")


def test_an_unknown_queue_is_not_found(sdk: ServiceBusClient) -> None:
    with pytest.raises((MessagingEntityNotFoundError, ServiceBusError)), sdk.get_queue_sender("nothing") as sender:
        sender.send_messages(ServiceBusMessage("x"))


@pytest.fixture
def bussed(servicebus: ServiceBusBroker, tmp_path: Path, clock: ManualClock) -> Iterator[Platform]:
    """A platform whose outbox leaves by the broker."""
    settings = Settings(data_dir=tmp_path / "data", servicebus=servicebus.connection_string, message_hold_s=0)
    platform = make_platform(settings, clock)
    upgrade(platform.database)
    yield platform
    platform.close()


def states(platform: Platform) -> dict[str, int]:
    """The notify queue's outbox rows by state."""
    return platform.database.read(outbox.counts)[outbox.NOTIFY]


class Inbox:
    """A handler that keeps what it got; the first `failing` deliveries raise."""

    def __init__(self, expected: int, failing: int = 0) -> None:
        self.got: list[tuple[str, str, dict[str, Any]]] = []
        self._expected, self._failing = expected, failing
        self.done = threading.Event()

    def __call__(self, message: Any) -> None:
        if self._failing:
            self._failing -= 1
            raise ValueError("not this time")
        self.got.append((message.message_id, message.subject, json.loads(message.get_body())))
        if len(self.got) >= self._expected:
            self.done.set()


def test_a_commit_sends_and_the_delivery_receives(bussed: Platform, servicebus: ServiceBusBroker) -> None:
    inbox = Inbox(3, failing=1)
    delivery = ServiceBusDelivery(servicebus.connection_string, [QueueTrigger("f", outbox.NOTIFY, inbox)])
    delivery.start()
    try:
        sent = bussed.transact(lambda tx: [tx.emit(outbox.NOTIFY, "t", {"n": number}) for number in range(3)])
        assert inbox.done.wait(30)
    finally:
        delivery.stop()
    assert sorted(message_id for message_id, _, _ in inbox.got) == sorted(str(message.id) for message in sent)
    assert {subject for _, subject, _ in inbox.got} == {"t"}
    pause = threading.Event()
    for _ in range(100):  # the handler may see a message before the relay has committed that it left
        if states(bussed)["PENDING"] == 0:
            break
        pause.wait(0.1)
    assert states(bussed) == {"PENDING": 0, "SENT": 3, "DEAD": 0}


def test_with_the_broker_away_rows_wait_for_the_timer(
    bussed: Platform, servicebus: ServiceBusBroker, clock: ManualClock
) -> None:
    servicebus.stop()
    bussed.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {"n": 1}))
    with pytest.raises(Unavailable):
        bussed.relay_outbox()
    with pytest.raises(Unavailable, match="a moment ago"):
        bussed.relay_outbox()
    assert states(bussed)["PENDING"] == 1
    servicebus.start()
    clock.advance(timedelta(seconds=6))
    bussed.relay_outbox()  # or the thread that the commit woke: whoever comes first
    assert states(bussed) == {"PENDING": 0, "SENT": 1, "DEAD": 0}
    assert bussed.relay_outbox() == 0
    with (
        ServiceBusClient.from_connection_string(servicebus.connection_string) as client,
        client.get_queue_receiver(outbox.NOTIFY) as receiver,
    ):
        (message,) = receiver.receive_messages(max_wait_time=5)
        assert json.loads(b"".join(message.body)) == {"n": 1}
        receiver.complete_message(message)


def test_a_delayed_message_leaves_when_it_is_due(bussed: Platform, clock: ManualClock) -> None:
    bussed.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {}, available_at=tx.now + timedelta(hours=1)))
    bussed.relay_outbox()
    assert states(bussed) == {"PENDING": 1, "SENT": 0, "DEAD": 0}
    clock.advance(timedelta(hours=1))
    bussed.relay_outbox()
    assert states(bussed) == {"PENDING": 0, "SENT": 1, "DEAD": 0}


def test_with_a_journal_a_killed_broker_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    options = ("--lock", "5", "--max-delivery", "3", "--duplicate-window", "60")
    broker = ServiceBusBroker(tmp_path / "log", (SHORT_QUEUE,), journal=tmp_path / "kept.db", options=options)
    try:
        broker.start()
        with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client:
            send(client, *(ServiceBusMessage(name, message_id=name) for name in ("done", "open", "bad")))
            with client.get_queue_receiver(SHORT_QUEUE) as receiver:
                got = receiver.receive_messages(max_message_count=3, max_wait_time=5)
                while len(got) < 3:
                    got += receiver.receive_messages(max_message_count=3, max_wait_time=5)
                receiver.complete_message(got[0])
                receiver.dead_letter_message(got[2], reason="why")
        broker.kill()
        broker.start()
        with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client:
            send(client, ServiceBusMessage("again", message_id="done"))
            with client.get_queue_receiver(SHORT_QUEUE) as receiver:
                (message,) = receiver.receive_messages(max_message_count=3, max_wait_time=5)
                assert bodies([message]) == ["open"]
                receiver.complete_message(message)
                assert receiver.receive_messages(max_wait_time=1) == [], "the message id is still known"
            with client.get_queue_receiver(SHORT_QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
                (message,) = dead.receive_messages(max_wait_time=5)
                assert (bodies([message]), message.dead_letter_reason) == (["bad"], "why")
    finally:
        broker.stop()


def test_large_messages_leave_in_several_batches_and_one_too_large_is_a_dead_letter(bussed: Platform) -> None:
    """One batch holds 256 KB: fifty events of 10 KB would never leave together, and would keep all others waiting."""
    bussed.transact(lambda tx: [tx.emit(outbox.NOTIFY, "t", {"n": number, "text": "x" * 10_000}) for number in range(60)])
    huge = bussed.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {"text": "x" * 300_000}))
    bussed.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {"n": 60}))
    bussed.relay_outbox()
    pause = threading.Event()
    for _ in range(100):  # or the thread that the commits woke: whoever comes first
        if states(bussed)["PENDING"] == 0:
            break
        pause.wait(0.1)
    assert states(bussed) == {"PENDING": 0, "SENT": 61, "DEAD": 1}
    (dead,) = bussed.database.read(outbox.dead_letters)
    assert dead.id == huge.id
    assert "bytes" in (dead.last_error or "")


@pytest.fixture
def delivered(bussed: Platform, servicebus: ServiceBusBroker) -> Iterator[Platform]:
    """A platform whose own functions receive from the broker."""
    use_platform(bussed)
    delivery = ServiceBusDelivery(servicebus.connection_string, triggers().queues)
    delivery.start()
    yield bussed
    delivery.stop()
    use_platform(None)


def until(condition: Any, *, seconds: float = 30) -> None:
    """Waits for a condition."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        pause.wait(0.1)


def test_poison_of_the_broker_is_seen_by_administrators_and_sent_again(
    delivered: Platform, servicebus: ServiceBusBroker, clock: ManualClock
) -> None:
    poison = delivered.transact(lambda tx: tx.emit(outbox.NOTIFY, "nonsense", {"n": 1}))
    with ServiceBusClient.from_connection_string(servicebus.connection_string, retry_total=0) as client:
        send(client, ServiceBusMessage("not json", message_id="foreign"), queue=outbox.CHARGE_REQUESTS)

    def kept() -> set[uuid.UUID]:
        sweeps.run("keep_dead_letters", delivered)
        return {item.id for item in delivered.database.read(outbox.dead_letters)}

    until(lambda: len(kept()) == 2)
    dead = {item.id: item for item in delivered.database.read(outbox.dead_letters)}
    assert "'nonsense' is not an event of the queue notify" in (dead.pop(poison.id).last_error or "")
    (foreign,) = dead.values()
    assert (foreign.queue, foreign.payload) == (outbox.CHARGE_REQUESTS, {"not_json": "not json"})
    assert "MaxDeliveryCountExceeded" in (foreign.last_error or "")
    clock.advance(timedelta(seconds=1))
    assert delivered.transact(lambda tx: outbox.revive(tx.conn, poison.id, now=tx.now))
    delivered.relay_outbox()
    until(lambda: poison.id in kept())


def test_a_dead_letter_that_could_not_be_kept_stays_for_the_next_sweep(bussed: Platform, servicebus: ServiceBusBroker) -> None:
    with ServiceBusClient.from_connection_string(servicebus.connection_string, retry_total=0) as client:
        send(client, ServiceBusMessage("{}", message_id="unlucky"), queue=outbox.NOTIFY)
        with client.get_queue_receiver(outbox.NOTIFY) as receiver:
            (message,) = receiver.receive_messages(max_wait_time=5)
            receiver.dead_letter_message(message, reason="why")

    def refuse(_queue: str, _message: Any) -> None:
        raise Unavailable("the database is away")

    with pytest.raises(Unavailable):
        bussed.bus.drain_dead_letters([outbox.NOTIFY], refuse)
    kept: list[str] = []
    until(lambda: bussed.bus.drain_dead_letters([outbox.NOTIFY], lambda _queue, message: kept.append(message.message_id)) == 1)
    assert kept == ["unlucky"]


def test_a_delivery_outlasts_a_component_that_is_away(delivered: Platform) -> None:
    """Three deliveries make a dead letter here; more failures than that in a row do not, while the cause is `Unavailable`."""
    with TestClient(create_app(lambda: delivered)) as client:
        world = World(delivered, client)
        driver = world.user()
        mailbox = delivered.settings.data_dir / "mailbox"
        real, fails = delivered.email, [4]

        class Away:
            def send(self, email: Any, *, operation_id: Any) -> None:
                fails[0] -= 1
                if fails[0] >= 0:
                    raise Unavailable("the mail service is away")
                real.send(email, operation_id=operation_id)

        delivered.__dict__["email"] = Away()
        assert driver.book(world.location(), "10:00").status_code == 201
        until(lambda: mailbox.exists() and len(list(mailbox.iterdir())) == 1)
    assert fails[0] == -1
    assert delivered.database.read(outbox.dead_letters) == []
