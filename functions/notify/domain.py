"""What is told of each event, in words: subject, text, SMS, and the variables of the e-mail. No I/O, no clock."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
    SessionStopped,
)
from functions.operators.events import LocationApproved, LocationDecided, LocationLifted, LocationRejected, LocationSuspended
from functions.optimizer.events import (
    ChargeRequestExpired,
    ChargeRequestFailed,
    ChargeRequestOffered,
    ChargeRequestUnsatisfiable,
)
from functions.optimizer.explanations import EXPLANATIONS
from functions.stations.events import LocationSnapshot
from functions.stations.feed.events import FeedBack, FeedEvent, FeedSilent
from functions.tariffs.quotes import Quote
from shared.events import Event
from shared.money import format_money, plain_money


@dataclass(frozen=True)
class Notification:
    """An in-app message."""

    id: uuid.UUID
    """UUIDv7: rises in time, so that an inbox is in order of it."""
    user_id: uuid.UUID
    """Whose inbox it is in."""
    type: str
    """The type of the event it tells of."""
    title: str
    """One line, at most 200 characters."""
    body: str
    """The paragraphs of the e-mail in one."""
    data: dict[str, Any]
    """The event's payload."""
    created_at: datetime
    """When it was put into the inbox."""
    read_at: datetime | None
    """When it was first marked as read."""


@dataclass(frozen=True)
class NotificationDelivery:
    """An e-mail or SMS on its way to an address."""

    id: uuid.UUID
    """UUIDv7; the sender's idempotency key."""
    message_id: str
    """The queue message that it tells of."""
    user_id: uuid.UUID
    """Whom it is for."""
    channel: str
    """EMAIL or SMS."""
    address: str
    """An e-mail address or an E.164 number; empty where nothing of it may stay."""
    content: dict[str, Any]
    """What is sent: `text`; of an e-mail `subject` and `html` too, and perhaps `calendar` with `method`, `token_id`, `keep`."""
    status: str
    """PENDING, SENT, FAILED (refused for good) or GIVEN_UP (its message is a dead letter)."""
    attempts: int
    """How often it was tried."""
    error: str | None
    """What failed at the last try."""
    created_at: datetime
    """When it was recorded."""
    settled_at: datetime | None
    """When it was sent or refused for good."""


CONNECTOR_NAMES = {
    "IEC_62196_T1": "Type 1",
    "IEC_62196_T1_COMBO": "CCS1",
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS",
    "CHADEMO": "CHAdeMO",
    "SAE_J3400": "NACS",
}
CANCEL_REASONS = {
    "POWER_OUTAGE": "a power outage at the station",
    "BROKEN_CHARGER": "a broken charger",
    "FULL": "the station being full",
    "BLOCKED": "the charger being blocked",
    "TRAFFIC": "traffic",
    "BROKEN_VEHICLE": "a broken vehicle",
    "NO_CANCELED": "the offer not being accepted in time",
    "UNKNOWN": None,
}

CANCEL_CAUSES = {
    CancellationCause.ADMINISTRATOR: "by us, the platform",
    CancellationCause.DRIVER_SUSPENDED: "because your account is suspended",
    CancellationCause.PLACE_WITHDRAWN: "because the operator no longer offers this place",
}
"""How a cancellation that was not the driver's own is told, where OCPI has no word for it."""


def connector_name(standard: str) -> str:
    """What drivers call a connector."""
    return CONNECTOR_NAMES.get(standard, standard)


def local(instant: datetime, zone: str) -> datetime:
    """An instant in a location's time."""
    return instant.astimezone(ZoneInfo(zone))


def when(instant: datetime, zone: str) -> str:
    """`Mon 2 Mar 2026, 10:15 CET`."""
    moment = local(instant, zone)
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M %Z}"


