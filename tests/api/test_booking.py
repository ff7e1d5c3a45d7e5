"""Bookings over HTTP: the answer and the state, success and failure."""

import uuid
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from functions.booking.sweeps import assign_evses, release_expired_holds, sweep_no_shows
from functions.booking.tables import booking as booking_table
from functions.booking.tables import booking_request, slot_claim
from functions.stations.domain import BookingTerms
from functions.stations.opening import Hours
from shared.clock import ManualClock
from shared.outbox import outbox_message
from tests.support.world import CCS, CHADEMO, TYPE2, World

CLAIMS = sa.select(sa.func.count()).select_from(slot_claim)


def messages(world: World) -> list[str]:
    types = sa.select(outbox_message.c.type).order_by(outbox_message.c.id)
    return list(world.platform.read(lambda tx: list(tx.execute(types).scalars())))


def test_a_booking_is_made_with_claims_quote_terms_and_messages(world: World) -> None:
    driver, place = world.user(), world.location()
    answer = driver.book(place, "10:00")
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/booking/bookings/{made['id']}"
    assert made["reservation_status"] == "RESERVED"
    assert made["evse_uid"] == "#NA", "the EVSE is told 30 minutes before the start"
    assert made["period"] == {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"}
    assert made["energy_kwh"] == pytest.approx(19.8), "22 kW for an hour at 0.9"
    assert made["quote"]["currency"] == "EUR"
    assert made["quote"]["expected_minor"] == round(19.8 * 40 * 1.21)
    assert made["quote"]["total_minor"] == round(22 * 40 * 1.21)
    assert sum(line["amount_minor"] for line in made["quote"]["elements"]) == made["quote"]["total_minor"]
    assert made["terms"]["cancel_until_minutes"] == 60
    assert world.scalar(CLAIMS) == 12
    assert messages(world) == ["booking_reserved", "booking_reminder"]
    assert driver.get(f"/booking/bookings/{made['id']}").json() == made


def test_energy_says_how_long(world: World) -> None:
    driver, place = world.user(), world.location(power_kw=11)
    body = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "energy_kwh": 12}
    made = driver.post("/booking/bookings", body).json()
    assert made["period"]["end"] == "2026-03-02T11:13:00Z", "12 / (0.9 x 11) h is 73 minutes"


def test_a_vehicle_must_fit_and_limits_the_power(world: World) -> None:
    driver, place = world.user(), world.location(power_kw=22)
    body = {"battery_kwh": 50, "max_power_kw": 11, "standards": [TYPE2]}
    car = driver.post("/accounts/me/vehicles", body).json()["id"]
    assert driver.book(place, "10:00", vehicle_id=car).json()["energy_kwh"] == pytest.approx(9.9)
    other = driver.post("/accounts/me/vehicles", body | {"standards": [CHADEMO]}).json()["id"]
    refused = driver.book(place, "14:00", vehicle_id=other)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "connector"


def test_a_full_pool_answers_409_with_alternatives_in_time_and_place(world: World) -> None:
    place, near = world.location(evses=1), world.location(name="Museumplein", latitude=52.095)
    assert world.user().book(place, "10:00").status_code == 201
    answer = world.user().book(place, "10:30")
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "SLOT_TAKEN"
    starts = {item["period"]["start"] for item in problem["alternatives"] if item["location_id"] == place}
    assert starts == {f"2026-03-02T11:{minute}:00+00:00" for minute in ("00", "15", "30")}, "09:00 is farther away"
    assert [item["location_name"] for item in problem["alternatives"] if item["location_id"] == near] == ["Museumplein"]
    chosen = problem["alternatives"][0]
    retry = world.user().book(chosen["location_id"], chosen["period"]["start"])
    assert retry.status_code == 201, "an alternative can be booked"


def test_a_repack_makes_room_by_moving_a_booking_that_is_not_told_yet(world: World) -> None:
    # E1 alone has CHAdeMO as well: a Type 2 booking on it gives way when the CHAdeMO pool needs it.
    place = world.location(plugs=[[(TYPE2, 22)], [(TYPE2, 22), (CHADEMO, 50)]])

    def evse(booking_id: str) -> str:
        found: str = world.scalar(sa.select(booking_table.c.evse_uid).where(booking_table.c.id == uuid.UUID(booking_id)))
        return found

    blocker = world.user()
    first = blocker.book(place, "12:00").json()
    assert evse(first["id"]) == "E0"
    second = world.user().book(place, "12:00").json()
    assert evse(second["id"]) == "E1"
    refused = world.user().book(place, "12:30", minutes=30, connector=CHADEMO)
    assert refused.status_code == 409, "the only CHAdeMO EVSE is taken and nothing can move"
    assert blocker.post(f"/booking/bookings/{first['id']}/cancel").status_code == 200
    taken = world.user().book(place, "12:30", minutes=30, connector=CHADEMO)
    assert taken.status_code == 201
    assert evse(taken.json()["id"]) == "E1"
    assert evse(second["id"]) == "E0", "the Type 2 booking was moved out of the way"
    assert world.scalar(CLAIMS) == 18


