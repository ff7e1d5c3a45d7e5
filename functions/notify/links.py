"""Where the links of messages lead: to the web application's pages or, without one, to the API's own; and to the map."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from functions.booking.events import BookingSnapshot
from functions.optimizer.events import ChargeRequestOffered
from shared.events import Event
from shared.settings import Settings
from shared.web.call import PREFIX

LABELS = {
    "see": "See the booking",
    "move": "Move it",
    "cancel": "Cancel it",
    "accept": "Accept the offer",
    "decline": "Decline it",
}


class Place(Protocol):
    """What has a name and stands somewhere."""

    @property
    def name(self) -> str: ...
    @property
    def latitude(self) -> float: ...
    @property
    def longitude(self) -> float: ...


@dataclass(frozen=True)
class Link:
    """A link and what it says."""

    label: str
    url: str


def action_links(event: Event, actions: tuple[str, ...], settings: Settings) -> tuple[Link, ...]:
    """A link for each of a message's actions (LABELS); none where it is about no booking."""
    booking_id = _booking_id(event)
    if booking_id is None:
        return ()
    return tuple(Link(LABELS[action], _booking_page(booking_id, action, settings)) for action in actions)


def _booking_id(event: Event) -> uuid.UUID | None:
    if isinstance(event, ChargeRequestOffered):
        return event.offer.booking_id
    return event.booking_id if isinstance(event, BookingSnapshot) else None


def _booking_page(booking_id: uuid.UUID, action: str, settings: Settings) -> str:
    if settings.web_url is not None:
        page = f"{settings.web_url.rstrip('/')}/bookings/{booking_id}"
        return page if action == "see" else f"{page}#{action}"
    page = f"{settings.public_url.rstrip('/')}{PREFIX}/booking/page#{booking_id}"
    return page if action == "see" else f"{page}/{action}"


def map_links(place: Place, settings: Settings) -> Iterator[Link]:
    """The way to a place: by https, which every program opens, and as `geo:` (RFC 5870), which opens a phone's own map."""
    latitude, longitude = f"{place.latitude:.6f}", f"{place.longitude:.6f}"
    https = settings.map_url.replace("{latitude}", latitude).replace("{longitude}", longitude)
    yield Link("Show the way", https)
    yield Link("Open in the phone's map", f"geo:{latitude},{longitude}?q={latitude},{longitude}({quote(place.name)})")
