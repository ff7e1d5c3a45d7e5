"""Delivery of queue messages to the app's functions: from the outbox table on the embedded bus, from Service Bus with
the real SDK otherwise. At least once, with back-off; what keeps failing becomes a dead letter."""

import json
import logging
import random
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from azure.functions.servicebus import ServiceBusMessage

from app.host.discovery import QueueTrigger
from app.operations import as_received, bury
from shared import outbox
from shared.clock import SystemClock
from shared.platform import Platform

log = logging.getLogger(__name__)
MAX_DELIVERIES = 10
WORKERS = 4
RENEW_BEFORE = timedelta(seconds=4)
"""How long before a lock runs out it is renewed; locks last 5 s (in tests) to 60 s."""


class QueueDelivery(Protocol):
    """Brings messages to handlers until it is stopped."""

    def start(self) -> None:
        """Begins in the background."""
        ...

    def stop(self) -> None:
        """Lets what is running end, then ends."""
        ...


def backoff_s(failures: int) -> float:
    """Seconds before the next try: doubling from half a second to a minute, with jitter of a fifth."""
    return min(60.0, 0.5 * 2.0**failures) * random.uniform(0.8, 1.2)


class EmbeddedDelivery:
    """Delivers rows of the outbox. For one process: what is in flight is known in memory, and a row is settled only when
    its handler has returned, so a crash delivers it again."""

    def __init__(self, platform: Platform, queues: Sequence[QueueTrigger], *, look_every_s: float = 30.0) -> None:
        """`look_every_s`: how often the outbox is looked at unasked, for what other processes committed."""
        self._platform, self._look_every_s = platform, look_every_s
        self._queues = {queue.queue: queue for queue in queues}
        self._in_flight: set[uuid.UUID] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins; commits wake it, and the instants at which delayed messages fall due."""
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="delivery")
        self._platform.on_message = self._wake.set
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for handlers that are running."""
        self._stopping = True
        self._platform.on_message = None
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _run(self) -> None:
        assert self._pool is not None
        while not self._stopping:
            self._wake.clear()
            try:
                for message in self._next():
                    self._pool.submit(self._deliver_and_wake, message)
                wait = self._idle_s()
            except Exception:
                log.exception("the outbox could not be read; trying again")
                wait = 2.0
            self._wake.wait(wait)

    def _next(self) -> list[outbox.Message]:
        with self._lock:
            busy = set(self._in_flight)
        room = WORKERS * 2 - len(busy)
        if room <= 0:
            return []
        now = self._platform.clock.now()
        due_messages = self._platform.database.read(lambda conn: outbox.due(conn, now=now, limit=len(busy) + room))
        fresh = [message for message in due_messages if message.id not in busy][:room]
        with self._lock:
            self._in_flight.update(message.id for message in fresh)
        return fresh

    def _idle_s(self) -> float:
        due = self._platform.database.read(outbox.next_due_at)
        if due is None:
            return self._look_every_s
        return min(self._look_every_s, max(0.25, (due - self._platform.clock.now()).total_seconds()))

    def _deliver_and_wake(self, message: outbox.Message) -> None:
        try:
            self.deliver(message)
        except Exception:
            log.exception("message %s could not be settled; it will be delivered again", message.id)
        finally:
            with self._lock:
                self._in_flight.discard(message.id)
            self._wake.set()

    def deliver(self, message: outbox.Message) -> bool:
        """Delivers one message and records how it went. True if its handler returned."""
        database, clock = self._platform.database, self._platform.clock
        queue = self._queues.get(message.queue)
        try:
            if queue is None:
                raise LookupError(f"no function takes queue {message.queue}")
            queue.deliver(as_service_bus(message))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, the message is kept and tried again
            text = f"{type(error).__name__}: {error}"
            failures = message.attempts + 1
            if failures >= MAX_DELIVERIES:
                log.error("message %s of %s is a dead letter: %s", message.id, message.queue, text)
                self._platform.transact(lambda tx: bury(tx, message, error=text))
            else:
                again = clock.now() + timedelta(seconds=backoff_s(failures))
                log.warning("message %s of %s failed (%d): %s", message.id, message.queue, failures, text)
                database.transact(lambda conn: outbox.put_back(conn, message.id, error=text, available_at=again))
            return False
        database.transact(lambda conn: outbox.settle(conn, [message.id], now=clock.now()))
        return True

    def drain(self) -> int:
        """Delivers, in this thread, all that is due until nothing is. Returns how many deliveries were made."""
        deliveries = 0
        while True:
            due_messages = self._platform.database.read(partial(outbox.due, now=self._platform.clock.now(), limit=100))
            if not due_messages:
                return deliveries
            for message in due_messages:
                self.deliver(message)
                deliveries += 1


