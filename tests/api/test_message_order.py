"""The last word somebody has from outside the app is the last state, in whatever order and however often messages come."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devhost.host.pages import MailboxMessage, mailbox
from functions.booking.cancellations import cancel_booking
from functions.booking.domain import ReservationRequest
from functions.booking.events import (
    BookingCanceled,
    BookingEvent,
    BookingRescheduled,
    BookingReserved,
    EvseChanged,
    EvseRevealed,
)
from functions.booking.service import reserve_slot
from functions.booking.sweeps import assign_evses
from functions.notify import service as notify
from functions.operators.events import LocationApproved, LocationChangeRejected
from functions.stations.feed.events import FeedBack, FeedSilent
from shared.adapters.sms import Sms
from shared.clock import ManualClock
from shared.errors import Unavailable, Undeliverable
from shared.platform import Platform
from shared.tx import Actor
from tests.support.world import TYPE2, World
from tests.unit.notify.test_domain import event_of

NUMBER = "+31612345678"
LIFE: tuple[type[BookingEvent], ...] = (BookingReserved, BookingRescheduled, EvseRevealed, BookingCanceled)
WAIT = len(LIFE)


def to(world: World, user_id: uuid.UUID) -> list[MailboxMessage]:
    """The e-mails of somebody, oldest first."""
    mails = [message for message in mailbox(world.platform, limit=1000) if message.to == f"{user_id}@example.org"]
    return sorted(mails, key=lambda message: message.name)


def texts(world: World) -> list[str]:
    """Every SMS, oldest first."""
    return [message.text for message in reversed(mailbox(world.platform, limit=1000)) if message.kind == "SMS"]


def sequence(message: MailboxMessage) -> int:
    assert message.calendar is not None
    return int(str(icalendar.Calendar.from_ical(message.calendar).walk("VEVENT")[0]["SEQUENCE"]))


def wait(world: World, clock: ManualClock, seconds: int = 60) -> None:
    """Lets time pass; what is due then goes out."""
    world.drain()
    clock.advance(timedelta(seconds=seconds))
    world.drain()


def life(user_id: uuid.UUID, **changes: Any) -> list[BookingEvent]:
    """A booking's events, as they happened."""
    values = {"user_id": str(user_id), "booking_id": str(uuid.uuid4()), "fee_minor": 0} | changes
    return [event_of(kind, **values, revision=revision) for revision, kind in enumerate(LIFE)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.permutations([*range(len(LIFE)), WAIT, 0, 1, WAIT, 3]), operator=st.booleans())
def test_whatever_the_order_of_deliveries_letters_rise_and_end_with_the_last_state(
    world: World, clock: ManualClock, steps: Sequence[int], operator: bool
) -> None:
    driver = world.user()
    events = life(driver.id, who_canceled="CPO" if operator else "MSP", reason="UNKNOWN")
    for step in steps:
        if step == WAIT:
            wait(world, clock)
            continue
        event = events[step]
        message_id = f"{event.booking_id}/{event.revision}"
        notify.handle(world.platform, consumer="send_notifications", message_id=message_id, event=event)
    wait(world, clock)
    assert len(driver.get("/notify/inbox").json()["items"]) == len(LIFE), "the app has them all, each once"
    letters = [sequence(message) for message in to(world, driver.id) if message.calendar is not None]
    assert letters == sorted(set(letters))
    outside = to(world, driver.id)
    if outside or operator:
        assert outside[-1].calendar is not None
        assert sequence(outside[-1]) == 3, "whoever was told anything is told the end"


def test_a_late_confirmation_does_not_bring_a_cancelled_entry_back(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    reserved, _, _, canceled = life(driver.id, who_canceled="CPO")
    for message_id, event in (("2", canceled), ("1", reserved)):
        notify.handle(world.platform, consumer="send_notifications", message_id=message_id, event=event)
    wait(world, clock)
    assert [message.subject.split(":")[0] for message in to(world, driver.id)] == ["Cancelled"]
    assert len(texts(world)) == 1
    kinds = [item["type"] for item in driver.get("/notify/inbox").json()["items"]]
    assert sorted(kinds) == ["booking_canceled", "booking_reserved"], "the app keeps what was overtaken"


def test_each_change_that_a_driver_sees_raises_the_revision(world: World, clock: ManualClock) -> None:
    driver = world.user()
    booked = driver.book(world.location(), "10:00").json()
    driver.post(f"/booking/bookings/{booked['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"})
    driver.post(f"/booking/bookings/{booked['id']}/cancel")
    world.drain()
    told = driver.get("/notify/inbox").json()["items"]
    assert [(item["type"], item["data"]["revision"]) for item in told] == [
        ("booking_canceled", 2),
        ("booking_rescheduled", 1),
        ("booking_reserved", 0),
    ]


