"""E-mails from templates, and the calendar file that goes with a booking."""

import uuid
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from functions.booking.events import BookingEvent
from functions.notify.domain import NotificationContent
from functions.operators.events import LocationDecided
from functions.stations.feed.events import FeedEvent
from shared.events import Event

SENDER_NAME = "evcharging"


@lru_cache(maxsize=1)
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html(content: NotificationContent, *, name: str, event: Event | None, public_url: str, link: str | None = None) -> str:
    """The e-mail's HTML; everything that people typed is escaped."""
    location = event.location if isinstance(event, BookingEvent | FeedEvent | LocationDecided) else None
    map_url = None
    if location is not None:
        map_url = f"geo:{location.latitude:.6f},{location.longitude:.6f}?q={quote(location.name)}"
    document: str = (
        _templates()
        .get_template("message.html")
        .render(content=content, name=name, map_url=map_url, link=link, public_url=public_url, reference=_booking_id(event))
    )
    return document


def _booking_id(event: Event | None) -> uuid.UUID | None:
    return event.booking_id if isinstance(event, BookingEvent) else None


def text(content: NotificationContent, *, name: str, event: Event | None, link: str | None = None) -> str:
    """The e-mail's plain text."""
    width = max((len(label) for label, _ in content.facts), default=0)
    facts = [f"  {label + ':':<{width + 1}} {value}" for label, value in content.facts]
    booking_id = _booking_id(event)
    reference = [f"Booking {booking_id}"] if booking_id else []
    links = [link] if link else []
    greeting = f"Hello {name}," if name else "Hello,"
    parts = [greeting, *content.lines, *links, "\n".join(facts), *reference, f"Your {SENDER_NAME} team"]
    return "\n\n".join(part for part in parts if part) + "\n"


def calendar(content: NotificationContent, *, event: BookingEvent, to: str, sender: str, now: datetime) -> bytes:
    """The booking as iCalendar (RFC 5545).

    One UID for its whole life and a SEQUENCE that rises with time let calendars move and remove the same entry.
    """
    from icalendar import Alarm, Calendar, Event, vCalAddress, vText

    zone = ZoneInfo(event.location.time_zone)
    entry = Event()
    entry.add("uid", f"{event.booking_id}@evcharging")
    entry.add("sequence", int(now.timestamp()) - 1_700_000_000)
    entry.add("dtstamp", now)
    entry.add("dtstart", event.start.astimezone(zone))
    entry.add("dtend", event.end.astimezone(zone))
    entry.add("summary", f"Charging at {event.location.name}")
    entry.add("location", event.location.address or event.location.name)
    entry.add("geo", (event.location.latitude, event.location.longitude))
    entry.add("description", "\n".join([*content.lines, *(f"{label}: {value}" for label, value in content.facts)]))
    entry.add("status", "CANCELLED" if content.calendar == "CANCEL" else "CONFIRMED")
    organizer = vCalAddress(f"mailto:{sender}")
    organizer.params["cn"] = vText(SENDER_NAME)
    entry["organizer"] = organizer
    entry.add("attendee", vCalAddress(f"mailto:{to}"))
    if content.calendar == "REQUEST":
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", timedelta(minutes=-30))
        alarm.add("description", "Time to drive to your charger")
        entry.add_component(alarm)
    document = Calendar()
    document.add("prodid", "-//evcharging//booking//EN")
    document.add("version", "2.0")
    document.add("method", content.calendar)
    document.add_component(entry)
    document.add_missing_timezones()
    ical: bytes = document.to_ical()
    return ical
