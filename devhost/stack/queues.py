"""The broker's queues: messages with locks, delivery counts, schedules, time to live, duplicates and dead letters."""

import collections
import itertools
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from proton import Data, Message, int32, symbol, timestamp

from devhost.stack.journal import Journal, Kept

now = time.time
STATES = {"deferred": 1, "scheduled": 2}


@dataclass(frozen=True)
class QueueOptions:
    """How a queue behaves; times in seconds. `duplicate_window` 0 means duplicates are not looked for."""

    lock_s: float = 60.0
    max_delivery: int = 10
    duplicate_window_s: float = 0.0
    dead_letter_on_expiry: bool = False


def sections(raw: bytes) -> Iterator[tuple[int, bytes, Any]]:
    """(descriptor, encoded bytes, value) of each AMQP section of an encoded message."""
    offset = 0
    while offset < len(raw):
        data = Data()
        length = data.decode(raw[offset:])
        data.rewind()
        data.next()
        described = data.get_py_described()
        yield int(described.descriptor), raw[offset : offset + length], described.value
        offset += length


def split_batch(raw: bytes) -> list[bytes]:
    """The messages of a transfer: a batch is one message whose data sections each hold an encoded message."""
    parts = [bytes(value) for code, _, value in sections(raw) if code == 0x75]
    if parts and all(len(part) > 3 and part[0] == 0 and part[1] in (0x53, 0x80) and 0x70 <= part[2] < 0x79 for part in parts):
        return parts
    return [raw]


class Stored:
    """A message in a queue: active, scheduled, deferred, or locked under `tag` until `until`."""

    def __init__(self, raw: bytes) -> None:
        self.message = Message()
        self.message.decode(raw)
        self.state, self.count, self.until = "active", 0, 0.0
        self.tag: uuid.UUID | None = None
        self.sequence, self.enqueued = 0, 0.0
        annotations = {str(key): value for key, value in (self.message.annotations or {}).items()}
        self.due = annotations.get("x-opt-scheduled-enqueue-time", 0) / 1000
        self.expires = now() + self.message.ttl if self.message.ttl else None

    def encode(self) -> bytes:
        """The message with the service's annotations. The header is written here: proton leaves out a delivery count of
        0, which the service always sends."""
        message = self.message
        annotations = dict(message.annotations or {})
        annotations |= {
            symbol("x-opt-sequence-number"): self.sequence,
            symbol("x-opt-enqueued-time"): timestamp(int(self.enqueued * 1000)),
            symbol("x-opt-enqueue-sequence-number"): self.sequence,
            symbol("x-opt-message-state"): int32(STATES.get(self.state, 0)),
        }
        if self.until:
            annotations[symbol("x-opt-locked-until")] = timestamp(int(self.until * 1000))
        message.annotations = annotations
        ttl = int((message.ttl or 0) * 1000)
        fields = bytes([0x41, 0x40]) + (b"\x70" + ttl.to_bytes(4, "big") if ttl else b"\x40")
        fields += b"\x40\x70" + self.count.to_bytes(4, "big")
        header = b"\x00\x53\x70\xc0" + bytes([len(fields) + 1, 5]) + fields
        return header + b"".join(part for code, part, _ in sections(message.encode()) if code != 0x70)


