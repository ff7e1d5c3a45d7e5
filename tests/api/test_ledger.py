"""The ledger through HTTP: what is posted of bookings and money, once, in any order; who reads it; what checks see."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.payments import events as payments
from functions.payments.ledger import repository, service
from functions.payments.ledger.checks import check_ledger
from functions.payments.ledger.domain import Line, driver_account, owner_account
from functions.payments.ledger.tables import ledger_difference, ledger_posting
from shared.clock import ManualClock
from shared.db import new_id
from shared.platform import Platform
from tests.api.test_metering import begun, meter, taken
from tests.api.test_overstay import at
from tests.support.stations_feed import Station
from tests.support.world import Person, World


@pytest.fixture
def station(world: World) -> Station:
    return Station.at(world, evses=1)


def settled(station: Station, clock: ManualClock, kwh: float = 5.0) -> tuple[Any, dict[str, Any]]:
    """A driver and their booking whose session is over and settled, its events delivered."""
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", kwh, status="COMPLETED"))
    station.world.drain()
    booking: dict[str, Any] = driver.get(path).json()
    return driver, booking


def postings(world: World, booking_id: str) -> list[dict[str, Any]]:
    answer = world.user("admin").get("/payments/ledger", booking_id=booking_id)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items[::-1]


def by_kind(listed: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(item["kind"], item["amount_minor"]) for item in listed]


def account_of(world: World, user_id: uuid.UUID) -> str:
    return driver_account(world.platform.transact(lambda tx: repository.party_of(tx, user_id)))


def held(world: World, account: str) -> int:
    balances = world.platform.read(lambda tx: service.balance_of(tx=tx, account=account))
    return sum(balance.balance_minor for balance in balances)


def test_a_settled_session_is_owed_by_its_driver_to_the_owner_less_commission(station: Station, clock: ManualClock) -> None:
    world = station.world
    driver, booking = settled(station, clock)
    total = booking["settlement"]["total_minor"]
    listed = postings(world, booking["id"])
    assert by_kind(listed)[0] == ("SESSION", total)
    assert [item["kind"] for item in listed[1:]] == ["COMMISSION", "COMMISSION"]
    commission = sum(item["amount_minor"] for item in listed[1:])
    assert commission == round(total * 0.05) + round(round(total * 0.05) * 0.21)
    assert held(world, account_of(world, driver.id)) == -total
    assert held(world, owner_account(world.owner_id)) == total - commission


def test_events_that_come_again_post_nothing(station: Station, clock: ManualClock) -> None:
    world = station.world
    _, booking = settled(station, clock)
    before = postings(world, booking["id"])
    booking_id = uuid.UUID(booking["id"])
    again = world.platform.transact(lambda tx: service._post_booking(tx, booking_id=booking_id))
    assert (again, postings(world, booking["id"])) == (0, before)


def test_a_corrected_bill_is_taken_back_with_its_commission_and_posted_anew(station: Station, clock: ManualClock) -> None:
    world = station.world
    driver, booking = settled(station, clock)
    corrected = station.owner.post(f"/booking/hosted/{booking['id']}/reading", {"kwh": 2.0})
    assert corrected.status_code == 200, corrected.text
    world.drain()
    listed = postings(world, booking["id"])
    lower = driver.get(f"/booking/bookings/{booking['id']}").json()["settlement"]["total_minor"]
    assert [item["kind"] for item in listed] == [
        "SESSION",
        "COMMISSION",
        "COMMISSION",
        "SESSION_CREDIT",
        "COMMISSION_CREDIT",
        "COMMISSION_CREDIT",
        "SESSION",
        "COMMISSION",
        "COMMISSION",
    ]
    assert held(world, account_of(world, driver.id)) == -lower


def test_a_correction_keeps_the_commission_that_was_taken(station: Station, clock: ManualClock) -> None:
    world = station.world
    _, booking = settled(station, clock)
    world.platform.settings = world.platform.settings.model_copy(update={"commission_percent": 50.0})
    station.owner.post(f"/booking/hosted/{booking['id']}/reading", {"kwh": 2.0})
    world.drain()
    listed = postings(world, booking["id"])
    taken_back = [item["amount_minor"] for item in listed if item["kind"] == "COMMISSION_CREDIT"]
    assert taken_back == [item["amount_minor"] for item in listed[1:3]]


def test_a_late_cancel_is_owed_as_its_fee(world: World, clock: ManualClock) -> None:
    driver, location = world.user(), world.location()
    booking = driver.book(location, "08:30").json()
    driver.post(f"/booking/bookings/{booking['id']}/cancel", {"reason": "TRAFFIC"})
    world.drain()
    assert by_kind(postings(world, booking["id"]))[0] == ("LATE_CANCEL", 242)


def test_a_cancel_in_time_is_not_posted(world: World) -> None:
    driver, location = world.user(), world.location()
    booking = driver.book(location, "20:30").json()
    driver.post(f"/booking/bookings/{booking['id']}/cancel", {"reason": "TRAFFIC"})
    world.drain()
    assert postings(world, booking["id"]) == []


def moved(kind: Callable[..., payments.MoneyMoved], booking: dict[str, Any], world: World, **more: Any) -> payments.MoneyMoved:
    """An event of payments about a booking."""
    values = {
        "payment_id": uuid.UUID(int=1),
        "booking_id": uuid.UUID(booking["id"]),
        "owner_id": world.owner_id,
        "user_id": uuid.UUID(int=9),
        "currency": "EUR",
        "amount_minor": 100,
        "at": world.platform.clock.now(),
    }
    return kind(**values | more)


MOVEMENTS = (
    (payments.PaymentCaptured, {"provider_ref": "ch_1", "amount_minor": 242}),
    (payments.ProviderFee, {"provider_ref": "txn_1", "amount_minor": 7}),
    (payments.PaymentRefunded, {"provider_ref": "re_1", "amount_minor": 42}),
    (payments.PaymentRefunded, {"provider_ref": "re_2", "amount_minor": 20, "borne_by": "PLATFORM"}),
    (payments.TransferPaid, {"provider_ref": "tr_1", "amount_minor": 185}),
    (payments.DisputeChanged, {"provider_ref": "dp_1", "amount_minor": 30, "state": "OPENED"}),
    (payments.DisputeChanged, {"provider_ref": "dp_1", "amount_minor": 30, "state": "LOST"}),
    (payments.DisputeChanged, {"provider_ref": "dp_2", "amount_minor": 50, "state": "OPENED"}),
    (payments.DisputeChanged, {"provider_ref": "dp_2", "amount_minor": 50, "state": "WON"}),
)


@pytest.fixture
def cancelled(world: World) -> tuple[World, Person, dict[str, Any]]:
    """A booking that was cancelled late and not yet posted."""
    driver, location = world.user(), world.location()
    booking = driver.book(location, "08:30").json()
    driver.post(f"/booking/bookings/{booking['id']}/cancel", {"reason": "TRAFFIC"})
    return world, driver, booking


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(order=st.permutations([*range(len(MOVEMENTS) + 1), *range(len(MOVEMENTS) + 1)]))
def test_in_any_order_and_twice_each_movement_counts_once(
    cancelled: tuple[World, Person, dict[str, Any]], order: list[int]
) -> None:
    world, driver, booking = cancelled

    class Undone(Exception):
        """Takes an example's postings back: they cannot be deleted."""

    def use_case(tx: Any) -> None:
        for number in order:
            if number == len(MOVEMENTS):
                service._post_booking(tx, booking_id=uuid.UUID(booking["id"]))
            else:
                kind, more = MOVEMENTS[number]
                service.post_money(tx, event=moved(kind, booking, world, **more))
        party = repository.party_of(tx, driver.id)
        accounts = (driver_account(party), owner_account(world.owner_id), "stripe", "disputes")
        balances = [sum(each.balance_minor for each in service.balance_of(tx=tx, account=account)) for account in accounts]
        # Of the provider's 242 went 7 of its own, 62 back, 185 on, 30 to a bank; 50 came and went: it lacks 42.
        assert balances == [0, 242 - 15 - 42 - 185 - 30, 42, 0]
        raise Undone

    with pytest.raises(Undone):
        world.platform.transact(use_case)


