"""What is told of each event, in words: subject, text, SMS, and the variables of the e-mail. No I/O, no clock."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from functions.booking.domain import NOT_ASSIGNED, CancellationCause, NoShowSettlement, SessionSettlement
from functions.booking.events import (
    BookingCanceled,
    BookingEvent,
    BookingMissed,
    BookingReminder,
    BookingRescheduled,
    BookingReserved,
    EvseChanged,
    EvseRevealed,
    SessionOverstayed,
    SessionStopped,
)
from functions.notify.phrases import clock, connector_name, local, period, short, soon, when, zone_name
from functions.notify.records import NotificationContent
from functions.operators.events import (
    LocationApproved,
    LocationChangeApproved,
    LocationChangeRejected,
    LocationDecided,
    LocationLifted,
    LocationRejected,
    LocationSuspended,
    StaffInvited,
)
from functions.optimizer.events import (
    ChargeRequestExpired,
    ChargeRequestFailed,
    ChargeRequestOffered,
    ChargeRequestUnsatisfiable,
)
from functions.optimizer.explanations import EXPLANATIONS
from functions.stations.events import LocationSnapshot
from functions.stations.feed.events import FeedBack, FeedEvent, FeedSilent
from functions.stations.terms_text import span
from functions.waitlist.events import WaitlistEvent
from shared.events import Event
from shared.money import format_money, plain_money
from shared.web.links import has_link

NUMBER_TO_CALL = re.compile(r"(?:\+|\b00)\d[\d ().-]{6,}|\b0\d{1,4}[ -]?\d{6,}")
"""A phone number, abroad or at home: an operator's words with one in them, or with a web address, reach no driver's letter.
Dates, hours and house numbers are none."""
CANCEL_REASONS = {
    "POWER_OUTAGE": " because of a power outage at the station",
    "BROKEN_CHARGER": " because of a broken charger",
    "FULL": " because the station is full",
    "BLOCKED": " because the charger cannot be used at that time",
    "TRAFFIC": " because of traffic",
    "BROKEN_VEHICLE": " because of a broken vehicle",
    "NO_CANCELED": " because the offer was not accepted in time",
    "UNKNOWN": "",
}

CANCEL_CAUSES = {
    CancellationCause.ADMINISTRATOR: "by us, the platform",
    CancellationCause.DRIVER_SUSPENDED: "because your account is suspended",
    CancellationCause.PAYMENT_FAILED: "because it was not paid for in time",
    CancellationCause.PLACE_WITHDRAWN: "because the operator no longer offers this place",
}
"""How a cancellation that was not the driver's own is told, where OCPI has no word for it."""


def facts_of(event: BookingEvent) -> tuple[tuple[str, str], ...]:
    """The table of a letter on a booking."""
    location, quote = event.location, event.quote
    evse, over = event.evse_uid, isinstance(event, BookingCanceled | BookingMissed | SessionStopped)
    facts = [
        ("Where", _where(location)),
        ("When", period(event.start, event.end, location.time_zone)),
        ("Connector", f"{connector_name(event.connector)}, {event.power_kw:g} kW"),
    ]
    if evse != NOT_ASSIGNED or not over:
        facts.append(("Charger", "told 30 minutes before the start" if evse == NOT_ASSIGNED else evse))
    if not over:
        facts.append(("Price", "free of charge" if quote.total_minor == 0 else _figures(event, format_money)))
    return tuple(facts)


def _figures(event: BookingEvent, written: Callable[[int, str], str]) -> str:
    """What is expected, where it is less than the most, and the most."""
    quote, cap = event.quote, event.price_cap_minor
    total = quote.total_minor if cap is None else min(cap, quote.total_minor)
    most = f"at most {written(total, quote.currency)}"
    if quote.expected_minor >= total:
        return most
    return f"about {written(quote.expected_minor, quote.currency)}, {most}"


def told_of(
    event: BookingEvent,
    subject: str,
    lines: tuple[str, ...],
    sms: str | None,
    *,
    actions: tuple[str, ...] = ("see",),
    calendar: str | None = None,
    email: bool = True,
    urgent: bool = False,
) -> NotificationContent:
    """What is told of a booking, with its facts."""
    facts = facts_of(event)
    return NotificationContent(subject, lines, facts, sms, calendar=calendar, email=email, urgent=urgent, actions=actions)


def _where(location: LocationSnapshot) -> str:
    return f"{location.name}, {location.address}" if location.address else location.name


