"""What drivers are told: every event, in the location's time, with nothing that people typed left unescaped."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import icalendar
import pytest
from pydantic import ValidationError

from functions.booking.domain import CancellationCause
from functions.booking.events import BookingCanceled, BookingEvent, BookingReserved
from functions.notify import rendering
from functions.notify.phrases import period, when, zone_name
from functions.notify.promises import RENDERERS
from functions.operators.events import LocationDecided
from functions.stations.feed.events import FeedEvent
from functions.tariffs.quotes import Fees
from functions.waitlist.events import WaitlistEvent
from shared.events import Event
from shared.settings import Settings

E = TypeVar("E", bound=Event)
SETTINGS = Settings(data_dir=Path("unused"), map_url="https://map.test/{latitude}/{longitude}")
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

WAITS = {"entry_id": PAYLOAD["booking_id"], "window_begin": PAYLOAD["start"], "window_end": PAYLOAD["end"]}


def event_of(kind: type[E], **changes: Any) -> E:
    """An event with text of people in it that no page may take for markup."""
    payload = PAYLOAD
    if issubclass(kind, FeedEvent):
        payload = {name: PAYLOAD[name] for name in ("at", "user_id", "location")} | FEED
    elif issubclass(kind, LocationDecided):
        payload = {name: PAYLOAD[name] for name in ("at", "user_id", "location")} | {"reason": "The house number <b>4</b>"}
    elif issubclass(kind, WaitlistEvent):
        payload = REQUEST | WAITS
    elif kind.TYPE.startswith("charge_request"):
        payload = REQUEST
    return kind.of_payload(payload | changes)


@pytest.mark.parametrize("kind", RENDERERS)
def test_every_event_is_rendered_as_email_and_text_message(kind: type[Event]) -> None:
    event = event_of(kind)
    content = RENDERERS[kind](event)
    assert content.subject
    html = rendering.html(content, name="<b>Ada</b>", event=event, settings=SETTINGS)
    assert "<script>" not in html
    assert "<b>Ada" not in html
    assert not re.search(r"src=|<link|<script|url\(", html), "nothing is loaded from elsewhere"
    text = rendering.text(content, name="Ada", event=event, settings=SETTINGS)
    assert all(line in text for line in content.lines)
    if content.sms is not None:
        assert len(content.sms) <= 160


def test_times_are_in_the_locations_zone_over_a_clock_change() -> None:
    assert period(START, END, "Europe/Amsterdam") == "Sun 29 Mar 2026, 01:30 (UTC+1) to 03:30 (UTC+2) Amsterdam time"
    assert when(datetime(2026, 7, 1, 10, tzinfo=UTC), "Europe/London") == "Wed 1 Jul 2026, 11:00 London time"


def test_an_hour_that_comes_twice_is_told_with_its_offset() -> None:
    first, again = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert when(first, "Europe/Amsterdam") == "Sun 25 Oct 2026, 02:30 (UTC+2) Amsterdam time"
    assert when(again, "Europe/Amsterdam") == "Sun 25 Oct 2026, 02:30 (UTC+1) Amsterdam time"


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Europe/Amsterdam", "Amsterdam time"),
        ("America/Sao_Paulo", "Sao Paulo time"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("Asia/Calcutta", "Kolkata time"),
        ("UTC", "UTC"),
        ("Etc/GMT+3", "UTC-3"),
        ("Etc/GMT-14", "UTC+14"),
        ("Etc/GMT0", "UTC"),
        ("Etc/GMT-0", "UTC"),
        ("Etc/GMT", "GMT"),
    ],
)
def test_a_zone_is_called_by_its_city(zone: str, name: str) -> None:
    assert zone_name(zone) == name


def test_a_zone_called_by_its_offset_has_that_offset() -> None:
    for zone in available_timezones():
        name = zone_name(zone)
        if name.startswith(("UTC", "GMT")):
            assert datetime(2026, 7, 1, tzinfo=ZoneInfo(zone)).utcoffset() == timedelta(hours=int(name[3:] or "0")), zone


def test_every_zone_has_a_name_that_is_no_bare_offset() -> None:
    unnamed = {zone for zone in available_timezones() - {"Factory"} if not zone_name(zone)[0].isalpha()}
    assert unnamed == set()


def test_a_confirmation_names_deadline_price_connector_and_charger() -> None:
    event = event_of(BookingReserved)
    text = rendering.text(RENDERERS[BookingReserved](event), name="Ada", event=event, settings=SETTINGS)
    assert "cancel free of charge until Sun 29 Mar 2026, 00:30 Amsterdam time" in text
    assert "at most €12.34" in text
    assert "CCS, 150 kW" in text
    assert "told 30 minutes before the start" in text


def test_a_text_message_names_the_charger_where_it_is_known() -> None:
    sms = RENDERERS[BookingReserved](event_of(BookingReserved, evse_uid="E7")).sms
    assert sms is not None
    assert sms.endswith(". Charger E7.")


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
    assert by_driver.lines == (
        "Your booking at Café <script>alert(1)</script> was cancelled by you.",
        "It costs you nothing.",
    )


@pytest.mark.parametrize("cause", list(CancellationCause))
def test_what_the_platform_cancelled_is_said_to_be_the_platforms_and_free(cause: CancellationCause) -> None:
    (line,) = RENDERERS[BookingCanceled](event_of(BookingCanceled, cause=cause, fee_minor=0)).lines
    assert line.endswith("at no cost to you.")
    assert "by you" not in line


def test_the_operators_own_reason_is_quoted_unless_it_sends_its_reader_elsewhere() -> None:
    said = RENDERERS[BookingCanceled](event_of(BookingCanceled, said="The roof is mended on 2 March."))
    assert "The operator's reason: “The roof is mended on 2 March.”" in said.lines
    for bait in (
        "See https://x.test",
        "log in at evil.com/pay",
        "www.evil",
        "ada@evil.com",
        "call +31 6 12345678",
        "0900-1234567",
    ):
        content = RENDERERS[BookingCanceled](event_of(BookingCanceled, said=bait))
        assert not any(bait in line for line in content.lines), bait


def test_close_to_the_start_no_free_cancel_is_promised() -> None:
    content = RENDERERS[BookingReserved](event_of(BookingReserved, at="2026-03-29T00:00:00+00:00"))
    assert "too close to the start" in content.lines[1]


def with_fees(event: BookingReserved, late_cancel_minor: int, no_show_minor: int) -> BookingReserved:
    fees = Fees(late_cancel_minor=late_cancel_minor, no_show_minor=no_show_minor)
    return replace(event, quote=event.quote.model_copy(update={"fees": fees}))


def test_a_letter_names_what_cancelling_late_and_not_coming_cost() -> None:
    event = with_fees(event_of(BookingReserved), 242, 605)
    lines = RENDERERS[BookingReserved](event).lines
    assert lines[1] == "You can cancel free of charge until Sun 29 Mar 2026, 00:30 Amsterdam time; after that it costs €2.42."
    assert lines[2].endswith("your place is given free, and it costs €6.05.")
    late = RENDERERS[BookingReserved](replace(event, at=event.start)).lines
    assert late[1] == "It is too close to the start to cancel free of charge: cancelling it costs €2.42."


def test_a_letter_names_no_cost_that_does_not_exist() -> None:
    for at in (PAYLOAD["at"], START.isoformat()):
        lines = RENDERERS[BookingReserved](with_fees(event_of(BookingReserved, at=at), 0, 0)).lines
        assert lines[1] == "You can cancel free of charge at any time before the start."
        assert lines[2].endswith("your place is given free.")
        assert "cost" not in " ".join(lines)


def test_who_moved_late_is_not_promised_a_free_cancel() -> None:
    content = RENDERERS[BookingReserved](event_of(BookingReserved, late_since=PAYLOAD["at"]))
    assert "moved when it was too late to cancel free of charge" in content.lines[1]


@pytest.mark.parametrize(
    ("kind", "method", "status"),
    [(BookingReserved, "REQUEST", "CONFIRMED"), (BookingCanceled, "CANCEL", "CANCELLED")],
)
def test_the_calendar_entry_is_read_back(kind: type[BookingEvent], method: str, status: str) -> None:
    event = event_of(kind, revision=3)
    content = RENDERERS[kind](event)
    ical = rendering.calendar(content, event=event, to="ada@example.org", settings=SETTINGS)
    calendar = icalendar.Calendar.from_ical(ical)
    (entry,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == method
    assert entry["STATUS"] == status
    assert entry["UID"] == f"{event.booking_id}@evcharging"
    assert entry.decoded("DTSTART") == START
    assert entry.decoded("DTEND") == END
    assert len(entry.walk("VALARM")) == (1 if method == "REQUEST" else 0)


def test_a_calendar_entry_is_ordered_by_the_bookings_revision_and_stamped_by_the_event() -> None:
    for revision in (0, 7):
        event = event_of(BookingReserved, revision=revision)
        ical = rendering.calendar(RENDERERS[BookingReserved](event), event=event, to="a@b.c", settings=SETTINGS)
        entry = icalendar.Calendar.from_ical(ical).walk("VEVENT")[0]
        assert entry["SEQUENCE"] == revision
        assert entry.decoded("DTSTAMP") == event.at


def test_a_letter_shows_the_way_by_https_and_by_geo() -> None:
    event = event_of(BookingReserved)
    text = rendering.text(RENDERERS[BookingReserved](event), name="Ada", event=event, settings=SETTINGS)
    assert "Show the way: https://map.test/52.090000/5.120000" in text
    assert "geo:52.090000,5.120000?q=52.090000,5.120000(" in text
    html = rendering.html(RENDERERS[BookingReserved](event), name="Ada", event=event, settings=SETTINGS)
    assert 'href="https://map.test/52.090000/5.120000"' in html


@pytest.mark.parametrize(
    "url", ["http://map.test/{latitude}/{longitude}", "https://map.test/{latitude}", "geo:{latitude},{longitude}"]
)
def test_a_map_address_that_cannot_show_the_way_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="map_url"):
        Settings(map_url=url)


@pytest.mark.parametrize(
    ("web_url", "page", "mark"),
    [
        (None, "http://127.0.0.1:7071/api/v1/booking/page#{id}", "/"),
        ("https://app.example.org/", "https://app.example.org/bookings/{id}", "#"),
    ],
)
def test_links_to_act_lead_to_the_web_application_or_to_the_page_that_works(web_url: str | None, page: str, mark: str) -> None:
    event = event_of(BookingReserved)
    settings = Settings(web_url=web_url)
    text = rendering.text(RENDERERS[BookingReserved](event), name="Ada", event=event, settings=settings)
    for label, action in (("See the booking", ""), ("Move it", f"{mark}move"), ("Cancel it", f"{mark}cancel")):
        assert f"{label}: {page.format(id=event.booking_id)}{action}\n" in text


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ("The cable is repaired from 2026-03-02 to 2026-03-05.", True),
        ("Use the entrance at Hauptstr.am Markt", True),
        ("Ask at P.O.Box 12", True),
        ("2.OG is closed", True),
        ("We open again on 02.03.2026 10:30, not 00:00-06:00", True),
        ("Pay at evil-charge.com", False),
        ("see https://bad", False),
        ("mail me@evil.co.uk", False),
    ],
)
def test_an_operators_words_are_told_unless_they_hold_a_web_address(said: str, is_told: bool) -> None:
    lines = RENDERERS[BookingCanceled](event_of(BookingCanceled, said=said)).lines
    assert any(said in line for line in lines) is is_told