class BrokerQueue:
    """A queue, with its dead-letter queue behind it (which has none itself). With a journal it outlives its process."""

    def __init__(
        self, name: str, options: QueueOptions, dead: "BrokerQueue | None" = None, journal: Journal | None = None
    ) -> None:
        self.name, self.options, self.dead, self._journal = name, options, dead, journal
        self.stored: collections.OrderedDict[int, Stored] = collections.OrderedDict()
        self.links: list[Any] = []
        self._seen: dict[Any, float] = {}
        last = 0
        if journal is not None:
            last, self._seen = journal.last(name), journal.seen(name)
            for kept in journal.kept(name):
                self.stored[kept.sequence] = _restored(kept)
        self._numbers = itertools.count(last + 1)

    def put(self, item: Stored, *, look_for_duplicates: bool = True) -> int | None:
        """Takes a message; None where it is a duplicate that is dropped."""
        window, message_id = self.options.duplicate_window_s, item.message.id
        if window and look_for_duplicates and message_id is not None:
            self._seen = {known: at for known, at in self._seen.items() if at >= now() - window}
            if message_id in self._seen:
                return None
            self._seen[message_id] = now()
        item.sequence, item.enqueued = next(self._numbers), now()
        item.state = "scheduled" if item.due > now() else "active"
        self.stored[item.sequence] = item
        if self._journal is not None:
            raw = item.message.encode()
            kept = Kept(item.sequence, raw, item.state, item.count, item.enqueued, item.expires)
            self._journal.keep(self.name, kept)
            if window and look_for_duplicates and message_id is not None:
                self._journal.see(self.name, message_id, item.enqueued, window_s=window)
        return item.sequence

    def drop(self, item: Stored) -> None:
        """A message leaves the queue for good."""
        self.stored.pop(item.sequence, None)
        if self._journal is not None:
            self._journal.forget(self.name, item.sequence)

    def _changed(self, item: Stored) -> None:
        if self._journal is not None:
            self._journal.change(self.name, item.sequence, state=item.state, count=item.count)

    def lock(self, item: Stored) -> None:
        """Hands a message out."""
        item.state, item.tag, item.until = "locked", uuid.uuid4(), now() + self.options.lock_s

    def locked(self, token: Any) -> Stored | None:
        """The message a lock token still holds."""
        return next((item for item in self.stored.values() if token and item.tag == token and item.until > now()), None)

    def release(self, item: Stored) -> None:
        """The lock was given back or has run out: counted, and after too many a dead letter."""
        item.tag, item.until, item.state = None, 0.0, "active"
        item.count += 1
        if self.dead is not None and item.count >= self.options.max_delivery:
            text = f"Message could not be consumed after {item.count} delivery attempts."
            self.bury(item, "MaxDeliveryCountExceeded", text)
            return
        self._changed(item)

    def bury(self, item: Stored, reason: str | None, description: str | None) -> None:
        """Moves a message to the dead letters, with why."""
        left = item.sequence
        item.tag, item.until, item.due, item.expires = None, 0.0, 0, None
        properties = dict(item.message.properties or {})
        properties |= {"DeadLetterReason": reason or "", "DeadLetterErrorDescription": description or ""}
        item.message.properties = properties
        if self.dead is not None:  # there first: a crash between the two shows it twice rather than not at all
            self.dead.put(item, look_for_duplicates=False)
        self.stored.pop(left, None)
        if self._journal is not None:
            self._journal.forget(self.name, left)

    def settle(self, item: Stored, how: str, reason: str | None = None, description: str | None = None) -> None:
        """Completes, abandons, defers or dead-letters a locked message."""
        if how == "complete":
            self.drop(item)
        elif how == "abandon":
            self.release(item)
        elif how == "defer":
            item.state, item.tag, item.until = "deferred", None, 0.0
            self._changed(item)
        else:
            self.bury(item, reason, description)

    def tick(self) -> None:
        """What time does: schedules fall due, locks run out, messages expire."""
        at = now()
        for item in list(self.stored.values()):
            if item.state == "scheduled" and item.due <= at:
                item.state, item.enqueued = "active", at
                self._changed(item)
            elif item.state == "locked" and item.until <= at:
                self.release(item)
            elif item.state == "active" and item.expires and item.expires <= at:
                if self.options.dead_letter_on_expiry and self.dead is not None:
                    self.bury(item, "TTLExpiredException", "The message expired and was dead lettered.")
                else:
                    self.drop(item)


def _restored(kept: Kept) -> Stored:
    item = Stored(kept.raw)
    item.sequence, item.state, item.count = kept.sequence, kept.state, kept.count
    item.enqueued, item.expires = kept.enqueued, kept.expires
    return item
