"""E-mails from templates, and the calendar file that goes with a booking."""

from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from functions.notify.domain import Told

SENDER_NAME = "evcharging"


@lru_cache(maxsize=1)
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def html(told: Told, *, name: str, event: dict[str, Any], public_url: str, link: str | None = None) -> str:
    """The e-mail's HTML; everything that people typed is escaped."""
    place = event.get("location")
    map_url = None
    if place is not None:
        map_url = f"geo:{place['latitude']:.6f},{place['longitude']:.6f}?q={quote(place['name'])}"
    made: str = (
        _templates()
        .get_template("message.html")
        .render(told=told, name=name, map_url=map_url, link=link, public_url=public_url, reference=event.get("booking_id"))
    )
    return made


def text(told: Told, *, name: str, event: dict[str, Any], link: str | None = None) -> str:
    """The e-mail's plain text."""
    width = max((len(label) for label, _ in told.facts), default=0)
    facts = [f"  {label + ':':<{width + 1}} {value}" for label, value in told.facts]
    reference = [f"Booking {event['booking_id']}"] if event.get("booking_id") else []
    links = [link] if link else []
    parts = [f"Hello {name},", *told.lines, *links, "\n".join(facts), *reference, f"Your {SENDER_NAME} team"]
    return "\n\n".join(part for part in parts if part) + "\n"


def calendar(told: Told, *, event: dict[str, Any], to: str, sender: str, now: datetime) -> bytes:
    """The booking as iCalendar (RFC 5545): one UID for its whole life, SEQUENCE rising with time, so that calendars move
    and remove the same entry."""
    from icalendar import Alarm, Calendar, Event, vCalAddress, vText

    zone = ZoneInfo(event["location"]["time_zone"])
    entry = Event()
    entry.add("uid", f"{event['booking_id']}@evcharging")
    entry.add("sequence", int(now.timestamp()) - 1_700_000_000)
    entry.add("dtstamp", now)
    entry.add("dtstart", datetime.fromisoformat(event["start"]).astimezone(zone))
    entry.add("dtend", datetime.fromisoformat(event["end"]).astimezone(zone))
    entry.add("summary", f"Charging at {event['location']['name']}")
    entry.add("location", event["location"]["address"] or event["location"]["name"])
    entry.add("geo", (event["location"]["latitude"], event["location"]["longitude"]))
    entry.add("description", "\n".join([*told.lines, *(f"{label}: {value}" for label, value in told.facts)]))
    entry.add("status", "CANCELLED" if told.calendar == "CANCEL" else "CONFIRMED")
    organizer = vCalAddress(f"mailto:{sender}")
    organizer.params["cn"] = vText(SENDER_NAME)
    entry["organizer"] = organizer
    entry.add("attendee", vCalAddress(f"mailto:{to}"))
    if told.calendar == "REQUEST":
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", timedelta(minutes=-30))
        alarm.add("description", "Time to drive to your charger")
        entry.add_component(alarm)
    made = Calendar()
    made.add("prodid", "-//evcharging//booking//EN")
    made.add("version", "2.0")
    made.add("method", told.calendar)
    made.add_component(entry)
    made.add_missing_timezones()
    content: bytes = made.to_ical()
    return content