def test_reschedule_moves_by_the_difference_and_a_refused_one_changes_nothing(world: World) -> None:
    driver, place = world.user(), world.location(evses=1)
    made = driver.book(place, "10:00").json()
    moved = driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": "2026-03-02T10:15:00Z"})
    assert moved.status_code == 200
    assert moved.json()["period"] == {"start": "2026-03-02T10:15:00Z", "end": "2026-03-02T11:15:00Z"}
    assert world.scalar(CLAIMS) == 12
    assert world.user().book(place, "12:00").status_code == 201
    refused = driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": "2026-03-02T11:30:00Z"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "SLOT_TAKEN"
    assert driver.get(f"/booking/bookings/{made['id']}").json()["period"]["start"] == "2026-03-02T10:15:00Z"
    assert world.scalar(CLAIMS) == 24
    assert world.scalar(sa.select(sa.func.count()).select_from(booking_request)) == 1, "that it moved"
    assert "booking_rescheduled" in messages(world)


def test_terms_rule_changes_and_cancelling(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    clock.advance(timedelta(minutes=75))
    late = driver.post(f"/booking/bookings/{made['id']}/reschedule", {"start": "2026-03-02T12:00:00Z"})
    assert (late.status_code, late.json()["code"]) == (409, "TERMS_REFUSE")
    assert late.json()["change_until"] == "2026-03-02T09:00:00+00:00"
    canceled = driver.post(f"/booking/bookings/{made['id']}/cancel", {"reason": "TRAFFIC"}).json()
    assert canceled["reservation_status"] == "CANCELED"
    assert canceled["canceled"] == {
        "cancellation_reason": "TRAFFIC",
        "who_canceled": "MSP",
        "late": True,
        "fee_minor": 242,
    }
    assert world.scalar(CLAIMS) == 0
    again = driver.post(f"/booking/bookings/{made['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "WRONG_STATE")


def test_an_early_cancel_is_free_and_the_operators_reasons_are_not_the_drivers(world: World) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    wrong = driver.post(f"/booking/bookings/{made['id']}/cancel", {"reason": "BROKEN_CHARGER"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "reason")
    assert driver.post(f"/booking/bookings/{made['id']}/cancel").json()["canceled"]["fee_minor"] == 0


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"start": "2026-03-02T10:05:30Z"}, "INVALID", "start"),
        ({"start": "2026-03-02T07:00:00Z"}, "INVALID", "start"),
        ({"start": "2026-03-02T10:00:00"}, "INVALID", "start"),
        ({"start": "yesterday"}, "INVALID", "start"),
        ({"duration_minutes": 0}, "INVALID", "duration_minutes"),
        ({"duration_minutes": None}, "INVALID", "body"),
        ({"connector": CCS}, "INVALID", "connector"),
        ({"connector": ""}, "INVALID", "connector"),
        ({"energy_kwh": -1}, "INVALID", "energy_kwh"),
        ({"energy_kwh": "NaN"}, "INVALID", "energy_kwh"),
        ({"nonsense": 1}, "INVALID", "nonsense"),
        ({"location_id": "x"}, "INVALID", "location_id"),
        ({"start": "2026-04-02T10:00:00Z"}, "LIMIT_REACHED", "start"),
        ({"duration_minutes": 600}, "LIMIT_REACHED", "duration_minutes"),
    ],
)
def test_bad_input_names_the_field_and_claims_nothing(
    world: World, body: dict[str, object], code: str, field: str | None
) -> None:
    place = world.location()
    good = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "duration_minutes": 60}
    answer = world.user().post("/booking/bookings", good | body)
    assert answer.json()["code"] == code
    assert answer.status_code == (422 if code == "INVALID" else 409)
    if field is not None:
        assert [item["field"] for item in answer.json()["errors"]] == [field]
    assert world.scalar(CLAIMS) == 0


def test_an_unknown_location_is_not_found(world: World) -> None:
    assert world.user().book("01a20d6f-1c73-71f2-8c3d-b9d69f8236d2", "10:00").status_code == 404


def test_closed_hours_are_refused(world: World) -> None:
    hours = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "07:00", "period_end": "12:00"}]})
    place = world.location(hours=hours)
    answer = world.user().book(place, "10:30")
    assert answer.status_code == 422, "11:30 to 12:30 local, the location closes at 12:00"
    assert "closed at 2026-03-02T11:00:00+00:00" in answer.json()["detail"]
    assert world.user().book(place, "10:00").status_code == 201


