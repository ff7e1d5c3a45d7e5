"""A look-alike of Azure Service Bus queues on loopback: AMQP 1.0 over plain TCP, on python-qpid-proton.

    python -m devhost.stack.broker --port 5672 --queue charge-requests --queue notify

Enough of the service for the real SDK: $cbs, batches, peek-lock, receive-and-delete, complete, abandon, dead-letter, defer,
lock renewal, schedules, peeking, duplicate detection, time to live. No topics, sessions or transactions. With `--journal FILE`
what was accepted outlives the process, as it does in the service; without it nothing is kept.
"""

import argparse
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proton import (
    UNDESCRIBED,
    Array,
    Condition,
    Data,
    Delivery,
    Endpoint,
    Handler,
    Link,
    Message,
    int32,
    symbol,
    timestamp,
)
from proton.handlers import Handshaker
from proton.reactor import Container

from devhost.stack.journal import Journal
from devhost.stack.queues import BrokerQueue, QueueOptions, Stored, now, split_batch

NOT_FOUND, LOCK_LOST = "amqp:not-found", "com.microsoft:message-lock-lost"
LOCK_LOST_TEXT = (
    "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue."
)
MAX_BYTES = 262_144
TICK_S = 0.05
Answer = tuple[int, Any, str | None, str | None]


