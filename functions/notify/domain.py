"""What is told of each event, in words: subject, text, SMS, and the variables of the e-mail. No I/O, no clock."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.money import format_money


@dataclass(frozen=True)
class Notification:
    """An in-app message."""

    id: uuid.UUID
    user_id: uuid.UUID
    type: str
    title: str
    body: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class Delivery:
    """A message on its way to an address: PENDING, SENT or FAILED."""

    id: uuid.UUID
    message_id: str
    user_id: uuid.UUID
    channel: str
    address: str
    content: dict[str, Any]
    status: str
    attempts: int
    error: str | None
    created_at: datetime
    settled_at: datetime | None


CONNECTOR_NAMES = {
    "IEC_62196_T1": "Type 1",
    "IEC_62196_T1_COMBO": "CCS1",
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS",
    "CHADEMO": "CHAdeMO",
    "SAE_J3400": "NACS",
}
REASONS = {
    "POWER_OUTAGE": "a power outage at the station",
    "BROKEN_CHARGER": "a broken charger",
    "FULL": "the station being full",
    "BLOCKED": "the charger being blocked",
    "TRAFFIC": "traffic",
    "BROKEN_VEHICLE": "a broken vehicle",
    "NO_CANCELED": "the offer not being accepted in time",
    "UNKNOWN": None,
}
UNSATISFIABLE = {
    "OUT_OF_REACH": "No station is within reach of your battery (or of the radius you set).",
    "NO_CONNECTOR": "No station within reach has a connector that fits your vehicle.",
    "WINDOW_TOO_SHORT": "The time you gave is too short to drive there and charge that much.",
    "CLOSED": "Every station that fits is closed at that time.",
    "ALL_FULL": "Every station that fits is full at that time.",
    "LIMIT_REACHED": "A booking limit stands in the way.",
}


def connector_name(standard: str) -> str:
    """What drivers call a connector."""
    return CONNECTOR_NAMES.get(standard, standard)


def local(instant: str, zone: str) -> datetime:
    """An ISO instant in a location's time."""
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))


def when(instant: str, zone: str) -> str:
    """`Mon 2 Mar 2026, 10:15 CET`."""
    at = local(instant, zone)
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M %Z}"


def period(start: str, end: str, zone: str) -> str:
    """`Mon 2 Mar 2026, 10:15 to 11:00 CET`; the second zone is named where it differs."""
    begin, finish = local(start, zone), local(end, zone)
    if begin.date() != finish.date():
        return f"{when(start, zone)} to {when(end, zone)}"
    if begin.tzname() != finish.tzname():
        return f"{when(start, zone)} to {finish:%H:%M %Z}"
    return f"{begin:%a} {begin.day} {begin:%b %Y}, {begin:%H:%M} to {finish:%H:%M %Z}"


@dataclass(frozen=True)
class Told:
    """What an event says: `lines` are the paragraphs of the e-mail, `facts` its table, `sms` None where none is sent.
    `calendar` is REQUEST, CANCEL or None."""

    subject: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    sms: str | None
    calendar: str | None = None
    email: bool = True