def test_limits_say_which_and_when_they_lift(world: World) -> None:
    driver, place = world.user(), world.location(evses=5, terms=BookingTerms(open_bookings_per_driver=2))
    vehicle = {"battery_kwh": 50, "max_power_kw": 11, "standards": [TYPE2]}
    car = driver.post("/accounts/me/vehicles", vehicle).json()["id"]
    assert driver.book(place, "10:00", vehicle_id=car).status_code == 201
    twice = driver.book(place, "10:30", vehicle_id=car).json()
    assert (twice["code"], twice["limit"]) == ("LIMIT_REACHED", "one_vehicle_one_place")
    assert driver.book(place, "12:00", vehicle_id=car).status_code == 201
    third = driver.book(place, "15:00").json()
    assert (third["limit"], third["lifts_at"]) == ("open_bookings_per_driver", "2026-03-02T11:00:00+00:00")


def test_the_evse_is_told_thirty_minutes_before(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location()
    made = driver.book(place, "10:00").json()
    clock.advance(timedelta(minutes=89))
    assert assign_evses(world.platform) == 0
    clock.advance(timedelta(minutes=1))
    assert assign_evses(world.platform) == 1
    assert assign_evses(world.platform) == 0, "a repeat does nothing"
    assert driver.get(f"/booking/bookings/{made['id']}").json()["evse_uid"] == "E0"
    assert messages(world)[-1] == "evse_revealed"
    soon = world.user().book(place, "09:45").json()
    assert soon["evse_uid"] == "E1", "booked within thirty minutes it is told at once"


def test_start_and_stop_settle_under_the_quote_and_free_the_rest(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=1)
    made = driver.book(place, "10:00").json()
    path = f"/booking/bookings/{made['id']}"
    early = driver.post(f"{path}/start")
    assert (early.status_code, early.json()["code"]) == (409, "TERMS_REFUSE")
    clock.jump(datetime.fromisoformat("2026-03-02T09:52:00+00:00"))
    started = driver.post(f"{path}/start").json()
    assert started["reservation_status"] == "FULFILLED"
    assert world.scalar(CLAIMS) == 14, "from 9:50 on"
    clock.jump(datetime.fromisoformat("2026-03-02T10:20:00+00:00"))
    stopped = driver.post(f"{path}/stop", {"energy_kwh": 0}).json()
    assert stopped["settlement"]["total_minor"] == made["quote"]["expected_minor"] > 0, "their own word is not priced"
    assert (stopped["session"]["energy_kwh"], stopped["session"]["claimed_kwh"]) == (None, 0)
    assert world.scalar(CLAIMS) == 6, "from 10:20 on it is free again"
    assert world.user().book(place, "10:30", minutes=30).status_code == 201
    again = driver.post(f"{path}/stop")
    assert (again.status_code, again.json()["code"]) == (409, "WRONG_STATE")


def test_a_no_show_frees_the_slot_and_costs_the_terms_fee(world: World, clock: ManualClock) -> None:
    driver, place = world.user(), world.location(evses=1)
    made = driver.book(place, "10:00").json()
    clock.jump(datetime.fromisoformat("2026-03-02T10:14:00+00:00"))
    assert sweep_no_shows(world.platform) == 0
    clock.advance(timedelta(minutes=1))
    assert sweep_no_shows(world.platform) == 1
    missed = driver.get(f"/booking/bookings/{made['id']}").json()
    assert missed["reservation_status"] == "NO_SHOW"
    assert missed["settlement"] == {"no_show_fee_minor": 605}
    assert world.scalar(CLAIMS) == 0
    refused = driver.post(f"/booking/bookings/{made['id']}/start")
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")


def test_nobody_sees_or_touches_another_drivers_booking(world: World) -> None:
    made = world.user().book(world.location(), "10:00").json()
    stranger = world.user()
    path = f"/booking/bookings/{made['id']}"
    assert stranger.get(path).status_code == 404
    for action in ("cancel", "start", "stop"):
        assert stranger.post(f"{path}/{action}").status_code == 404
    assert stranger.post(f"{path}/reschedule", {"start": "2026-03-02T12:00:00Z"}).status_code == 404
    assert stranger.get("/booking/bookings").json() == {"items": [], "next_cursor": None}
    assert world.user("admin").get(path).status_code == 200


def test_bookings_are_listed_newest_first_by_pages(world: World) -> None:
    driver, place = world.user(), world.location(evses=5)
    made = [driver.book(place, f"{hour}:00").json()["id"] for hour in (10, 12, 14)]
    first = driver.get("/booking/bookings", limit=2).json()
    second = driver.get("/booking/bookings", limit=2, cursor=first["next_cursor"]).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    assert driver.get("/booking/bookings", status="CANCELED").json()["items"] == []
    assert driver.get("/booking/bookings", cursor="nonsense").json()["code"] == "BAD_CURSOR"


def test_release_expired_holds_does_nothing_to_reserved_ones(world: World, clock: ManualClock) -> None:
    world.user().book(world.location(), "10:00")
    clock.advance(timedelta(hours=1))
    assert release_expired_holds(world.platform) == 0
    assert world.scalar(CLAIMS) == 12