def cancel_line(event: BookingEvent) -> str:
    """Until when cancelling is free, and what it costs after that, as far as that is known."""
    fees, zone = event.quote.fees, event.location.time_zone
    fee = None if fees is None else fees.late_cancel_minor
    cancel_until = event.start - timedelta(minutes=event.terms.cancel_until_minutes)
    if fee == 0:
        return "You can cancel free of charge at any time before the start."
    if event.late_since is None and cancel_until > event.at:
        after = "" if fee is None else f"; after that it costs {format_money(fee, event.quote.currency)}"
        return f"You can cancel free of charge until {when(cancel_until, zone)}{after}."
    cost = "what its terms say" if fee is None else format_money(fee, event.quote.currency)
    if event.late_since is not None:
        return f"It was moved when it was too late to cancel free of charge: cancelling it costs {cost}."
    return f"It is too close to the start to cancel free of charge: cancelling it costs {cost}."


def _miss_line(event: BookingEvent) -> str:
    """What becomes of a booking that nobody comes to."""
    fee = event.quote.fees.no_show_minor if event.quote.fees is not None and event.terms.noshow_fee else 0
    cost = f", and it costs {format_money(fee, event.quote.currency)}" if fee else ""
    wait = span(min(event.terms.noshow_timeout_minutes, round((event.end - event.start).total_seconds() / 60)))
    return f"If you have not started {wait} after the start, your place is given free{cost}."


def _cost_line(event: BookingEvent, fee_minor: int | None) -> str:
    if not fee_minor:
        return "It costs you nothing."
    return f"It costs you {format_money(fee_minor, event.quote.currency)}, as the terms of the booking say."


def actions_of(event: BookingEvent) -> tuple[str, ...]:
    """What the driver of a booking that stands may do about it now."""
    change_until = event.start - timedelta(minutes=event.terms.change_until_minutes)
    movable = not event.terms.change_not_allowed and event.at <= change_until
    return ("see", "move", "cancel") if movable else ("see", "cancel")


def _short(event: BookingEvent) -> str:
    return f"{event.location.name[:40]}, {short(event.start, event.location.time_zone)}"


def short_zoned(event: BookingEvent) -> str:
    """Where and when, for text messages."""
    return f"{_short(event)} {zone_name(event.location.time_zone)}"


def _reserved(event: BookingReserved) -> NotificationContent:
    name = event.location.name
    lines = (f"Your charging slot at {name} is booked.", cancel_line(event), _miss_line(event))
    sms = f"Booked: {short_zoned(event)}. {_price(event)}"
    if event.evse_uid != NOT_ASSIGNED:
        sms = f"{sms} Charger {event.evse_uid}."
    return told_of(event, f"Booked: {_short(event)}", lines, sms, calendar="REQUEST", actions=actions_of(event))


def _price(event: BookingEvent) -> str:
    quote = event.quote
    if quote.total_minor == 0:
        return "Free of charge."
    figures = _figures(event, plain_money)
    return f"{figures[0].upper()}{figures[1:]}."


def _rescheduled(event: BookingRescheduled) -> NotificationContent:
    previous, zone = event.previous, event.location.time_zone
    assert previous is not None
    lines = (
        f"Your booking at {event.location.name} was moved from {period(previous.start, previous.end, zone)}.",
        cancel_line(event),
        _miss_line(event),
    )
    sms = f"Moved to {short_zoned(event)}. {_price(event)}"
    return told_of(event, f"Moved: {_short(event)}", lines, sms, calendar="REQUEST", actions=actions_of(event))


def _canceled(event: BookingCanceled) -> NotificationContent:
    lines = [_canceled_line(event)]
    if event.said and event.cause is None and not has_link(event.said) and not NUMBER_TO_CALL.search(event.said):
        lines.append(f"The operator's reason: \u201c{event.said}\u201d")
    if event.cause is None:
        lines.append(_cost_line(event, event.fee_minor))
    if event.credit_minor:
        lines.append(f"You have a credit of {format_money(event.credit_minor, event.quote.currency)} for it.")
    moved = event.rebooked_to is not None  # the letter on the new booking goes by SMS
    sms = None if moved else f"Cancelled: {short_zoned(event)}. {_cost_line(event, event.fee_minor)}"
    if moved:
        lines.append("You have a booking at another place instead: a letter of its own tells you of it.")
    return told_of(event, f"Cancelled: {_short(event)}", tuple(lines), sms, calendar="CANCEL")


def _canceled_line(event: BookingCanceled) -> str:
    canceled = f"Your booking at {event.location.name} was cancelled"
    if event.cause is not None:
        return f"{canceled} {CANCEL_CAUSES[event.cause]}, at no cost to you."
    canceled_by = "you" if event.who_canceled == "MSP" else "the operator"
    return f"{canceled} by {canceled_by}{CANCEL_REASONS[event.reason or 'UNKNOWN']}."


