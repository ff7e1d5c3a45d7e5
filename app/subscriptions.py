"""Who listens to which event: the one table. An event goes to each queue it is subscribed on; there each of its handlers has
its effect once for ever, by an inbox row under the handler's name."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.accounts import events as accounts
from functions.booking import events as booking
from functions.operators import events as operators
from functions.optimizer import events as optimizer
from functions.stations.feed import events as feed
from shared.events import Event
from shared.outbox import CHARGE_REQUESTS, NOTIFY
from shared.platform import Platform


@dataclass(frozen=True)
class Handler:
    """A function `handle(platform, *, consumer, message_id, event)`, as `module:name`; it is imported with its first event.

    `name` is the consumer under which its inbox rows are kept: it never changes.
    """

    name: str
    function: str

    def run(self, platform: Platform, *, message_id: str, event: Event) -> None:
        """Handles an event."""
        module, _, name = self.function.partition(":")
        getattr(importlib.import_module(module), name)(platform, consumer=self.name, message_id=message_id, event=event)


DECIDE = (CHARGE_REQUESTS, Handler("optimize_charge_request", "functions.optimizer.service:handle"))
TELL = (NOTIFY, Handler("send_notifications", "functions.notify.service:handle"))

SUBSCRIPTIONS: Mapping[type[Event], tuple[tuple[str, Handler], ...]] = {
    accounts.AccountRegistered: (TELL,),
    accounts.VerificationWanted: (TELL,),
    accounts.PasswordForgotten: (TELL,),
    accounts.EmailChangeWanted: (TELL,),
    accounts.PasswordChanged: (TELL,),
    accounts.EmailChanged: (TELL,),
    accounts.PhoneProofWanted: (TELL,),
    accounts.PhoneChanged: (TELL,),
    accounts.PhoneTaken: (TELL,),
    accounts.AccountLinked: (TELL,),
    accounts.AccountDeleted: (TELL,),
    booking.BookingReserved: (TELL,),
    booking.BookingRescheduled: (TELL,),
    booking.BookingCanceled: (TELL,),
    booking.BookingMissed: (TELL,),
    booking.BookingReminder: (TELL,),
    booking.EvseRevealed: (TELL,),
    booking.EvseChanged: (TELL,),
    booking.SessionStopped: (TELL,),
    booking.HoldExpired: (DECIDE,),
    feed.FeedSilent: (TELL,),
    feed.FeedBack: (TELL,),
    operators.LocationApproved: (TELL,),
    operators.LocationRejected: (TELL,),
    operators.LocationSuspended: (TELL,),
    operators.LocationLifted: (TELL,),
    optimizer.ChargeRequested: (DECIDE,),
    optimizer.ChargeRequestOffered: (TELL,),
    optimizer.ChargeRequestUnsatisfiable: (TELL,),
    optimizer.ChargeRequestExpired: (TELL,),
}
"""By event: the queues it goes to, and the handlers that take it there."""
EVENTS: Mapping[str, type[Event]] = {event.TYPE: event for event in SUBSCRIPTIONS}
QUEUES: Mapping[str, Sequence[str]] = {
    event.TYPE: tuple(dict.fromkeys(queue for queue, _ in subscribed)) for event, subscribed in SUBSCRIPTIONS.items()
}
"""By an event's TYPE: the queues on which somebody listens; what `tx.publish` goes by."""


def dispatch(platform: Platform, *, queue: str, message_id: str, event_type: str, payload: dict[str, Any]) -> None:
    """Hands a message to each handler of its event on this queue. Raises ValueError for what is none of ours."""
    platform.check_revision()  # what newer code wrote waits for newer code: it is not judged by this one
    kind = EVENTS.get(event_type)
    if kind is None or queue not in QUEUES[event_type]:
        raise ValueError(f"type: {event_type!r} is not an event of the queue {queue}")
    event = kind.of_payload(payload)
    for subscribed, handler in SUBSCRIPTIONS[kind]:
        if subscribed == queue:
            handler.run(platform, message_id=message_id, event=event)
