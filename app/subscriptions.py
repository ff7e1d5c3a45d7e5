"""Who listens to which event: the one table. An event goes to each queue it is subscribed on; there each of its handlers has
its effect once for ever, by an inbox row under the handler's name."""

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.accounts import events as accounts
from functions.booking import events as booking
from functions.notify import events as notify
from functions.operators import events as operators
from functions.optimizer import events as optimizer
from functions.payments import events as payments
from functions.stations.feed import events as feed
from functions.waitlist import events as waitlist
from shared.events import Event
from shared.outbox import BOOKINGS, CHARGE_REQUESTS, NOTIFY, PAYMENTS
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Handler:
    """A function `handle(platform, *, consumer, message_id, event)`, as `module:name`; it is imported with its first event.

    `name` is the consumer under which its inbox rows are kept: it never changes.
    """

    name: str
    function: str
    lost: str | None = None
    """A function `lost(tx, *, message_id, event)` that settles what an event was to do that will not be delivered; None:
    nobody waits for it."""

    def run(self, platform: Platform, *, message_id: str, event: Event) -> None:
        """Handles an event."""
        _function(self.function)(platform, consumer=self.name, message_id=message_id, event=event)


def _function(path: str) -> Callable[..., None]:
    module, _, name = path.partition(":")
    function: Callable[..., None] = getattr(importlib.import_module(module), name)
    return function


LOST_REQUEST, LOST_LETTER = "functions.optimizer.outcomes:lost", "functions.notify.service:lost"
DECIDE = (CHARGE_REQUESTS, Handler("optimize_charge_request", "functions.optimizer.service:handle", LOST_REQUEST))
FOLLOW = (CHARGE_REQUESTS, Handler("follow_reservation", "functions.optimizer.outcomes:handle", LOST_REQUEST))
TELL = (NOTIFY, Handler("send_notifications", "functions.notify.service:handle", LOST_LETTER))
SEND = (NOTIFY, Handler("send_held_messages", "functions.notify.sending:handle", "functions.notify.sending:lost"))
REHOUSE = (BOOKINGS, Handler("rehouse_bookings", "functions.booking.outages:handle"))
OFFER = (BOOKINGS, Handler("offer_places", "functions.waitlist.offering:handle"))
WAIT = (BOOKINGS, Handler("join_waitlist", "functions.waitlist.service:join_where_full"))
PAY = (PAYMENTS, Handler("pay_bookings", "functions.payments.bookings:handle"))
ASK = (PAYMENTS, Handler("ask_provider", "functions.payments.steps:handle"))
HEAR = (PAYMENTS, Handler("hear_provider", "functions.payments.webhooks:handle"))
PASS_ON = (BOOKINGS, Handler("pass_offers_on", "functions.waitlist.service:handle"))
POST_DUES = (PAYMENTS, Handler("post_bookings", "functions.payments.ledger.service:handle_booking"))
ISSUE = (PAYMENTS, Handler("issue_documents", "functions.payments.documents.service:handle"))
POST_MONEY = (PAYMENTS, Handler("post_money", "functions.payments.ledger.service:handle_money"))

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
    accounts.SecondFactorAdded: (TELL,),
    accounts.SecondFactorRemoved: (TELL,),
    accounts.RecoveryCodeUsed: (TELL,),
    accounts.AccountSuspended: (TELL,),
    accounts.AccountDeleted: (TELL,),
    booking.BookingReserved: (TELL,),
    booking.BookingHeld: (PAY,),
    booking.BookingRescheduled: (TELL, PAY),
    booking.BookingCanceled: (TELL, PAY, POST_DUES, ISSUE),
    booking.BookingMissed: (TELL, PAY, POST_DUES, ISSUE),
    booking.BookingReminder: (TELL,),
    booking.EvseRevealed: (TELL,),
    booking.EvseChanged: (TELL,),
    booking.SessionStopped: (TELL, PAY, POST_DUES, ISSUE),
    booking.SessionOverstayed: (TELL,),
    booking.SessionEnding: (TELL,),
    booking.SessionNearlyFull: (TELL,),
    booking.BookingAtRisk: (TELL,),
    booking.BookingSafe: (TELL,),
    booking.BookingRelocated: (TELL,),
    booking.PlaceFreed: (OFFER,),
    booking.HoldExpired: (DECIDE,),
    booking.ReservationEnded: (FOLLOW,),
    booking.ReservationPaid: (FOLLOW,),
    feed.FeedSilent: (TELL,),
    feed.FeedBack: (TELL,),
    feed.EvseOutOfUse: (REHOUSE,),
    feed.EvseBackInUse: (REHOUSE, OFFER),
    notify.MessageDue: (SEND,),
    operators.LocationApproved: (TELL,),
    operators.LocationChangeApproved: (TELL,),
    operators.LocationChangeRejected: (TELL,),
    operators.LocationRejected: (TELL,),
    operators.LocationSuspended: (TELL,),
    operators.LocationLifted: (TELL,),
    operators.StaffInvited: (TELL,),
    optimizer.ChargeRequested: (DECIDE,),
    optimizer.ChargeRequestOffered: (TELL,),
    optimizer.ChargeRequestUnsatisfiable: (TELL, WAIT),
    optimizer.ChargeRequestFailed: (TELL,),
    optimizer.ChargeRequestExpired: (TELL,),
    payments.PaymentCaptured: (POST_MONEY,),
    payments.PaymentRefunded: (POST_MONEY,),
    payments.TransferPaid: (POST_MONEY,),
    payments.DisputeChanged: (POST_MONEY,),
    payments.ProviderFee: (POST_MONEY,),
    payments.StepDue: (ASK,),
    payments.ProviderTold: (HEAR,),
    payments.PaymentActionNeeded: (TELL,),
    waitlist.WaitlistOffered: (TELL,),
    waitlist.WaitlistJoined: (TELL,),
    waitlist.WaitlistOver: (TELL,),
    waitlist.WaitlistWithdrawn: (TELL,),
    waitlist.WaitlistOfferExpired: (PASS_ON,),
}
"""By event: the queues it goes to, and the handlers that take it there."""
EVENTS: Mapping[str, type[Event]] = {event.TYPE: event for event in SUBSCRIPTIONS}
QUEUES: Mapping[str, Sequence[str]] = {
    event.TYPE: tuple(dict.fromkeys(queue for queue, _ in subscribed)) for event, subscribed in SUBSCRIPTIONS.items()
}
"""By an event's TYPE: the queues on which somebody listens; what `tx.publish` goes by."""