def _no_show(event: BookingMissed) -> NotificationContent:
    fee = event.settlement.no_show_fee_minor if isinstance(event.settlement, NoShowSettlement) else None
    cost = _cost_line(event, fee)
    lines = [f"You did not come to your slot at {event.location.name}; it was given free.", cost]
    if event.strikes:
        many = "the first booking" if event.strikes == 1 else f"{event.strikes} bookings"
        lines.append(f"It is {many} that you missed within 90 days. Who missed three may have two open bookings at a time.")
    sms = f"Missed: {short_zoned(event)}. The slot was given free. {cost}"
    return told_of(event, f"Missed: {_short(event)}", tuple(lines), sms, calendar="CANCEL")


def _reminder(event: BookingReminder) -> NotificationContent:
    left = soon(event.start - event.at)
    lines = [f"Your charging slot at {event.location.name} begins in {left}."]
    sms = f"In {left}: {short_zoned(event)}."
    if event.at_risk:
        lines.append(
            "The charger kept for you is out of order right now. As soon as another one is free, here or close by, we move you "
            "to it and tell you; if we find none your booking ends at no cost. Cancelling and moving it cost nothing."
        )
        sms = f"{sms} Your charger is out of order; we look for another and tell you."
    elif event.evse_uid != NOT_ASSIGNED:
        sms = f"{sms} Charger {event.evse_uid}."
    return told_of(event, f"In {left}: {_short(event)}", tuple(lines), sms, actions=actions_of(event))


def _revealed(event: EvseRevealed) -> NotificationContent:
    # The code itself is in no message: messages are kept, it is not.
    code = ("Your access code is in the app, with the booking.",) if _by_code(event) else ()
    lines = (f"Your charger at {event.location.name} is {event.evse_uid}.", *code)
    sms = f"Your charger: {event.evse_uid} at {short_zoned(event)}."
    subject = f"Your charger: {event.evse_uid}"
    return told_of(event, subject, lines, sms, email=False, urgent=True, actions=actions_of(event))


def _by_code(event: EvseRevealed) -> bool:
    return "ACCESS_CODE" in event.terms.supported_access_methods


def _changed(event: EvseChanged) -> NotificationContent:
    name = event.location.name
    lines = (f"Your charger at {name} has changed: it is {event.evse_uid} now. Time and price stay as they are.",)
    sms = f"Your charger has changed to {event.evse_uid} at {short_zoned(event)}."
    subject = f"Your charger is now {event.evse_uid}"
    return told_of(event, subject, lines, sms, email=False, urgent=True, actions=actions_of(event))


def _location(event: LocationDecided, subject: str, sentence: str) -> NotificationContent:
    name = event.location.name
    reason = (f"The reason given: {event.reason}",) if event.reason else ()
    return NotificationContent(f"{subject}: {name[:80]}", (sentence.format(name=name), *reason), (), None)


def _location_approved(event: LocationApproved) -> NotificationContent:
    return _location(event, "Approved", "Your location {name} is approved: drivers find and book it from now on.")


def _location_rejected(event: LocationRejected) -> NotificationContent:
    return _location(event, "Not approved", "Your location {name} was not approved. Change it and submit it again.")


def _location_suspended(event: LocationSuspended) -> NotificationContent:
    sentence = "Your location {name} is suspended: it cannot be found or booked, bookings are ended."
    return _location(event, "Suspended", sentence)


def _location_lifted(event: LocationLifted) -> NotificationContent:
    return _location(event, "Open again", "The suspension of your location {name} is lifted: drivers can book it again.")


def _location_change_approved(event: LocationChangeApproved) -> NotificationContent:
    return _location(event, "Changed", "What you wanted changed is approved: your location is {name} now.")


def _location_change_rejected(event: LocationChangeRejected) -> NotificationContent:
    return _location(event, "Not changed", "What you wanted changed of {name} was not approved; it stays as it is.")


def _stopped(event: SessionStopped) -> NotificationContent:
    settlement = event.settlement if isinstance(event.settlement, SessionSettlement) else event.quote
    total = format_money(settlement.total_minor, settlement.currency)
    if isinstance(settlement, SessionSettlement) and not settlement.metered:
        lines = (f"Charging at {event.location.name} has ended. Nobody metered it: it costs what was expected, {total}.",)
        return NotificationContent(f"Charged for {total}", lines, facts_of(event), None, actions=("see",))
    lines = (f"Charging at {event.location.name} has ended: {settlement.energy_kwh:g} kWh, {total}.",)
    return told_of(event, f"Charged: {settlement.energy_kwh:g} kWh for {total}", lines, None)