def as_service_bus(message: outbox.Message) -> ServiceBusMessage:
    """An outbox row as the Functions worker would hand it over."""
    return ServiceBusMessage(
        body=json.dumps(message.payload).encode(),
        message_id=str(message.id),
        subject=message.type,
        content_type="application/json",
        delivery_count=message.attempts + 1,
        enqueued_time_utc=message.created_at,
        application_properties={"due_at": message.due_at.isoformat()},
        user_properties={},
    )


class ServiceBusDelivery:
    """Receives from Service Bus with the real SDK: peek-lock, lock renewal, complete or abandon. The broker counts
    deliveries and keeps the dead letters."""

    def __init__(self, connection_string: str, queues: Sequence[QueueTrigger]) -> None:
        self._connection_string = connection_string
        self._queues = queues
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """One receiver a queue."""
        for queue in self._queues:
            thread = threading.Thread(target=self._receive, args=(queue,), name=f"receive-{queue.queue}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Waits for handlers that are running."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _receive(self, queue: QueueTrigger) -> None:
        from azure.servicebus import ServiceBusClient, ServiceBusSubQueue
        from azure.servicebus.exceptions import ServiceBusError

        name, _, below = queue.queue.partition("/")
        sub_queue = ServiceBusSubQueue.DEAD_LETTER if below else None
        while not self._stop.is_set():
            try:
                with (
                    ServiceBusClient.from_connection_string(self._connection_string, retry_total=1) as client,
                    client.get_queue_receiver(name, sub_queue=sub_queue) as receiver,
                    ThreadPoolExecutor(WORKERS, thread_name_prefix=f"deliver-{queue.queue}") as pool,
                ):
                    self._work_off(queue, receiver, pool)
            except (ServiceBusError, OSError, ValueError) as error:
                log.warning("queue %s: %s; connecting again", queue.queue, error)
                self._stop.wait(1.0)

    def _work_off(self, queue: QueueTrigger, receiver: Any, pool: ThreadPoolExecutor) -> None:
        """Receives, settles and renews locks, all in this thread: receivers are not thread-safe, and the SDK's own
        AutoLockRenewer keeps a core busy while any message is being handled."""
        handling: dict[Future[bool], Any] = {}
        while handling or not self._stop.is_set():
            room = 0 if self._stop.is_set() else WORKERS - len(handling)
            if room:
                for message in _waiting(receiver, room, first_wait_s=0.05 if handling else 0.5):
                    handling[pool.submit(self._handled, queue, message)] = message
            if not handling:
                continue
            done, _ = wait(handling, timeout=0.05 if room else 0.5, return_when=FIRST_COMPLETED)
            for future in done:
                self._settle(receiver, handling.pop(future), future.result())
            for message in handling.values():
                self._renew(receiver, message)

    @staticmethod
    def _settle(receiver: Any, message: Any, done: bool) -> None:
        from azure.servicebus.exceptions import MessageLockLostError

        try:
            if done:
                receiver.complete_message(message)
            else:
                receiver.abandon_message(message)
        except MessageLockLostError:
            log.warning("the lock of message %s ran out; it will be delivered again", message.message_id)

    @staticmethod
    def _renew(receiver: Any, message: Any) -> None:
        from azure.servicebus.exceptions import MessageLockLostError

        left = message.locked_until_utc - SystemClock().now()  # the broker's clock is the machine's
        if left > RENEW_BEFORE or left < timedelta(0):
            return
        try:
            receiver.renew_message_lock(message)
        except MessageLockLostError:
            log.warning("the lock of message %s could not be renewed", message.message_id)

    def _handled(self, queue: QueueTrigger, message: Any) -> bool:
        try:
            queue.deliver(as_received(message))
        except Exception as error:  # noqa: BLE001 - the broker delivers again and counts
            log.warning("message %s of %s failed: %s: %s", message.message_id, queue.queue, type(error).__name__, error)
            self._stop.wait(min(backoff_s(0), 1.0))
            return False
        return True


def _waiting(receiver: Any, room: int, *, first_wait_s: float) -> Iterator[Any]:
    """The messages that wait, at most `room`, each as soon as it is there. One is asked for at a time: asked for several, the
    SDK waits some 200 ms for more before it hands over the first."""
    wait_s = first_wait_s
    for _ in range(room):
        received = receiver.receive_messages(max_message_count=1, max_wait_time=wait_s)
        if not received:
            return
        yield received[0]
        wait_s = 0.01


def make_delivery(
    platform: Platform, queues: Sequence[QueueTrigger], *, look_every_s: float = 30.0
) -> EmbeddedDelivery | ServiceBusDelivery:
    """The delivery the settings choose; `look_every_s` is the embedded one's. Raises ValueError."""
    connection = platform.settings.servicebus
    if platform.settings.servicebus_namespace is not None:
        raise ValueError("SERVICEBUS__fullyQualifiedNamespace: is the Functions host's; this delivers by SERVICEBUS")
    if connection is None:
        return EmbeddedDelivery(platform, queues, look_every_s=look_every_s)
    return ServiceBusDelivery(connection.get_secret_value(), queues)
