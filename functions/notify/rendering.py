"""E-mails from templates, and the calendar file that goes with a booking."""

import uuid
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from functions.booking.events import BookingEvent
from functions.notify.links import Link, action_links, map_links
from functions.notify.records import NotificationContent
from functions.optimizer.events import ChargeRequestOffered
from shared.events import Event
from shared.settings import Settings

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


def html(content: NotificationContent, *, name: str, event: Event | None, settings: Settings, link: str | None = None) -> str:
    """The e-mail's HTML; everything that people typed is escaped. `link`: the one thing to do of an account's e-mail."""
    actions, ways = _links(content, event, settings)
    document: str = (
        _templates()
        .get_template("message.html")
        .render(
            content=content,
            name=name,
            actions=actions,
            ways=ways,
            link=link,
            public_url=settings.web_url or settings.public_url,
            reference=_booking_id(event),
        )
    )
    return document


def _links(content: NotificationContent, event: Event | None, settings: Settings) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
    """What its reader may do, and the way to a place that is kept for them."""
    if event is None:
        return (), ()
    ways: tuple[Link, ...] = ()
    if isinstance(event, ChargeRequestOffered):
        ways = tuple(map_links(event.offer.location, settings))
    elif isinstance(event, BookingEvent) and "cancel" in content.actions:
        ways = tuple(map_links(event.location, settings))
    return action_links(event, content.actions, settings), ways


def _booking_id(event: Event | None) -> uuid.UUID | None:
    return event.booking_id if isinstance(event, BookingEvent) else None


def text(content: NotificationContent, *, name: str, event: Event | None, settings: Settings, link: str | None = None) -> str:
    """The e-mail's plain text."""
    width = max((len(label) for label, _ in content.facts), default=0)
    facts = [f"  {label + ':':<{width + 1}} {value}" for label, value in content.facts]
    booking_id = _booking_id(event)
    reference = [f"Booking {booking_id}"] if booking_id else []
    actions, ways = _links(content, event, settings)
    links = [f"{to.label}: {to.url}" for to in (*actions, *ways)]
    parts = [
        f"Hello {name}," if name else "Hello,",
        *content.lines,
        link or "",
        "\n".join(facts),
        "\n".join(links),
        *reference,
        f"Your {SENDER_NAME} team",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def calendar(content: NotificationContent, *, event: BookingEvent, to: str, settings: Settings) -> bytes:
    """The booking as iCalendar (RFC 5545), as an invitation to `to`.

    One UID for its whole life and the booking's revision as SEQUENCE let calendars move and remove the same entry, and
    leave it alone where an older letter comes late.
    """
    from icalendar import Alarm, vCalAddress, vText

    entry = _entry(content, event, settings)
    organizer = vCalAddress(f"mailto:{settings.email_sender}")
    organizer.params["cn"] = vText(SENDER_NAME)
    entry["organizer"] = organizer
    entry.add("attendee", vCalAddress(f"mailto:{to}"))
    if content.calendar == "REQUEST":
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", timedelta(minutes=-30))
        alarm.add("description", "Time to drive to your charger")
        entry.add_component(alarm)
    return _document(entry, str(content.calendar))


def calendar_file(content: NotificationContent, *, event: BookingEvent, settings: Settings) -> bytes:
    """The same entry as a file for whoever asks for it; it invites nobody."""
    return _document(_entry(content, event, settings), "PUBLISH")


def _entry(content: NotificationContent, event: BookingEvent, settings: Settings) -> Any:
    from icalendar import Event

    zone = ZoneInfo(event.location.time_zone)
    entry = Event()
    entry.add("uid", f"{event.booking_id}@evcharging")
    entry.add("sequence", event.revision)
    entry.add("dtstamp", event.at)
    entry.add("dtstart", event.start.astimezone(zone))
    entry.add("dtend", event.end.astimezone(zone))
    entry.add("summary", f"Charging at {event.location.name}")
    entry.add("location", event.location.address or event.location.name)
    entry.add("geo", (event.location.latitude, event.location.longitude))
    actions, ways = _links(content, event, settings)
    described = [*content.lines, *(f"{label}: {value}" for label, value in content.facts)]
    entry.add("description", "\n".join([*described, *(f"{to.label}: {to.url}" for to in (*actions, *ways[:1]))]))
    entry.add("status", "CANCELLED" if content.calendar == "CANCEL" else "CONFIRMED")
    return entry


def _document(entry: Any, method: str) -> bytes:
    from icalendar import Calendar

    document = Calendar()
    document.add("prodid", "-//evcharging//booking//EN")
    document.add("version", "2.0")
    document.add("method", method)
    document.add_component(entry)
    document.add_missing_timezones()
    ical: bytes = document.to_ical()
    return ical
