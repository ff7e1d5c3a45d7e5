"""What is told of how a booking keeps its promise: at risk, safe again, at another place; of a session that ends soon; and of
places that became free. No I/O, no clock."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.booking.events import BookingAtRisk, BookingRelocated, BookingSafe, SessionEnding, SessionNearlyFull
from functions.notify import domain
from functions.notify.domain import actions_of, cancel_line, facts_of, short_zoned, told_of
from functions.notify.phrases import clock, local, period, short, when, zone_name
from functions.notify.records import NotificationContent
from functions.payments.events import PaymentActionNeeded
from functions.waitlist.events import WaitlistJoined, WaitlistOffered, WaitlistOver, WaitlistWithdrawn
from shared.events import Event
from shared.money import plain_money


def _at_risk(event: BookingAtRisk) -> NotificationContent:
    name = event.location.name
    if event.occupied:
        return _still_taken(event)
    lines = (
        f"The charger kept for you at {name} is out of order, and no other of its kind is free there for your time.",
        "We look for another charger, at this place and close by, and tell you as soon as we have one. If we find none your "
        "booking ends at no cost.",
        "From now on cancelling or moving it costs you nothing.",
    )
    sms = f"Your charger is out of order: {short_zoned(event)}. We look for another and tell you; cancelling is free."
    subject = f"Your charger is out of order: {name[:80]}"
    return told_of(event, subject, lines, sms, urgent=True, actions=("see", "move", "cancel"))


def _still_taken(event: BookingAtRisk) -> NotificationContent:
    name = event.location.name
    lines = (
        f"Somebody is still at the charger kept for you at {name}, and no other of its kind is free there for your time. They "
        "were told to leave.",
        "We look for a charger close by, and tell you as soon as we have one. If you cannot charge it costs you nothing.",
        "From now on cancelling or moving it costs you nothing.",
    )
    sms = f"Somebody is still at your charger: {short_zoned(event)}. We look for another and tell you; cancelling is free."
    return told_of(event, f"Still taken: {name[:80]}", lines, sms, urgent=True, actions=("see", "move", "cancel"))


def _safe(event: BookingSafe) -> NotificationContent:
    name = event.location.name
    lines = (f"You have a charger at {name} again: your booking stands as it was.", cancel_line(event))
    sms = f"You have a charger again: {short_zoned(event)}. Your booking stands."
    return told_of(event, f"Your booking stands: {name[:80]}", lines, sms, urgent=True, actions=actions_of(event))


def _relocated(event: BookingRelocated) -> NotificationContent:
    previous, zone = event.previous, event.location.time_zone
    assert previous is not None
    where = f", {event.distance_km:.1f} km from there" if event.distance_km else ""
    what = "still taken" if event.occupied else "out of order"
    lines = [
        f"Your charger at {previous.location_name} is {what}. We booked another for you at {event.location.name}{where}: "
        f"{period(event.start, event.end, zone)}.",
        "It costs you no more than the booking before, whatever its own price.",
    ]
    until = ""
    if event.decline_until is not None:
        lines.append(f"If it does not suit you decline it until {when(event.decline_until, zone)}: that costs nothing.")
        until = f" Decline free until {clock(local(event.decline_until, zone))}."
    sms = f"Your charger is {what}. New place: {short_zoned(event)}{where}, at no higher price.{until}"
    subject = f"New place: {event.location.name[:80]}"
    actions = ("see", "decline", "cancel")
    return told_of(event, subject, tuple(lines), sms, calendar="REQUEST", urgent=True, actions=actions)


def _to_pay(event: PaymentActionNeeded) -> NotificationContent:
    name, zone = event.location.name, event.location.time_zone
    amount = plain_money(event.amount_minor, event.quote.currency)
    if event.owed:
        lines = (
            f"What you used at {name} could not be taken from your card: {amount} is owed.",
            "Pay it in the app, please. Places that take payment cannot be booked until then.",
        )
        sms = f"{amount} is owed for {name[:40]}: your card was declined. Please pay in the app."
        return told_of(event, f"Payment owed: {name[:80]}", lines, sms, urgent=True)
    until = "" if event.mend_until is None else f" until {when(event.mend_until, zone)}"
    lines = (
        f"Your booking at {name}, {period(event.start, event.end, zone)}, is to be paid for: {amount} is to be held on a card.",
        f"Pay in the app{until}. If you do not, the booking ends at no cost, and its place goes to others.",
    )
    sms = f"Please pay for {short_zoned(event)} in the app{until}, or the place goes. Nothing is charged before."
    return told_of(event, f"Please pay: {name[:80]}", lines, sms, urgent=True, actions=("see", "cancel"))


def _ending(event: SessionEnding) -> NotificationContent:
    name, until = event.location.name, clock(local(event.end, event.location.time_zone))
    lines = (f"Your time at {name}, {event.evse_uid}, ends at {until}. Please move your car by then.",)
    sms = f"Your time at {event.evse_uid}, {name[:40]}, ends at {until}. Please move your car by then."
    return told_of(event, f"Nearly over: {name[:80]}", lines, sms, email=False, urgent=True)


def _nearly_full(event: SessionNearlyFull) -> NotificationContent:
    name = event.location.name
    lines = (f"Your battery is at {event.soc_percent:.0f} % at {name}, {event.evse_uid}: from here on it charges slowly.",)
    return NotificationContent(
        f"Battery at {event.soc_percent:.0f} %", lines, facts_of(event), None, email=False, actions=("see",)
    )


def _waitlist_offered(event: WaitlistOffered) -> NotificationContent:
    offer = event.offer
    name, zone = offer.location.name, offer.location.time_zone
    until = clock(local(event.expires_at, zone))
    lines = (
        f"A place you waited for is free: {name}, {period(offer.start, offer.end, zone)}.",
        f"We hold it for you until {when(event.expires_at, zone)}. Accept it until then, or it goes to the next; you stay "
        "on the waitlist.",
    )
    sms = f"Free for you until {until}: {name[:40]}, {short(offer.start, zone)} {zone_name(zone)}. Accept it in the app."
    return NotificationContent(f"A place is free, held for you until {until}", lines, (), sms, email=False, urgent=True)


def _waitlist_withdrawn(event: WaitlistWithdrawn) -> NotificationContent:
    name, zone = event.offer.location.name, event.offer.location.time_zone
    lines = (
        f"What we held for you at {name}, {period(event.offer.start, event.offer.end, zone)}, is not to be had any more: its "
        "charger cannot be used.",
        "You stay on the waitlist, and are told when something else becomes free.",
    )
    sms = f"What we held for you at {name[:40]} is not to be had any more. You stay on the waitlist."
    return NotificationContent("What was held for you is gone", lines, (), sms, email=False, urgent=True)


def _waitlist_joined(_event: WaitlistJoined) -> NotificationContent:
    lines = (
        "All is full for your charge request. You are on the waitlist: what becomes free in your time is held for you, and we "
        "tell you.",
        "Whether you accept it is up to you.",
    )
    return NotificationContent("You are on the waitlist", lines, (), None, email=False)


def _waitlist_over(_event: WaitlistOver) -> NotificationContent:
    lines = ("Nothing that suits you became free in the time that you waited for. You are off the waitlist.",)
    return NotificationContent("No place became free", lines, (), None)


OF_PROMISES: Mapping[type[Event], Callable[[Any], NotificationContent]] = {
    BookingAtRisk: _at_risk,
    BookingSafe: _safe,
    BookingRelocated: _relocated,
    SessionEnding: _ending,
    SessionNearlyFull: _nearly_full,
    WaitlistOffered: _waitlist_offered,
    WaitlistJoined: _waitlist_joined,
    WaitlistOver: _waitlist_over,
    WaitlistWithdrawn: _waitlist_withdrawn,
    PaymentActionNeeded: _to_pay,
}
RENDERERS = {**domain.RENDERERS, **OF_PROMISES}
"""By event: the function that says it in words, of all that people are told of in the app."""