def test_the_database_refuses_to_change_or_delete_a_posting(station: Station, clock: ManualClock) -> None:
    settled(station, clock)
    for statement in (sa.update(ledger_posting).values(amount=1), sa.delete(ledger_posting)):
        with pytest.raises(sa.exc.DatabaseError, match="append only"):
            station.world.platform.transact(lambda tx, statement=statement: tx.execute(statement))


def test_a_posting_of_nothing_is_refused_by_the_database_too(platform: Platform) -> None:
    row = {
        "id": new_id(),
        "transaction_id": new_id(),
        "line": 1,
        "at": platform.clock.now(),
        "kind": "CAPTURE",
        "source": "s",
        "debit": "stripe",
        "credit": "disputes",
        "currency": "EUR",
        "amount": 0,
    }
    with pytest.raises(sa.exc.IntegrityError):
        platform.transact(lambda tx: tx.execute(sa.insert(ledger_posting).values(**row)))


def test_an_owner_reads_their_balance_and_what_explains_it(station: Station, clock: ManualClock) -> None:
    world = station.world
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 5.0, status="COMPLETED"))
    world.drain()
    total = driver.get(path).json()["settlement"]["total_minor"]
    (balance,) = station.owner.get("/payments/balance").json()["items"]
    kinds = {item["kind"]: item["amount_minor"] for item in balance["kinds"]}
    assert kinds["SESSION"] == total
    assert balance["balance_minor"] == sum(kinds.values())
    assert world.user("owner").get("/payments/balance").json()["items"] == []