def test_sixty_bookings_taken_back_at_once_make_no_message_outside(world: World, clock: ManualClock) -> None:
    driver, place = world.user(phone=NUMBER), uuid.UUID(world.location())
    start = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    request = ReservationRequest(driver.id, place, TYPE2, start, duration_minutes=60)
    actor = Actor("driver", driver.id)
    for number in range(60):  # past the limit of bookings an hour, which the routes hold
        booked = world.platform.transact(lambda tx: reserve_slot(tx=tx, request=request), actor=actor)
        world.platform.transact(lambda tx, booked=booked: cancel_booking(tx=tx, booking_id=booked.id), actor=actor)
        if number % 20 == 0:
            world.drain()
    wait(world, clock)
    assert texts(world) == []
    assert to(world, driver.id) == []


def test_a_booking_that_stands_for_a_minute_is_told_and_so_is_its_end(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    booked = driver.book(world.location(), "12:00").json()
    world.drain()
    assert texts(world) == []
    wait(world, clock)
    driver.post(f"/booking/bookings/{booked['id']}/cancel")
    world.drain()
    assert [text.split(":")[0] for text in texts(world)] == ["Booked", "Cancelled"]
    assert [message.subject.split(":")[0] for message in to(world, driver.id)] == ["Booked", "Cancelled"]


def test_a_booking_taken_back_at_a_cost_is_told_though_nobody_heard_of_it(world: World, clock: ManualClock) -> None:
    driver = world.user()
    booked = driver.book(world.location(), "08:30").json()
    canceled = driver.post(f"/booking/bookings/{booked['id']}/cancel").json()
    assert canceled["canceled"]["fee_minor"] > 0
    wait(world, clock)
    assert [message.subject.split(":")[0] for message in to(world, driver.id)] == ["Cancelled"]


def test_a_booking_moved_within_the_minute_is_told_once_as_it_is(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    booked = driver.book(world.location(), "10:00").json()
    driver.post(f"/booking/bookings/{booked['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"})
    wait(world, clock)
    (text,) = texts(world)
    assert "13:00 Amsterdam time" in text


@pytest.mark.parametrize("kind", [EvseRevealed, EvseChanged])
def test_a_charger_told_within_the_minute_does_not_take_the_confirmation_away(
    world: World, clock: ManualClock, kind: type[BookingEvent]
) -> None:
    driver = world.user(phone=NUMBER)
    reserved = life(driver.id)[0]
    charger = event_of(kind, user_id=str(driver.id), booking_id=str(reserved.booking_id), evse_uid="E7", revision=1)
    for message_id, event in (("1", reserved), ("2", charger)):
        notify.handle(world.platform, consumer="send_notifications", message_id=message_id, event=event)
    wait(world, clock)
    (mail,) = to(world, driver.id)
    assert mail.subject.startswith("Booked")
    assert sorted(text.split(":")[0].split(" to ")[0] for text in texts(world))[0] == "Booked"
    assert len(texts(world)) == 2


def test_a_booking_whose_charger_is_told_half_a_minute_later_is_confirmed(world: World, clock: ManualClock) -> None:
    driver, place = world.user(phone=NUMBER), world.location()
    clock.jump(datetime.fromisoformat("2026-03-02T08:29:30+00:00"))
    assert driver.book(place, "09:00").status_code == 201
    world.drain()
    clock.advance(timedelta(seconds=30))
    assign_evses(world.platform)
    wait(world, clock)
    assert [message.subject.split(":")[0] for message in to(world, driver.id)] == ["Booked"]
    assert sorted(text.split(":")[0] for text in texts(world)) == ["Booked", "Your charger"]


def test_who_was_told_their_charger_within_the_minute_is_told_that_they_took_it_back(world: World, clock: ManualClock) -> None:
    driver = world.user()
    events = life(driver.id, who_canceled="MSP", reason="UNKNOWN")
    for event in (events[0], events[2], events[3]):
        notify.handle(world.platform, consumer="send_notifications", message_id=str(event.revision), event=event)
    wait(world, clock)
    assert [message.subject.split(":")[0] for message in to(world, driver.id)] == ["Your charger", "Cancelled"]


def test_an_earlier_charger_is_not_told_after_a_later_one_nor_after_the_end(world: World) -> None:
    driver = world.user(phone=NUMBER)
    reserved, _, revealed, canceled = life(driver.id, who_canceled="CPO", evse_uid="E1")
    changed = event_of(EvseChanged, user_id=str(driver.id), booking_id=str(reserved.booking_id), evse_uid="E2", revision=3)
    for message_id, event in (("4", changed), ("3", revealed)):
        notify.handle(world.platform, consumer="send_notifications", message_id=message_id, event=event)
    assert [("E1" in text, "E2" in text) for text in texts(world)] == [(False, True)]
    late = replace(changed, revision=4)
    for message_id, event in (("5", replace(canceled, revision=5)), ("6", late)):
        notify.handle(world.platform, consumer="send_notifications", message_id=message_id, event=event)
    assert len([text for text in texts(world) if "E2" in text and "Cancelled" not in text]) == 1


def test_an_earlier_charger_that_waits_for_the_service_is_dropped_for_a_later_one(
    world: World, platform: Platform, clock: ManualClock
) -> None:
    driver, sms = world.user(phone=NUMBER), platform.sms
    revealed = life(driver.id, evse_uid="E1")[2]
    changed = event_of(EvseChanged, user_id=str(driver.id), booking_id=str(revealed.booking_id), evse_uid="E2", revision=3)
    vars(platform)["sms"] = Away()
    for message_id, event in (("1", revealed), ("2", changed)):
        with pytest.raises(Unavailable):
            notify.handle(platform, consumer="send_notifications", message_id=message_id, event=event)
    vars(platform)["sms"] = sms
    for message_id, event in (("2", changed), ("1", revealed)):
        notify.handle(platform, consumer="send_notifications", message_id=message_id, event=event)
    assert [("E1" in text, "E2" in text) for text in texts(world)] == [(False, True)]


def test_a_refused_change_does_not_take_an_earlier_approval_away(world: World) -> None:
    owner = world.user("owner")
    later = (datetime.fromisoformat("2026-03-28T12:05:00+00:00")).isoformat()
    refused = event_of(LocationChangeRejected, user_id=str(owner.id), at=later)
    approved = event_of(LocationApproved, user_id=str(owner.id))
    for message_id, event in (("2", refused), ("1", approved)):
        notify.handle(world.platform, consumer="send_notifications", message_id=message_id, event=event)
    assert sorted(message.subject.split(":")[0] for message in to(world, owner.id)) == ["Approved", "Not changed"]


def test_silence_that_is_over_calls_nobody(world: World) -> None:
    owner = world.user("owner")
    for number, kind in enumerate((FeedBack, FeedSilent)):
        event = event_of(kind, user_id=str(owner.id))
        notify.handle(world.platform, consumer="send_notifications", message_id=str(number), event=event)
    assert [message.subject.split(":")[0] for message in to(world, owner.id)] == ["Heard again"]
    assert len(owner.get("/notify/inbox").json()["items"]) == 2


class Away:
    """A service that is away."""

    def send(self, sms: Sms, *, operation_id: uuid.UUID) -> None:
        raise Unavailable(f"no way to {sms.to} ({operation_id})")


class Refusing:
    """A service that takes no SMS to anybody."""

    def send(self, sms: Sms, *, operation_id: uuid.UUID) -> None:
        raise Undeliverable(f"{sms.to} is not to be had ({operation_id}).")


@pytest.mark.parametrize("phone", [None, NUMBER])
def test_the_charger_reaches_who_cannot_be_sent_an_sms_by_email(
    world: World, platform: Platform, clock: ManualClock, phone: str | None
) -> None:
    vars(platform)["sms"] = Refusing()
    driver = world.user(phone=phone)
    revealed = life(driver.id, evse_uid="E7")[2]
    notify.handle(platform, consumer="send_notifications", message_id="1", event=revealed)
    (mail,) = to(world, driver.id)
    assert "E7" in mail.subject


def test_the_charger_goes_by_sms_alone_where_that_can_be_sent(world: World) -> None:
    driver = world.user(phone=NUMBER)
    revealed = life(driver.id, evse_uid="E7")[2]
    notify.handle(world.platform, consumer="send_notifications", message_id="1", event=revealed)
    assert [bool(re.search("E7", text)) for text in texts(world)] == [True]
    assert to(world, driver.id) == []


def test_reminders_tell_the_booking_as_it_stands_once(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    booked = driver.book(world.location(), "12:00").json()
    for start in ("14:00", "12:00", "15:00", "12:00"):
        moved = driver.post(f"/booking/bookings/{booked['id']}/reschedule", {"start": f"2026-03-02T{start}:00Z"})
        assert moved.status_code == 200
    wait(world, clock)
    clock.jump(datetime.fromisoformat("2026-03-02T11:00:00+00:00"))
    world.drain()
    clock.jump(datetime.fromisoformat("2026-03-02T15:00:00+00:00"))
    world.drain()
    reminders = [text for text in texts(world) if text.startswith("In ")]
    assert reminders == ["In an hour: Stadhuis, Mon 2 Mar, 13:00 Amsterdam time."]


def test_a_reminder_that_comes_late_says_how_soon_and_names_the_charger(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    driver.book(world.location(), "12:00")
    wait(world, clock)
    clock.jump(datetime.fromisoformat("2026-03-02T11:35:00+00:00"))
    assign_evses(world.platform)
    world.drain()
    (reminder,) = [text for text in texts(world) if text.startswith("In ")]
    assert reminder.startswith("In 25 minutes: ")
    assert "Charger E" in reminder


def test_a_reminder_that_comes_after_the_start_is_not_sent(world: World, clock: ManualClock) -> None:
    driver = world.user(phone=NUMBER)
    driver.book(world.location(), "12:00")
    wait(world, clock)
    clock.jump(datetime.fromisoformat("2026-03-02T12:05:00+00:00"))
    world.drain()
    assert [text for text in texts(world) if text.startswith("In ")] == []
