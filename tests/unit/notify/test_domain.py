"""What drivers are told: every event, in the location's time, with nothing that people typed left unescaped."""

from datetime import UTC, datetime
from typing import Any

import icalendar
import pytest

from functions.notify import rendering
from functions.notify.domain import RENDERERS, period, when

EVENT: dict[str, Any] = {
    "at": "2026-03-28T12:00:00+00:00",
    "user_id": "01a20d6f-1b93-773f-bb44-6b0e427bacd6",
    "booking_id": "01a20d6f-1cbc-744c-9324-70fa0109d097",
    "charge_request_id": None,
    "location": {
        "id": "x",
        "name": "Café <script>alert(1)</script>",
        "address": "Plein 1, Utrecht",
        "time_zone": "Europe/Amsterdam",
        "latitude": 52.09,
        "longitude": 5.12,
    },
    "connector": "IEC_62196_T2_COMBO",
    "power_kw": 150.0,
    "evse_uid": "#NA",
    "start": "2026-03-29T00:30:00+00:00",
    "end": "2026-03-29T01:30:00+00:00",
    "previous": {"start": "2026-03-28T10:00:00+00:00", "end": "2026-03-28T11:00:00+00:00", "location_name": "Café"},
    "quote": {"currency": "EUR", "total_minor": 1234, "elements": [], "energy_kwh": 20.0},
    "terms": {"cancel_until_minutes": 60},
    "reservation_status": "RESERVED",
    "reason": "BROKEN_CHARGER",
    "who_canceled": "CPO",
    "fee_minor": 242,
    "settlement": {"currency": "EUR", "total_minor": 900, "energy_kwh": 15.5, "no_show_fee_minor": 605},
}
REQUEST = {
    "user_id": EVENT["user_id"],
    "charge_request_id": "r",
    "offer": EVENT,
    "expires_at": "2026-03-28T12:02:00+00:00",
    "reason": "ALL_FULL",
    "explanation": "Every station that fits is full.",
}


FEED = {"silent_after_s": 900, "evses": 2, "heard_at": "2026-03-28T11:45:00+00:00", "silent_since": EVENT["at"]}


def event_of(event_type: str) -> dict[str, Any]:
    if event_type.startswith("feed_"):
        return {name: EVENT[name] for name in ("at", "user_id", "location")} | FEED
    if event_type.startswith("location_"):
        return {name: EVENT[name] for name in ("at", "user_id", "location")} | {"reason": "The house number <b>4</b>"}
    return REQUEST if event_type.startswith("charge_request") else EVENT


@pytest.mark.parametrize("event_type", RENDERERS)
def test_every_event_is_rendered_as_email_and_text_message(event_type: str) -> None:
    event = event_of(event_type)
    content = RENDERERS[event_type](event)
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
    assert period(EVENT["start"], EVENT["end"], "Europe/Amsterdam") == "Sun 29 Mar 2026, 01:30 CET to 03:30 CEST"
    assert when("2026-07-01T10:00:00+00:00", "Europe/London") == "Wed 1 Jul 2026, 11:00 BST"


def test_a_confirmation_names_deadline_price_connector_and_charger() -> None:
    content = RENDERERS["booking_reserved"](EVENT)
    text = rendering.text(content, name="Ada", event=EVENT)
    assert "cancel without cost until Sun 29 Mar 2026, 00:30 CET" in text
    assert "at most €12.34" in text
    assert "CCS, 150 kW" in text
    assert "told 30 minutes before the start" in text


def test_a_cancellation_says_who_and_why_and_what_it_costs() -> None:
    content = RENDERERS["booking_canceled"](EVENT)
    assert "cancelled by the operator because of a broken charger" in content.lines[0]
    assert "€2.42" in content.lines[1]
    by_driver = RENDERERS["booking_canceled"](EVENT | {"who_canceled": "MSP", "reason": "UNKNOWN", "fee_minor": 0})
    assert by_driver.lines == ("Your booking at Café <script>alert(1)</script> was cancelled by you.",)


def test_close_to_the_start_no_free_cancel_is_promised() -> None:
    content = RENDERERS["booking_reserved"](EVENT | {"at": "2026-03-29T00:00:00+00:00"})
    assert "too close to the start" in content.lines[1]


@pytest.mark.parametrize(
    ("event_type", "method", "status"),
    [("booking_reserved", "REQUEST", "CONFIRMED"), ("booking_canceled", "CANCEL", "CANCELLED")],
)
def test_the_calendar_entry_is_read_back(event_type: str, method: str, status: str) -> None:
    content = RENDERERS[event_type](EVENT)
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    ical = rendering.calendar(content, event=EVENT, to="ada@example.org", sender="noreply@x.test", now=now)
    calendar = icalendar.Calendar.from_ical(ical)
    (entry,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == method
    assert entry["STATUS"] == status
    assert entry["UID"] == f"{EVENT['booking_id']}@evcharging"
    assert entry.decoded("DTSTART") == datetime.fromisoformat(EVENT["start"])
    assert entry.decoded("DTEND") == datetime.fromisoformat(EVENT["end"])
    assert len(entry.walk("VALARM")) == (1 if method == "REQUEST" else 0)
    later = rendering.calendar(content, event=EVENT, to="a@b.c", sender="x@y.z", now=datetime(2026, 3, 28, 13, tzinfo=UTC))
    assert icalendar.Calendar.from_ical(later).walk("VEVENT")[0].decoded("SEQUENCE") > entry.decoded("SEQUENCE")