def test_postings_come_in_pages_with_the_balance_of_their_account(station: Station, clock: ManualClock) -> None:
    world = station.world
    settled(station, clock)
    admin, account = world.user("admin"), owner_account(world.owner_id)
    first = admin.get("/payments/ledger", account=account, limit=2).json()
    rest = admin.get("/payments/ledger", account=account, limit=2, cursor=first["next_cursor"]).json()
    amounts = [item["amount_minor"] * (1 if item["credit"] == account else -1) for item in [*first["items"], *rest["items"]]]
    assert rest["next_cursor"] is None
    assert sum(amounts) == first["balances"][0]["balance_minor"]


def test_neither_account_nor_booking_is_a_question(world: World) -> None:
    answer = world.user("admin").get("/payments/ledger")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "account")


def test_books_that_agree_have_no_difference(station: Station, clock: ManualClock) -> None:
    settled(station, clock)
    clock.advance(timedelta(minutes=20))
    run = check_ledger(station.world.platform)
    assert (run.bookings, run.postings, run.differences) == (1, 3, 0)


def test_what_was_not_posted_is_a_difference_until_it_is(station: Station, clock: ManualClock) -> None:
    world = station.world
    _, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 5.0, status="COMPLETED"))
    clock.advance(timedelta(minutes=20))
    admin = world.user("admin")
    assert admin.post("/payments/checks/run").json()["differences"] == 1
    (difference,) = admin.get("/payments/checks", is_open=True).json()["items"]
    assert (difference["kind"], difference["actual_minor"]) == ("BOOKING", 0)
    assert difference["booking_id"] == path.rpartition("/")[2]
    world.drain()
    clock.advance(timedelta(hours=1))
    listed = admin.post("/payments/checks/run").json()
    checks = admin.get("/payments/checks").json()
    assert listed["differences"] == 0
    assert checks["items"][0]["resolved_at"] is not None
    assert checks["last_run"]["id"] == listed["id"]


def test_a_posting_made_by_hand_is_a_difference(station: Station, clock: ManualClock) -> None:
    world = station.world
    _, booking = settled(station, clock)

    def use_case(tx: Any) -> None:
        party = repository.party_of(tx, new_id())
        line = Line(driver_account(party), "stripe", "EUR", 5)
        posted = repository.of_bookings(tx, [uuid.UUID(booking["id"])])[0]
        wrong = replace(posted, id=new_id(), transaction_id=new_id(), source="by hand", kind="CAPTURE", **vars(line))
        repository.add(tx, [wrong])

    world.platform.transact(use_case)
    clock.advance(timedelta(minutes=20))
    check_ledger(world.platform)
    kinds = world.platform.read(lambda tx: list(tx.execute(sa.select(ledger_difference.c.kind)).scalars()))
    assert kinds == ["UNEXPLAINED"]


def test_who_leaves_is_nobody_in_the_ledger(cancelled: tuple[World, Person, dict[str, Any]]) -> None:
    world, driver, _ = cancelled
    world.drain()
    account = account_of(world, driver.id)
    pseudonym = new_id()
    from functions.payments.ledger import privacy

    exported = world.platform.read(lambda tx: privacy.export(tx=tx, user_id=driver.id))
    assert [item["kind"] for item in exported] == ["LATE_CANCEL"]
    world.platform.transact(lambda tx: privacy.pseudonymise(tx=tx, user_id=driver.id, pseudonym=pseudonym))
    assert world.platform.read(lambda tx: repository.find_party(tx, driver.id)) is None
    assert account_of(world, pseudonym) == account