def period(start: datetime, end: datetime, zone: str) -> str:
    """`Mon 2 Mar 2026, 10:15 to 11:00 CET`; the second zone is named where it differs."""
    local_start, local_end = local(start, zone), local(end, zone)
    if local_start.date() != local_end.date():
        return f"{when(start, zone)} to {when(end, zone)}"
    if local_start.tzname() != local_end.tzname():
        return f"{when(start, zone)} to {local_end:%H:%M %Z}"
    return f"{local_start:%a} {local_start.day} {local_start:%b %Y}, {local_start:%H:%M} to {local_end:%H:%M %Z}"


@dataclass(frozen=True)
class NotificationContent:
    """What somebody is told of an event, in every channel."""

    subject: str
    """The e-mail's subject and the in-app title."""
    lines: tuple[str, ...]
    """The paragraphs of the e-mail and of the in-app message."""
    facts: tuple[tuple[str, str], ...]
    """The e-mail's table, (label, value) a row."""
    sms: str | None
    """The text message; None where none is sent."""
    calendar: str | None = None
    """The iTIP method of the calendar file (RFC 5546), REQUEST or CANCEL; None without a file."""
    email: bool = True
    """Whether an e-mail is sent."""


def _facts(event: BookingEvent) -> tuple[tuple[str, str], ...]:
    location, quote = event.location, event.quote
    evse = event.evse_uid
    facts = [
        ("Where", _where(location)),
        ("When", period(event.start, event.end, location.time_zone)),
        ("Connector", f"{connector_name(event.connector)}, {event.power_kw:g} kW"),
        ("Charger", "told 30 minutes before the start" if evse == NOT_ASSIGNED else evse),
    ]
    facts.append(("Price", "free of charge" if quote.total_minor == 0 else _figures(quote, format_money)))
    return tuple(facts)


def _figures(quote: Quote, written: Callable[[int, str], str]) -> str:
    """What is expected, where it is less than the most, and the most."""
    most = f"at most {written(quote.total_minor, quote.currency)}"
    if quote.expected_minor == quote.total_minor:
        return most
    return f"about {written(quote.expected_minor, quote.currency)}, {most}"


def _where(location: LocationSnapshot) -> str:
    return f"{location.name}, {location.address}" if location.address else location.name


def _cancel_line(event: BookingEvent) -> str:
    cancel_until = event.start - timedelta(minutes=event.terms.cancel_until_minutes)
    if event.late_since is not None:
        return "It was moved too late to be cancelled without the cost that the terms name."
    if cancel_until <= event.at:
        return "It is too close to the start to cancel without the cost that the terms name."
    return f"You can cancel without cost until {when(cancel_until, event.location.time_zone)}."


def _fee_line(event: BookingEvent, fee_minor: int | None) -> tuple[str, ...]:
    if not fee_minor:
        return ()
    return (f"The terms of the booking charge {format_money(fee_minor, event.quote.currency)} for this.",)


def _short(event: BookingEvent) -> str:
    start = local(event.start, event.location.time_zone)
    return f"{event.location.name[:40]}, {start:%d %b %H:%M}"


def _reserved(event: BookingReserved) -> NotificationContent:
    name = event.location.name
    lines = (f"Your charging slot at {name} is booked.", _cancel_line(event))
    return NotificationContent(
        f"Booked: {_short(event)}", lines, _facts(event), f"Booked: {_short(event)}. {_price(event)}", "REQUEST"
    )


def _price(event: BookingEvent) -> str:
    quote = event.quote
    if quote.total_minor == 0:
        return "Free of charge."
    figures = _figures(quote, plain_money)
    return f"{figures[0].upper()}{figures[1:]}."


def _rescheduled(event: BookingRescheduled) -> NotificationContent:
    previous, zone = event.previous, event.location.time_zone
    assert previous is not None
    lines = (
        f"Your booking was moved from {period(previous.start, previous.end, zone)}.",
        _cancel_line(event),
    )
    return NotificationContent(f"Moved: {_short(event)}", lines, _facts(event), f"Moved to {_short(event)}.", "REQUEST")