class Broker(Handler):  # type: ignore[misc]
    """The broker's reactor events."""

    def __init__(
        self, port: int, queues: Mapping[str, QueueOptions], host: str = "127.0.0.1", journal: Journal | None = None
    ) -> None:
        super().__init__()
        self.host, self.port = host, port
        self.queues: dict[str, BrokerQueue] = {}
        self.handlers = [Handshaker()]
        for name, options in queues.items():
            forever = QueueOptions(lock_s=options.lock_s, max_delivery=10**9)
            dead = BrokerQueue(f"{name}/$DeadLetterQueue", forever, journal=journal)
            self.queues[name.lower()] = BrokerQueue(name, options, dead, journal)
            self.queues[dead.name.lower()] = dead

    def entity(self, address: str | None) -> str:
        """An address without scheme and host, lower case."""
        name = (address or "").split("://")[-1]
        host, _, rest = name.partition("/")
        if rest and host in (f"{self.host}:{self.port}", self.host, "localhost"):
            name = rest
        return name.strip("/").lower()

    def on_reactor_init(self, event: Any) -> None:
        """Listens."""
        event.container.listen(f"{self.host}:{self.port}")
        self.container = event.container
        event.container.schedule(TICK_S, self)

    def on_timer_task(self, _event: Any) -> None:
        """Lets time pass in every queue."""
        for queue in self.queues.values():
            queue.tick()
            self.pump(queue)
        self.container.schedule(TICK_S, self)

    def on_link_remote_open(self, event: Any) -> None:
        """Attaches a link to a queue, to its management node, or to $cbs."""
        link = event.link
        address = link.remote_source.address if link.is_sender else link.remote_target.address
        name = self.entity(address)
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode, link.rcv_settle_mode = link.remote_snd_settle_mode, link.remote_rcv_settle_mode
        if name != "$cbs" and name.removesuffix("/$management") not in self.queues:
            link.source.address = link.target.address = None
            link.open()
            link.condition = Condition(NOT_FOUND, f"The messaging entity '{address}' could not be found.")
            link.close()
            return
        link.context = name
        if link.is_receiver:
            link.max_message_size = MAX_BYTES
            link.open()
            link.flow(500)
            return
        link.open()
        if name in self.queues:
            self.queues[name].links.append(link)

    def on_link_remote_close(self, event: Any) -> None:
        """Forgets a link."""
        for queue in self.queues.values():
            queue.links = [link for link in queue.links if link != event.link]
        event.link.close()

    on_link_remote_detach = on_link_remote_close

    def on_connection_remote_close(self, event: Any) -> None:
        """Forgets a connection's links."""
        self._forget(event.connection)

    def on_transport_tail_closed(self, event: Any) -> None:
        """The same where the client just went away."""
        if event.connection:
            self._forget(event.connection)

    def _forget(self, connection: Any) -> None:
        for queue in self.queues.values():
            queue.links = [link for link in queue.links if link.connection != connection]

    def on_link_flow(self, event: Any) -> None:
        """A receiver gave credit."""
        if event.link.is_sender and event.link.context in self.queues:
            self.pump(self.queues[event.link.context])
            if event.link.drain_mode and event.link.credit:
                event.link.drained()

    def pump(self, queue: BrokerQueue) -> None:
        """Hands out active messages as far as the credit goes."""
        for link in list(queue.links):
            while link.state & Endpoint.REMOTE_ACTIVE and link.credit > 0:
                item = next((item for item in queue.stored.values() if item.state == "active"), None)
                if item is None:
                    return
                settled = link.snd_settle_mode == Link.SND_SETTLED
                if settled:
                    queue.drop(item)
                else:
                    queue.lock(item)
                tag = item.tag or uuid.uuid4()
                delivery = link.delivery(tag.bytes_le)
                delivery.context = (queue, item, tag)
                link.send(item.encode())
                link.advance()
                if settled:
                    delivery.settle()

    def on_delivery(self, event: Any) -> None:
        """A message came in, or one that went out was settled."""
        delivery = event.delivery
        if delivery.link.is_receiver:
            if delivery.readable and not delivery.partial:
                raw = bytes(delivery.link.recv(delivery.pending))
                delivery.link.advance()
                self.incoming(delivery, raw)
                delivery.link.flow(1)
        elif delivery.updated and isinstance(delivery.context, tuple):
            self.disposition(delivery)

    def disposition(self, delivery: Any) -> None:
        """Settles a message by the receiver's outcome, which the SDK wants echoed."""
        queue, item, tag = delivery.context
        outcome = delivery.remote_state
        if not outcome and not delivery.settled:
            return
        delivery.context = None
        if item.tag != tag or item.state != "locked" or item.until <= now():
            if not delivery.settled:
                delivery.local.condition = Condition(LOCK_LOST, LOCK_LOST_TEXT)
                delivery.update(Delivery.REJECTED)
            delivery.settle()
            return
        if outcome == Delivery.ACCEPTED:
            queue.settle(item, "complete")
        elif outcome == Delivery.REJECTED:
            condition = delivery.remote.condition
            info = {str(key): value for key, value in ((condition.info if condition else None) or {}).items()}
            queue.settle(item, "deadletter", info.get("DeadLetterReason"), info.get("DeadLetterErrorDescription"))
        elif outcome == Delivery.MODIFIED and delivery.remote.undeliverable:
            queue.settle(item, "defer")
        else:
            queue.settle(item, "abandon")
        if not delivery.settled:
            if outcome == Delivery.MODIFIED:
                delivery.local.undeliverable = delivery.remote.undeliverable
                delivery.local.failed = delivery.remote.failed
            delivery.update(outcome)
        delivery.settle()
        self.pump(queue)
        if queue.dead is not None:
            self.pump(queue.dead)

    def incoming(self, delivery: Any, raw: bytes) -> None:
        """A request to a node, or messages for a queue."""
        name = getattr(delivery.link, "context", None)
        if name is None:  # a transfer on a link that was refused
            delivery.settle()
            return
        if name == "$cbs" or name.endswith("/$management"):
            delivery.update(Delivery.ACCEPTED)
            delivery.settle()
            self.answer(delivery.link, name, raw)
            return
        if len(raw) > MAX_BYTES:
            text = f"The received message exceeds {MAX_BYTES} bytes."
            delivery.local.condition = Condition("amqp:link:message-size-exceeded", text)
            delivery.update(Delivery.REJECTED)
            delivery.settle()
            return
        queue = self.queues[name]
        for part in split_batch(raw):
            queue.put(Stored(part))
        delivery.update(Delivery.ACCEPTED)
        delivery.settle()
        self.pump(queue)

    def answer(self, link: Any, name: str, raw: bytes) -> None:
        """Answers a request on the session's link of the same node."""
        request = Message()
        request.decode(raw)
        properties = {str(key): value for key, value in (request.properties or {}).items()}
        reply = Message(correlation_id=request.id, address=request.reply_to)
        if name == "$cbs":
            known = self.entity(str(properties.get("name", ""))).removesuffix("/$management") in self.queues
            text = "Accepted" if known else f"The messaging entity '{properties.get('name')}' could not be found."
            reply.properties = {"status-code": int32(202 if known else 404), "status-description": text}
        else:
            body = {str(key): value for key, value in (request.body or {}).items()}
            queue = self.queues[name.removesuffix("/$management")]
            code, value, condition, text_ = self.manage(queue, str(properties.get("operation")), body)
            reply.properties = {"statusCode": int32(code), "statusDescription": text_ or "OK"}
            if condition is not None:
                reply.properties["errorCondition"] = symbol(condition)
            reply.body = value
        sender = link.connection.link_head(0)
        while sender is not None and not (sender.is_sender and sender.context == name and sender.session == link.session):
            sender = sender.next(0)
        if sender is not None:
            delivery = sender.delivery(uuid.uuid4().bytes)
            sender.send(reply.encode())
            sender.advance()
            delivery.settle()

    def manage(self, queue: BrokerQueue, operation: str, body: dict[str, Any]) -> Answer:
        """A management operation: (status, body, error condition, description)."""
        handler = {
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
            "renew-lock": self._renew,
            "peek-message": self._peek,
            "receive-by-sequence-number": self._receive,
            "update-disposition": self._update,
        }.get(operation.split(":")[-1])
        if handler is None:
            return 501, None, "amqp:not-implemented", operation
        return handler(queue, body)

    @staticmethod
    def _schedule(queue: BrokerQueue, body: dict[str, Any]) -> Answer:
        raws = [bytes({str(key): value for key, value in item.items()}["message"]) for item in body["messages"]]
        numbers = [queue.put(Stored(raw)) or 0 for raw in raws]
        return 200, {"sequence-numbers": Array(UNDESCRIBED, Data.LONG, *numbers)}, None, None

    @staticmethod
    def _cancel(queue: BrokerQueue, body: dict[str, Any]) -> Answer:
        for number in body.get("sequence-numbers") or []:
            if number not in queue.stored or queue.stored[number].state != "scheduled":
                return 404, None, "com.microsoft:message-not-found", "not found"
            queue.drop(queue.stored[number])
        return 200, {}, None, None

    @staticmethod
    def _renew(queue: BrokerQueue, body: dict[str, Any]) -> Answer:
        locked = [queue.locked(token) for token in body.get("lock-tokens") or []]
        expirations = []
        for item in locked:
            if item is None:
                return 410, None, LOCK_LOST, LOCK_LOST_TEXT
            item.until = now() + queue.options.lock_s
            expirations.append(timestamp(int(item.until * 1000)))
        return 200, {"expirations": Array(UNDESCRIBED, Data.TIMESTAMP, *expirations)}, None, None

    @staticmethod
    def _peek(queue: BrokerQueue, body: dict[str, Any]) -> Answer:
        first, count = body.get("from-sequence-number", 0), body.get("message-count", 1)
        peeked = [item for number, item in queue.stored.items() if number >= first][:count]
        if not peeked:
            return 204, {}, None, None
        return 200, {"messages": [{"message": item.encode()} for item in peeked]}, None, None

    @staticmethod
    def _receive(queue: BrokerQueue, body: dict[str, Any]) -> Answer:
        received = []
        for number in body.get("sequence-numbers") or []:
            item = queue.stored.get(number)
            if item is None or item.state != "deferred":
                return 404, None, "com.microsoft:message-not-found", "not found"
            queue.lock(item)
            received.append({"message": item.encode(), "lock-token": item.tag})
        return 200, {"messages": received}, None, None

    @staticmethod
    def _update(queue: BrokerQueue, body: dict[str, Any]) -> Answer:
        locked = [queue.locked(token) for token in body.get("lock-tokens") or []]
        words = {"completed": "complete", "abandoned": "abandon", "defered": "defer", "suspended": "deadletter"}
        for item in locked:
            if item is None:
                return 410, None, LOCK_LOST, LOCK_LOST_TEXT
            reason, text = body.get("deadletter-reason"), body.get("deadletter-description")
            queue.settle(item, words[body["disposition-status"]], reason, text)
        return 200, {}, None, None


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description="A loopback look-alike of Azure Service Bus queues.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--queue", action="append", required=True, help="a queue's name; may be given more than once")
    parser.add_argument("--lock", type=float, default=60.0, help="seconds a message stays locked")
    parser.add_argument("--max-delivery", type=int, default=10, help="deliveries before a message is a dead letter")
    parser.add_argument("--duplicate-window", type=float, default=600.0, help="seconds in which a message id counts once")
    parser.add_argument("--dead-letter-on-expiry", action="store_true")
    parser.add_argument("--journal", type=Path, help="file that keeps what was accepted over a restart")
    chosen = parser.parse_args()
    options = QueueOptions(chosen.lock, chosen.max_delivery, chosen.duplicate_window, chosen.dead_letter_on_expiry)
    journal = None if chosen.journal is None else Journal(chosen.journal)
    Container(Broker(chosen.port, dict.fromkeys(chosen.queue, options), journal=journal)).run()


if __name__ == "__main__":
    main()
