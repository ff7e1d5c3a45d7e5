"""The message bus: Azure Service Bus with the real SDK, or the outbox table itself, from which one process delivers."""

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from shared.clock import Clock
from shared.errors import Unavailable
from shared.identity import Identity
from shared.outbox import Message

MAX_BODY_BYTES = 240 * 1024
"""What a message may carry: a queue of the standard tier takes 256 KB with header and properties."""

DEAD_BATCH, DEAD_WAIT_S = 50, 1.0
"""Dead letters that are asked for at once, and how long for the first of them."""


class Bus(Protocol):
    """Takes messages out of the outbox."""

    relays: bool
    """Whether rows must be sent somewhere; False where the table itself is the queue."""

    def send(self, messages: list[Message]) -> dict[uuid.UUID, str]:
        """Sends all or raises Unavailable; a repeated send of the same id is harmless (inbox, duplicate detection).
        Returns those that no try will ever send, with why."""
        ...

    def drain_dead_letters(self, queues: Iterable[str], keep: Callable[[str, Any], None]) -> int:
        """Hands each dead letter of the queues to `keep`, with its queue's name, and takes it away once that has returned.

        Returns how many. Raises Unavailable where the bus is away, and what `keep` raises: that message stays.
        """
        ...

    def close(self) -> None:
        """Ends connections."""
        ...


class EmbeddedBus:
    """The outbox table is the queue: nothing is sent, devhost delivers from the rows."""

    relays = False

    def send(self, _messages: list[Message]) -> dict[uuid.UUID, str]:
        """Never called: `relays` is False."""
        raise AssertionError("the embedded bus has nothing to send to")

    def drain_dead_letters(self, queues: Iterable[str], keep: Callable[[str, Any], None]) -> int:  # noqa: ARG002
        """Dead letters are rows of the table already."""
        return 0

    def close(self) -> None:
        """Nothing is open."""


def by_connection_string(text: str) -> Callable[[], Any]:
    """How to open a client with a key."""

    def connect() -> Any:
        from azure.servicebus import ServiceBusClient

        return ServiceBusClient.from_connection_string(text, retry_total=0)

    return connect


def by_identity(namespace: str, identity: Identity) -> Callable[[], Any]:
    """How to open a client of a namespace (`NAME.servicebus.windows.net`) by the managed identity."""

    def connect() -> Any:
        from azure.servicebus import ServiceBusClient

        return ServiceBusClient(namespace, identity.credential, retry_total=0)

    return connect


class ServiceBus:
    """Azure Service Bus: one long-lived sender a queue behind one lock, no retries of its own, and a circuit breaker.

    Senders are not thread-safe and opening one costs 0.5 s; the SDK's retries take 11 s with the broker down. What fails waits
    for the timer.
    """

    relays = True

    def __init__(self, connect: Callable[[], Any], clock: Clock, *, open_for_s: float = 5.0) -> None:
        """`connect` opens a client: `by_connection_string` or `by_identity`."""
        self._connect = connect
        self._clock = clock
        self._open_for_s = open_for_s
        self._lock = threading.Lock()
        self._client: Any = None
        self._senders: dict[str, Any] = {}
        self._circuit_open_until = float("-inf")

    def send(self, messages: list[Message]) -> dict[uuid.UUID, str]:
        """Sends by queue, in order, in as many batches as their size asks for. Raises Unavailable at once while the circuit
        is open."""
        from azure.core.exceptions import AzureError

        refused: dict[uuid.UUID, str] = {}
        with self._lock:
            if self._clock.monotonic() < self._circuit_open_until:
                raise Unavailable("Service Bus did not answer a moment ago; the relay tries again.")
            try:
                for queue in dict.fromkeys(message.queue for message in messages):
                    refused |= self._send_to(queue, [message for message in messages if message.queue == queue])
            except (AzureError, OSError, ValueError) as error:
                self._drop()
                self._circuit_open_until = self._clock.monotonic() + self._open_for_s
                raise Unavailable(f"Service Bus: {error}") from error
        return refused

    def _send_to(self, queue: str, messages: list[Message]) -> dict[uuid.UUID, str]:
        from azure.servicebus.exceptions import MessageSizeExceededError

        refused: dict[uuid.UUID, str] = {}
        sender = self._sender(queue)
        batch, batched = sender.create_message_batch(), 0
        for message in messages:
            body = json.dumps(message.payload).encode()
            if len(body) > MAX_BODY_BYTES:
                refused[message.id] = f"the message has {len(body)} bytes, a queue takes {MAX_BODY_BYTES}"
                continue
            bus_message = _bus_message(message, body)
            try:
                batch.add_message(bus_message)
            except MessageSizeExceededError:
                if not batched:
                    raise
                sender.send_messages(batch, timeout=5)
                batch, batched = sender.create_message_batch(), 0
                batch.add_message(bus_message)
            batched += 1
        if batched:
            sender.send_messages(batch, timeout=5)
        return refused

    def _sender(self, queue: str) -> Any:
        if self._client is None:
            self._client = self._connect()
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]

    def drain_dead_letters(self, queues: Iterable[str], keep: Callable[[str, Any], None]) -> int:
        """By a client of its own, a queue after the other, as the protocol says."""
        from azure.core.exceptions import AzureError
        from azure.servicebus import ServiceBusSubQueue

        kept = 0
        try:
            with self._connect() as client:
                for queue in queues:
                    with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
                        while messages := receiver.receive_messages(max_message_count=DEAD_BATCH, max_wait_time=DEAD_WAIT_S):
                            for message in messages:
                                keep(queue, message)
                                receiver.complete_message(message)
                                kept += 1
        except (AzureError, OSError) as error:
            raise Unavailable(f"Service Bus: {error}") from error
        return kept

    def _drop(self) -> None:
        client, self._client, self._senders = self._client, None, {}
        if client is not None:
            client.close()

    def close(self) -> None:
        """Closes senders and client."""
        with self._lock:
            self._drop()


def _bus_message(message: Message, body: bytes) -> Any:
    from azure.servicebus import ServiceBusMessage

    # A dead letter that is sent again needs another id on the bus: within its window duplicate detection would drop it.
    again = f":{message.available_at.timestamp():.6f}" if message.last_error is not None else ""
    return ServiceBusMessage(
        body,
        message_id=f"{message.id}{again}",
        subject=message.type,
        content_type="application/json",
        application_properties={"due_at": message.due_at.isoformat(), "outbox_id": str(message.id)},
    )