def _canceled(event: BookingCanceled) -> NotificationContent:
    lines = (_canceled_line(event), *_fee_line(event, event.fee_minor))
    return NotificationContent(f"Cancelled: {_short(event)}", lines, _facts(event), f"Cancelled: {_short(event)}.", "CANCEL")


def _canceled_line(event: BookingCanceled) -> str:
    canceled = f"Your booking at {event.location.name} was cancelled"
    if event.cause is not None:
        return f"{canceled} {CANCEL_CAUSES[event.cause]}, at no cost to you."
    reason = CANCEL_REASONS.get(event.reason or "UNKNOWN")
    canceled_by = "you" if event.who_canceled == "MSP" else "the operator"
    return f"{canceled} by {canceled_by}{f' because of {reason}' if reason else ''}."


def _no_show(event: BookingMissed) -> NotificationContent:
    fee = event.settlement.no_show_fee_minor if isinstance(event.settlement, NoShowSettlement) else None
    lines = (
        f"You did not come to your slot at {event.location.name}; it was given free.",
        *_fee_line(event, fee),
    )
    return NotificationContent(
        f"Missed: {_short(event)}", lines, _facts(event), f"Missed: {_short(event)}. The slot was given free.", "CANCEL"
    )


def _reminder(event: BookingReminder) -> NotificationContent:
    lines = (f"Your charging slot at {event.location.name} begins in an hour.",)
    return NotificationContent(f"In an hour: {_short(event)}", lines, _facts(event), f"In an hour: {_short(event)}.")


def _revealed(event: EvseRevealed) -> NotificationContent:
    lines = (f"Your charger at {event.location.name} is {event.evse_uid}.",)
    sms = f"Your charger: {event.evse_uid} at {_short(event)}."
    return NotificationContent(f"Your charger: {event.evse_uid}", lines, _facts(event), sms, email=False)


def _changed(event: EvseChanged) -> NotificationContent:
    name = event.location.name
    lines = (f"Your charger at {name} has changed: it is {event.evse_uid} now. Time and price stay as they are.",)
    sms = f"Your charger has changed to {event.evse_uid} at {_short(event)}."
    return NotificationContent(f"Your charger is now {event.evse_uid}", lines, _facts(event), sms, email=False)


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


def _stopped(event: SessionStopped) -> NotificationContent:
    settlement = event.settlement if isinstance(event.settlement, SessionSettlement) else event.quote
    total = format_money(settlement.total_minor, settlement.currency)
    lines = (f"Charging at {event.location.name} has ended: {settlement.energy_kwh:g} kWh, {total}.",)
    return NotificationContent(f"Charged: {settlement.energy_kwh:g} kWh for {total}", lines, _facts(event), None)


def _offered(event: ChargeRequestOffered) -> NotificationContent:
    offer = event.offer
    zone = offer.location.time_zone
    lines = (
        f"We hold a slot for you at {offer.location.name} until {when(event.expires_at, zone)}.",
        f"It is {period(offer.start, offer.end, zone)}. Accept it in the app.",
    )
    return NotificationContent("An offer waits for you", lines, (), None, email=False)


def _unsatisfiable(event: ChargeRequestUnsatisfiable) -> NotificationContent:
    explanation = event.explanation or EXPLANATIONS.get(event.reason, event.reason)
    return NotificationContent("No charging slot was found", (explanation,), (), None)


def _failed(event: ChargeRequestFailed) -> NotificationContent:
    explanation = event.explanation or EXPLANATIONS[event.reason]
    return NotificationContent("Your charge request failed", (explanation,), (), None)


def _expired(event: ChargeRequestExpired) -> NotificationContent:
    subject = "The offer has expired" if event.reason == "OFFER_EXPIRED" else "The offer was taken back"
    return NotificationContent(subject, (EXPLANATIONS[event.reason],), (), None, email=False)


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
    BookingEvent | ChargeRequestOffered | ChargeRequestUnsatisfiable | ChargeRequestExpired | FeedEvent | LocationDecided
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
}
"""By event: the function that says it in words. Each takes the event of its key."""