def _facts(event: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    place, quote = event["location"], event["quote"]
    evse = event.get("evse_uid") or "#NA"
    facts = [
        ("Where", f"{place['name']}, {place['address']}" if place["address"] else place["name"]),
        ("When", period(event["start"], event["end"], place["time_zone"])),
        ("Connector", f"{connector_name(event['connector'])}, {event['power_kw']:g} kW"),
        ("Charger", "told 30 minutes before the start" if evse == "#NA" else evse),
    ]
    total = format_money(quote["total_minor"], quote["currency"])
    facts.append(("Price", "free of charge" if quote["total_minor"] == 0 else f"at most {total}"))
    return tuple(facts)


def _cancel_line(event: dict[str, Any]) -> str:
    last = datetime.fromisoformat(event["start"]) - timedelta(minutes=event["terms"]["cancel_until_minutes"])
    if last <= datetime.fromisoformat(event["at"]):
        return "It is too close to the start to cancel without the cost that the terms name."
    return f"You can cancel without cost until {when(last.isoformat(), event['location']['time_zone'])}."


def _fee_line(event: dict[str, Any], minor: int | None) -> tuple[str, ...]:
    if not minor:
        return ()
    return (f"The terms of the booking charge {format_money(minor, event['quote']['currency'])} for this.",)


def _short(event: dict[str, Any]) -> str:
    start = local(event["start"], event["location"]["time_zone"])
    return f"{event['location']['name'][:40]}, {start:%d %b %H:%M}"


def _reserved(event: dict[str, Any]) -> Told:
    name = event["location"]["name"]
    lines = (f"Your charging slot at {name} is booked.", _cancel_line(event))
    return Told(f"Booked: {_short(event)}", lines, _facts(event), f"Booked: {_short(event)}. {_price(event)}", "REQUEST")


def _price(event: dict[str, Any]) -> str:
    quote = event["quote"]
    if quote["total_minor"] == 0:
        return "Free of charge."
    major = quote["total_minor"] / 100
    return f"At most {major:.2f} {quote['currency']}."


def _rescheduled(event: dict[str, Any]) -> Told:
    old, zone = event["previous"], event["location"]["time_zone"]
    lines = (
        f"Your booking was moved from {period(old['start'], old['end'], zone)}.",
        _cancel_line(event),
    )
    return Told(f"Moved: {_short(event)}", lines, _facts(event), f"Moved to {_short(event)}.", "REQUEST")


def _canceled(event: dict[str, Any]) -> Told:
    why = REASONS.get(event.get("reason") or "UNKNOWN")
    by = "you" if event.get("who_canceled") == "MSP" else "the operator"
    because = f" because of {why}" if why else ""
    what = f"Your booking at {event['location']['name']} was cancelled by {by}{because}."
    lines = (what, *_fee_line(event, event.get("fee_minor")))
    return Told(f"Cancelled: {_short(event)}", lines, _facts(event), f"Cancelled: {_short(event)}.", "CANCEL")


def _no_show(event: dict[str, Any]) -> Told:
    fee = (event.get("settlement") or {}).get("no_show_fee_minor")
    lines = (
        f"You did not come to your slot at {event['location']['name']}; it was given free.",
        *_fee_line(event, fee),
    )
    return Told(
        f"Missed: {_short(event)}", lines, _facts(event), f"Missed: {_short(event)}. The slot was given free.", "CANCEL"
    )


def _reminder(event: dict[str, Any]) -> Told:
    lines = (f"Your charging slot at {event['location']['name']} begins in an hour.",)
    return Told(f"In an hour: {_short(event)}", lines, _facts(event), f"In an hour: {_short(event)}.")


def _revealed(event: dict[str, Any]) -> Told:
    lines = (f"Your charger at {event['location']['name']} is {event['evse_uid']}.",)
    sms = f"Your charger: {event['evse_uid']} at {_short(event)}."
    return Told(f"Your charger: {event['evse_uid']}", lines, _facts(event), sms, email=False)


def _changed(event: dict[str, Any]) -> Told:
    name = event["location"]["name"]
    lines = (f"Your charger at {name} has changed: it is {event['evse_uid']} now. Time and price stay as they are.",)
    sms = f"Your charger has changed to {event['evse_uid']} at {_short(event)}."
    return Told(f"Your charger is now {event['evse_uid']}", lines, _facts(event), sms, email=False)


def _location(event: dict[str, Any], subject: str, what: str) -> Told:
    name = event["location"]["name"]
    reason = (f"The reason given: {event['reason']}",) if event.get("reason") else ()
    return Told(f"{subject}: {name[:80]}", (what.format(name=name), *reason), (), None)


def _location_approved(event: dict[str, Any]) -> Told:
    return _location(event, "Approved", "Your location {name} is approved: drivers find and book it from now on.")


def _location_rejected(event: dict[str, Any]) -> Told:
    return _location(event, "Not approved", "Your location {name} was not approved. Change it and submit it again.")


def _location_suspended(event: dict[str, Any]) -> Told:
    return _location(event, "Suspended", "Your location {name} is suspended: it cannot be found or booked, bookings are ended.")


def _location_lifted(event: dict[str, Any]) -> Told:
    return _location(event, "Open again", "The suspension of your location {name} is lifted: drivers can book it again.")


def _stopped(event: dict[str, Any]) -> Told:
    bill = event.get("settlement") or event["quote"]
    total = format_money(bill["total_minor"], bill["currency"])
    lines = (f"Charging at {event['location']['name']} has ended: {bill['energy_kwh']:g} kWh, {total}.",)
    return Told(f"Charged: {bill['energy_kwh']:g} kWh for {total}", lines, _facts(event), None)


def _offered(event: dict[str, Any]) -> Told:
    offer = event["offer"]
    zone = offer["location"]["time_zone"]
    lines = (
        f"We hold a slot for you at {offer['location']['name']} until {when(event['expires_at'], zone)}.",
        f"It is {period(offer['start'], offer['end'], zone)}. Accept it in the app.",
    )
    return Told("An offer waits for you", lines, (), None, email=False)


def _unsatisfiable(event: dict[str, Any]) -> Told:
    explanation = event.get("explanation") or UNSATISFIABLE.get(event["reason"], event["reason"])
    return Told("No charging slot was found", (explanation,), (), None)


def _expired(event: dict[str, Any]) -> Told:
    lines = ("The slot we held for you was not accepted in time and is free again. Ask again whenever you like.",)
    return Told("The offer has expired", lines, (), None, email=False)


def _feed_silent(event: dict[str, Any]) -> Told:
    place = event["location"]
    minutes, evses = event["silent_after_s"] // 60, event["evses"]
    chargers = "1 charger is" if evses == 1 else f"{evses} chargers are"
    lines = (
        f"Nothing was heard from the feed of {place['name']} for {minutes} minutes; the last word came "
        f"{when(event['heard_at'], place['time_zone'])}.",
        f"{chargers} shown as UNKNOWN and not offered to drivers until they report again.",
        "Check the stations' connection to the internet and their station key.",
    )
    return Told(f"No word from {place['name'][:60]}", lines, _feed_facts(event), None)


def _feed_back(event: dict[str, Any]) -> Told:
    place = event["location"]
    lines = (
        f"The feed of {place['name']} is heard again; it was silent from {when(event['silent_since'], place['time_zone'])}.",
        "Each charger is offered again as soon as it has reported its state.",
    )
    return Told(f"Heard again: {place['name'][:60]}", lines, _feed_facts(event), None)


def _feed_facts(event: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    place = event["location"]
    where = f"{place['name']}, {place['address']}" if place["address"] else place["name"]
    return ("Where", where), ("Last heard", when(event["heard_at"], place["time_zone"]))


TOLD = {
    "booking_reserved": _reserved,
    "booking_rescheduled": _rescheduled,
    "booking_canceled": _canceled,
    "booking_no_show": _no_show,
    "booking_reminder": _reminder,
    "evse_revealed": _revealed,
    "evse_changed": _changed,
    "session_stopped": _stopped,
    "charge_request_offered": _offered,
    "charge_request_unsatisfiable": _unsatisfiable,
    "charge_request_expired": _expired,
    "feed_silent": _feed_silent,
    "feed_back": _feed_back,
    "location_approved": _location_approved,
    "location_rejected": _location_rejected,
    "location_suspended": _location_suspended,
    "location_lifted": _location_lifted,
}
"""Every event that is told."""
