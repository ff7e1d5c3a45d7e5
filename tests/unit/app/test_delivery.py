"""The embedded bus: at least once, back-off, dead letters; poison stands in nobody's way."""

import json
from datetime import timedelta

import azure.functions as func
import pytest

from app.host.delivery import MAX_DELIVERIES, EmbeddedDelivery, backoff_s
from app.host.discovery import QueueTrigger
from shared import outbox
from shared.clock import ManualClock
from shared.platform import Platform


class Recorder:
    """A handler that keeps what it got, and fails on `poison`."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def __call__(self, message: func.ServiceBusMessage) -> None:
        word = json.loads(message.get_body())["word"]
        self.got.append(word)
        if word == "poison":
            raise ValueError("it cannot be worked off")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def delivery(platform: Platform, recorder: Recorder) -> EmbeddedDelivery:
    return EmbeddedDelivery(platform, [QueueTrigger("f", outbox.NOTIFY, recorder)])


def put(platform: Platform, *words: str) -> None:
    platform.transact(lambda tx: [tx.emit(outbox.NOTIFY, "t", {"word": word}) for word in words])


def counts(platform: Platform) -> dict[str, int]:
    return platform.database.read(outbox.counts)[outbox.NOTIFY]


def test_messages_come_in_order_and_are_settled(platform: Platform, delivery: EmbeddedDelivery, recorder: Recorder) -> None:
    put(platform, "a", "b", "c")
    assert delivery.drain() == 3
    assert recorder.got == ["a", "b", "c"]
    assert counts(platform) == {"PENDING": 0, "SENT": 3, "DEAD": 0}
    assert delivery.drain() == 0


def test_poison_is_tried_ten_times_with_growing_pauses_and_then_lies_dead(
    platform: Platform, clock: ManualClock, delivery: EmbeddedDelivery, recorder: Recorder
) -> None:
    put(platform, "poison", "good")
    delivery.drain()
    assert recorder.got == ["poison", "good"], "the one behind does not wait"
    for _ in range(MAX_DELIVERIES):
        clock.advance(timedelta(minutes=2))
        delivery.drain()
    assert recorder.got.count("poison") == MAX_DELIVERIES
    assert counts(platform) == {"PENDING": 0, "SENT": 1, "DEAD": 1}
    (dead,) = platform.database.read(outbox.dead_letters)
    assert dead.last_error == "ValueError: it cannot be worked off"
    assert dead.attempts == MAX_DELIVERIES


def test_the_pauses_double_up_to_a_minute() -> None:
    assert 0.8 <= backoff_s(1) <= 1.2
    assert 6.4 <= backoff_s(4) <= 9.6
    assert 48 <= backoff_s(20) <= 72


def test_a_handler_that_did_not_return_gets_the_message_again(platform: Platform) -> None:
    got: list[str] = []

    def crashes_once(message: func.ServiceBusMessage) -> None:
        got.append(str(message.message_id))
        if len(got) == 1:
            raise SystemExit("the process ends in the middle")

    delivery = EmbeddedDelivery(platform, [QueueTrigger("f", outbox.NOTIFY, crashes_once)])
    put(platform, "a")
    with pytest.raises(SystemExit):
        delivery.drain()
    assert counts(platform)["PENDING"] == 1
    EmbeddedDelivery(platform, [QueueTrigger("f", outbox.NOTIFY, crashes_once)]).drain()
    assert len(got) == 2
    assert got[0] == got[1], "the same message id, by which the inbox knows it"


def test_a_queue_nobody_takes_is_an_error_not_a_loss(platform: Platform, recorder: Recorder) -> None:
    platform.transact(lambda tx: tx.emit(outbox.CHARGE_REQUESTS, "t", {"word": "a"}))
    EmbeddedDelivery(platform, [QueueTrigger("f", outbox.NOTIFY, recorder)]).drain()
    assert platform.database.read(outbox.counts)[outbox.CHARGE_REQUESTS]["PENDING"] == 1


def test_in_the_background_a_commit_wakes_it(platform: Platform, recorder: Recorder) -> None:
    import threading

    done = threading.Event()

    def handler(message: func.ServiceBusMessage) -> None:
        recorder(message)
        done.set()

    delivery = EmbeddedDelivery(platform, [QueueTrigger("f", outbox.NOTIFY, handler)])
    delivery.start()
    try:
        put(platform, "a")
        assert done.wait(10)
    finally:
        delivery.stop()
    assert counts(platform) == {"PENDING": 0, "SENT": 1, "DEAD": 0}
