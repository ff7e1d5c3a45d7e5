"""What drivers are told: every event, in the location's time, with nothing that people typed left unescaped."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import icalendar
import pytest

from functions.booking.events import BookingCanceled, BookingEvent, BookingReserved
from functions.notify import rendering
from functions.notify.domain import RENDERERS, period, when
from functions.operators.events import LocationDecided
from functions.stations.feed.events import FeedEvent
from shared.events import Event

E = TypeVar("E", bound=Event)
START, END = datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
PAYLOAD: dict[str, Any] = {
    "at": "2026-03-28T12:00:00+00:00",
    "user_id": "01a20d6f-1b93-773f-bb44-6b0e427bacd6",
    "booking_id": "01a20d6f-1cbc-744c-9324-70fa0109d097",
    "charge_request_id": None,
    "location": {
        "id": "01a20d6f-1cbc-744c-9324-70fa0109d098",
        "name": "Café <script>alert(1)</script>",
        "address": "Plein 1, Utrecht",
        "time_zone": "Europe/Amsterdam",
        "latitude": 52.09,
        "longitude": 5.12,
    },
    "connector": "IEC_62196_T2_COMBO",
    "power_kw": 150.0,
    "evse_uid": "#NA",
    "start": START.isoformat(),
    "end": END.isoformat(),
    "previous": {"start": "2026-03-28T10:00:00+00:00", "end": "2026-03-28T11:00:00+00:00", "location_name": "Café"},
    "quote": {
        "currency": "EUR",
        "total_minor": 1234,
        "total_excl_vat_minor": 1020,
        "energy_kwh": 20.0,
        "minutes": 60.0,
        "tariff_id": None,
        "elements": [],
    },
    "terms": {"cancel_until_minutes": 60},
    "reservation_status": "RESERVED",
    "reason": "BROKEN_CHARGER",
    "who_canceled": "CPO",
    "fee_minor": 242,
    "settlement": None,
}
REQUEST = {
    "user_id": PAYLOAD["user_id"],
    "charge_request_id": PAYLOAD["booking_id"],
    "offer": PAYLOAD,
    "expires_at": "2026-03-28T12:02:00+00:00",
    "reason": "ALL_FULL",
    "explanation": "Every station that fits is full.",
}
FEED = {"silent_after_s": 900, "evses": 2, "heard_at": "2026-03-28T11:45:00+00:00", "silent_since": PAYLOAD["at"]}


def event_of(kind: type[E], **changes: Any) -> E:
    """An event with text of people in it that no page may take for markup."""
    payload = PAYLOAD
    if issubclass(kind, FeedEvent):
        payload = {name: PAYLOAD[name] for name in ("at", "user_id", "location")} | FEED
    elif issubclass(kind, LocationDecided):
        payload = {name: PAYLOAD[name] for name in ("at", "user_id", "location")} | {"reason": "The house number <b>4</b>"}
    elif kind.TYPE.startswith("charge_request"):
        payload = REQUEST
    return kind.of_payload(payload | changes)


@pytest.mark.parametrize("kind", RENDERERS)
def test_every_event_is_rendered_as_email_and_text_message(kind: type[Event]) -> None:
    event = event_of(kind)
    content = RENDERERS[kind](event)
    assert content.subject
    html = rendering.html(content, name="<b>Ada</b>", event=event, public_url="http://127.0.0.1")
    assert "<script>" not in html
    assert "<b>Ada" not in html
    assert "https://" not in html, "nothing is loaded from elsewhere"
    text = rendering.text(content, name="Ada", event=event)
    assert all(line in text for line in content.lines)
    if content.sms is not None:
        assert len(content.sms) <= 160


def test_times_are_in_the_locations_zone_over_a_clock_change() -> None:
    assert period(START, END, "Europe/Amsterdam") == "Sun 29 Mar 2026, 01:30 CET to 03:30 CEST"
    assert when(datetime(2026, 7, 1, 10, tzinfo=UTC), "Europe/London") == "Wed 1 Jul 2026, 11:00 BST"


def test_a_confirmation_names_deadline_price_connector_and_charger() -> None:
    event = event_of(BookingReserved)
    text = rendering.text(RENDERERS[BookingReserved](event), name="Ada", event=event)
    assert "cancel without cost until Sun 29 Mar 2026, 00:30 CET" in text
    assert "at most €12.34" in text
    assert "CCS, 150 kW" in text
    assert "told 30 minutes before the start" in text


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [(171, "JPY", "At most 171 JPY."), (123400, "HUF", "At most 1234.00 HUF."), (12345, "KWD", "At most 12.345 KWD.")],
)
def test_a_text_message_names_the_price_in_the_currencys_own_units(minor: int, currency: str, said: str) -> None:
    """171 yen read 1.71."""
    event = event_of(BookingReserved, quote=PAYLOAD["quote"] | {"total_minor": minor, "currency": currency})
    assert said in str(RENDERERS[BookingReserved](event).sms)


def test_what_is_expected_is_said_before_the_most() -> None:
    event = event_of(BookingReserved, quote=PAYLOAD["quote"] | {"expected_minor": 484})
    content = RENDERERS[BookingReserved](event)
    assert "About 4.84 EUR, at most 12.34 EUR." in str(content.sms)
    assert ("Price", "about €4.84, at most €12.34") in content.facts


def test_a_cancellation_says_who_and_why_and_what_it_costs() -> None:
    content = RENDERERS[BookingCanceled](event_of(BookingCanceled))
    assert "cancelled by the operator because of a broken charger" in content.lines[0]
    assert "€2.42" in content.lines[1]
    by_driver = RENDERERS[BookingCanceled](event_of(BookingCanceled, who_canceled="MSP", reason="UNKNOWN", fee_minor=0))
    assert by_driver.lines == ("Your booking at Café <script>alert(1)</script> was cancelled by you.",)


def test_close_to_the_start_no_free_cancel_is_promised() -> None:
    content = RENDERERS[BookingReserved](event_of(BookingReserved, at="2026-03-29T00:00:00+00:00"))
    assert "too close to the start" in content.lines[1]


@pytest.mark.parametrize(
    ("kind", "method", "status"),
    [(BookingReserved, "REQUEST", "CONFIRMED"), (BookingCanceled, "CANCEL", "CANCELLED")],
)
def test_the_calendar_entry_is_read_back(kind: type[BookingEvent], method: str, status: str) -> None:
    event = event_of(kind)
    content = RENDERERS[kind](event)
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    ical = rendering.calendar(content, event=event, to="ada@example.org", sender="noreply@x.test", now=now)
    calendar = icalendar.Calendar.from_ical(ical)
    (entry,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == method
    assert entry["STATUS"] == status
    assert entry["UID"] == f"{event.booking_id}@evcharging"
    assert entry.decoded("DTSTART") == START
    assert entry.decoded("DTEND") == END
    assert len(entry.walk("VALARM")) == (1 if method == "REQUEST" else 0)
    later = rendering.calendar(content, event=event, to="a@b.c", sender="x@y.z", now=datetime(2026, 3, 28, 13, tzinfo=UTC))
    assert icalendar.Calendar.from_ical(later).walk("VEVENT")[0].decoded("SEQUENCE") > entry.decoded("SEQUENCE")