def dispatch(platform: Platform, *, queue: str, message_id: str, event_type: str, payload: dict[str, Any]) -> None:
    """Hands a message to each handler of its event on this queue. Raises ValueError for what is none of ours."""
    platform.check_revision()
    event = _event_of(queue, event_type, payload)
    for subscribed, handler in SUBSCRIPTIONS[type(event)]:
        if subscribed == queue:
            handler.run(platform, message_id=message_id, event=event)


def _event_of(queue: str, event_type: str, payload: dict[str, Any]) -> Event:
    kind = EVENTS.get(event_type)
    if kind is None or queue not in QUEUES[event_type]:
        raise ValueError(f"type: {event_type!r} is not an event of the queue {queue}")
    return kind.of_payload(payload)


def lose(tx: Tx, *, queue: str, message_id: str, event_type: str, payload: Any) -> None:
    """Settles a message that will not be delivered, in the transaction that keeps it as a dead letter: whoever waits for its
    effect hears that there is none. What is no event of ours concerns nobody."""
    try:
        event = _event_of(queue, event_type, payload if isinstance(payload, dict) else {})
    except ValueError as error:
        log.warning("dead letter %s of %s: nobody can be told: %s", message_id, queue, error)
        return
    for subscribed, handler in SUBSCRIPTIONS[type(event)]:
        if subscribed == queue and handler.lost is not None:
            _function(handler.lost)(tx, message_id=message_id, event=event)
