"""What notify tells itself: that a letter it has held is due."""

from dataclasses import dataclass
from typing import ClassVar

from shared.events import Event


@dataclass(frozen=True)
class MessageDue(Event):
    """What a queue message has to send was held for a moment, which is over."""

    TYPE: ClassVar[str] = "message_due"
    message_id: str
    """The queue message whose deliveries are due."""