def _overstayed(event: SessionOverstayed) -> NotificationContent:
    name, until = event.location.name, local(event.end, event.location.time_zone)
    lines = (f"Your time at {name} ended at {until:%H:%M} and you are still at {event.evse_uid}: please move your car.",)
    sms = f"Your time at {event.evse_uid}, {name[:40]}, ended at {until:%H:%M}. Please move your car."
    return NotificationContent(f"Please move your car: {name[:80]}", lines, facts_of(event), sms)


def _offered(event: ChargeRequestOffered) -> NotificationContent:
    offer = event.offer
    name, zone = offer.location.name, offer.location.time_zone
    lines = (
        f"We hold a slot for you at {name} until {when(event.expires_at, zone)}.",
        f"It is {period(offer.start, offer.end, zone)}. Accept it until then, or it is given free.",
    )
    until = clock(local(event.expires_at, zone))
    sms = f"Held for you until {until}: {name[:40]}, {short(offer.start, zone)} {zone_name(zone)}. Accept it in the app."
    return NotificationContent(
        f"An offer waits for you until {until}", lines, (), sms, email=False, urgent=True, actions=("accept",)
    )


def _unsatisfiable(event: ChargeRequestUnsatisfiable) -> NotificationContent:
    explanation = event.explanation or EXPLANATIONS.get(event.reason, event.reason)
    return NotificationContent("No charging slot was found", (explanation,), (), None)


def _failed(event: ChargeRequestFailed) -> NotificationContent:
    explanation = event.explanation or EXPLANATIONS[event.reason]
    return NotificationContent("Your charge request failed", (explanation,), (), None)


def _expired(event: ChargeRequestExpired) -> NotificationContent:
    subject = "The offer has expired" if event.reason == "OFFER_EXPIRED" else "The offer was taken back"
    return NotificationContent(subject, (EXPLANATIONS[event.reason],), (), None, email=False)


def _staff_invited(event: StaffInvited) -> NotificationContent:
    name = event.location.name
    lines = (f"You are asked to help run {name}. Accept it, or decline, under your locations in the app.",)
    return NotificationContent(f"Help to run {name[:80]}", lines, (), None)


def _feed_silent(event: FeedSilent) -> NotificationContent:
    location = event.location
    minutes, evses = event.silent_after_s // 60, event.evses
    chargers = "1 charger is" if evses == 1 else f"{evses} chargers are"
    lines = (
        f"Nothing was heard from the feed of {location.name} for {minutes} minutes; the last word came "
        f"{when(event.heard_at, location.time_zone)}.",
        f"{chargers} shown as UNKNOWN and not offered to drivers until they report again.",
        "Check the stations' connection to the internet and their station key.",
    )
    return NotificationContent(f"No word from {location.name[:60]}", lines, _feed_facts(event), None)


def _feed_back(event: FeedBack) -> NotificationContent:
    location = event.location
    assert event.silent_since is not None
    silent_since = when(event.silent_since, location.time_zone)
    lines = (
        f"The feed of {location.name} is heard again; it was silent from {silent_since}.",
        "Each charger is offered again as soon as it has reported its state.",
    )
    return NotificationContent(f"Heard again: {location.name[:60]}", lines, _feed_facts(event), None)


def _feed_facts(event: FeedEvent) -> tuple[tuple[str, str], ...]:
    location = event.location
    return ("Where", _where(location)), ("Last heard", when(event.heard_at, location.time_zone))


NotifiedEvent = (
    BookingEvent
    | ChargeRequestOffered
    | ChargeRequestUnsatisfiable
    | ChargeRequestExpired
    | FeedEvent
    | LocationDecided
    | WaitlistEvent
)
"""What people are told of in the app; `user_id` says whom. Events of accounts are told by e-mail (account_emails.py)."""

RENDERERS: Mapping[type[Event], Callable[[Any], NotificationContent]] = {
    BookingReserved: _reserved,
    BookingRescheduled: _rescheduled,
    BookingCanceled: _canceled,
    BookingMissed: _no_show,
    BookingReminder: _reminder,
    EvseRevealed: _revealed,
    EvseChanged: _changed,
    SessionStopped: _stopped,
    SessionOverstayed: _overstayed,
    ChargeRequestOffered: _offered,
    ChargeRequestUnsatisfiable: _unsatisfiable,
    ChargeRequestFailed: _failed,
    ChargeRequestExpired: _expired,
    FeedSilent: _feed_silent,
    FeedBack: _feed_back,
    LocationApproved: _location_approved,
    LocationRejected: _location_rejected,
    LocationSuspended: _location_suspended,
    LocationLifted: _location_lifted,
    StaffInvited: _staff_invited,
    LocationChangeApproved: _location_change_approved,
    LocationChangeRejected: _location_change_rejected,
}
"""By event: the function that says it in words. Each takes the event of its key."""
