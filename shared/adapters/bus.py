"""The message bus: Azure Service Bus with the real SDK, or the outbox table itself, drained by devhost."""

import json
import threading
from typing import Any, Protocol

from shared.clock import Clock
from shared.errors import Unavailable
from shared.outbox import Message


class Bus(Protocol):
    """Takes messages out of the outbox."""

    relays: bool
    """Whether rows must be sent somewhere; False where the table itself is the queue."""

    def send(self, messages: list[Message]) -> None:
        """Sends all or raises Unavailable; a repeated send of the same id is harmless (inbox, duplicate detection)."""
        ...

    def close(self) -> None:
        """Ends connections."""
        ...


class EmbeddedBus:
    """The outbox table is the queue: nothing is sent, devhost delivers from the rows."""

    relays = False

    def send(self, messages: list[Message]) -> None:
        """Never called: `relays` is False."""
        raise AssertionError("the embedded bus has nothing to send to")

    def close(self) -> None:
        """Nothing is open."""


class ServiceBus:
    """Azure Service Bus: one long-lived sender a queue behind one lock (senders are not thread-safe; opening one costs
    0.5 s), no retries of its own (11 s by default with the broker down) and a circuit breaker: what fails waits for the
    timer."""

    relays = True

    def __init__(self, connection_string: str, clock: Clock, *, open_for_s: float = 5.0) -> None:
        self._connection_string = connection_string
        self._clock = clock
        self._open_for_s = open_for_s
        self._lock = threading.Lock()
        self._client: Any = None
        self._senders: dict[str, Any] = {}
        self._closed_until = float("-inf")

    def send(self, messages: list[Message]) -> None:
        """Sends by queue, in order. Raises Unavailable at once while the circuit is open."""
        from azure.core.exceptions import AzureError
        from azure.servicebus import ServiceBusMessage

        with self._lock:
            if self._clock.monotonic() < self._closed_until:
                raise Unavailable("Service Bus did not answer a moment ago; the relay tries again.")
            try:
                for queue in dict.fromkeys(message.queue for message in messages):
                    batch = [
                        ServiceBusMessage(
                            json.dumps(message.payload).encode(),
                            message_id=str(message.id),
                            subject=message.type,
                            content_type="application/json",
                            application_properties={"created_at": message.created_at.isoformat()},
                        )
                        for message in messages
                        if message.queue == queue
                    ]
                    self._sender(queue).send_messages(batch, timeout=5)
            except (AzureError, OSError, ValueError) as error:
                self._drop()
                self._closed_until = self._clock.monotonic() + self._open_for_s
                raise Unavailable(f"Service Bus: {error}") from error

    def _sender(self, queue: str) -> Any:
        from azure.servicebus import ServiceBusClient

        if self._client is None:
            self._client = ServiceBusClient.from_connection_string(self._connection_string, retry_total=0)
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]

    def _drop(self) -> None:
        client, self._client, self._senders = self._client, None, {}
        if client is not None:
            client.close()

    def close(self) -> None:
        """Closes senders and client."""
        with self._lock:
            self._drop()
