"""Rate limits and lock-outs: they hold across instances, say when they lift, and lock nobody out for ever."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from functions.accounts.sweeps import prune_accounts
from shared.clock import ManualClock
from shared.errors import TooManyRequests
from shared.platform import Platform
from shared.ratelimit import limits_of, rate_limit, subject_id
from shared.settings import Settings
from shared.web.auth import make_station_key
from shared.web.edge import OF_STATIONS
from tests.support.authorisation_rules import EVERYBODY, RULES
from tests.support.people import PASSWORD, log_in, newcomer, register
from tests.support.stations_feed import Station
from tests.support.world import API, TYPE2, Person, World

LIMITS = {
    "searches_per_minute": 10,
    "asks_per_minute": 3,
    "bookings_per_hour": 4,
    "sign_ins_per_account": 3,
    "sign_ins_per_address": 12,
    "account_mails_per_address": 4,
}
SECRET = "a secret of the tests, 32 bytes or more"


def instance(tmp_path: Path, clock: ManualClock, url: str | None = None, **changes: Any) -> Platform:
    given = {"data_dir": tmp_path / "data", "database_url": url, "jwt_secret": SECRET} | LIMITS | changes
    platform = make_platform(Settings.model_validate(given), clock)
    upgrade(platform.database)
    return platform


@pytest.fixture(params=["sqlite", "mariadb"])
def instances(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[tuple[World, World]]:
    """Two instances of the app over one database, on SQLite and on MariaDB."""
    url = None if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    platforms = [instance(tmp_path, clock, url) for _ in range(2)]
    clients = [TestClient(create_app(lambda made=made: made), raise_server_exceptions=False) for made in platforms]
    yield World(platforms[0], clients[0]), World(platforms[1], clients[1])
    for platform in platforms:
        platform.close()


def refused(answer: Any, limit: str, seconds: int) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == str(seconds)
    problem = answer.json()
    assert (problem["code"], problem["limit"], problem["retry_after_s"]) == ("TOO_MANY_REQUESTS", limit, seconds)


def search(world: World) -> Any:
    return world.client.get(f"{API}/stations/locations", params={"lat": 52, "lon": 5})


def test_public_search_is_limited_by_address_over_all_instances(instances: tuple[World, World], clock: ManualClock) -> None:
    place = instances[0].location()
    clock.advance(timedelta(seconds=15))
    asked = [
        *(search(instances[number % 2]) for number in range(4)),
        *(instances[number % 2].client.get(f"{API}/stations/locations/{place}/availability") for number in range(4)),
        *(
            instances[number % 2].client.post(
                f"{API}/payments/quotes",
                json={
                    "location_id": place,
                    "connector": "IEC_62196_T2",
                    "start": "2026-03-02T10:00:00Z",
                    "duration_minutes": 60,
                },
            )
            for number in range(2)
        ),
    ]
    assert [answer.status_code for answer in asked] == [200] * 10
    for world in instances:
        refused(search(world), "search", 45)
    assert instances[0].client.get(f"{API}/optimizer/model").status_code == 200
    clock.advance(timedelta(seconds=45))
    assert search(instances[1]).status_code == 200


def test_sign_in_is_locked_by_account_over_all_instances_and_lifts(instances: tuple[World, World], clock: ManualClock) -> None:
    first, second = instances
    newcomer(first)
    for world in (first, second, first):
        assert log_in(world.client, password="wrong").status_code == 401
    for world in instances:
        refused(log_in(world.client), "sign_in_account", 900)
    for number in range(3):
        assert log_in(first.client, email="NOBODY@example.org", password=str(number)).status_code == 401
    refused(log_in(second.client, email="nobody@example.org"), "sign_in_account", 900)
    clock.advance(timedelta(minutes=15))
    assert log_in(second.client).status_code == 200, "the lock lifts by itself"
    for _ in range(2):
        assert log_in(first.client, password="wrong").status_code == 401
    assert log_in(second.client).status_code == 200, "and the right password starts the count anew"
    for _ in range(2):
        assert log_in(first.client, password="wrong").status_code == 401


def test_what_a_driver_asks_for_is_limited_wherever_they_ask(instances: tuple[World, World], clock: ManualClock) -> None:
    first, second = instances
    clock.advance(timedelta(seconds=15))
    driver, other = first.user("driver"), first.user("driver")

    def ask(world: World, person: Person, route: str) -> Any:
        return world.client.post(f"{API}/optimizer/{route}", json={}, headers=person.headers())

    asked = [ask(world, driver, "recommendations").status_code for world in (first, second, first)]
    assert asked == [422] * 3, "what is wrong counts too"
    for world in instances:
        refused(ask(world, driver, "recommendations"), "ask", 45)
        refused(ask(world, driver, "charge-requests"), "ask", 45)
    assert ask(second, other, "charge-requests").status_code == 422, "another driver is not concerned"
    clock.advance(timedelta(seconds=45))
    assert ask(second, driver, "charge-requests").status_code == 422


def test_booking_moving_and_cancelling_are_limited_together_and_a_cancel_is_never_refused(
    instances: tuple[World, World], clock: ManualClock
) -> None:
    first, second = instances
    driver, place = first.user("driver"), first.location()
    made = driver.book(place, "12:00").json()
    path = f"/booking/bookings/{made['id']}"
    assert driver.post(f"{path}/reschedule", {"start": "2026-03-02T13:00:00Z"}).status_code == 200
    assert driver.post(f"{path}/cancel").status_code == 200
    made = driver.book(place, "12:00").json()
    path = f"/booking/bookings/{made['id']}"
    for world in instances:
        body = {"location_id": place, "connector": "IEC_62196_T2", "start": "2026-03-02T15:00:00Z", "duration_minutes": 60}
        refused(world.client.post(f"{API}/booking/bookings", json=body, headers=driver.headers()), "book", 3600)
    refused(driver.post(f"{path}/reschedule", {"start": "2026-03-02T13:00:00Z"}), "book", 3600)
    refused(driver.post("/optimizer/charge-requests", {}), "book", 3600)
    assert first.user("driver").book(place, "12:00").status_code == 201, "it is a driver's own limit"
    assert second.client.post(f"{API}{path}/cancel", headers=driver.headers()).status_code == 200
    clock.advance(timedelta(hours=1))
    assert driver.book(place, "12:00").status_code == 201


def test_a_repeat_gets_the_answer_that_was_kept_also_above_the_limit(instances: tuple[World, World]) -> None:
    """Whose answer was lost at the last booking that the limit allows learns of it by sending it again."""
    first, _ = instances
    driver, place = first.user("driver"), first.location(evses=8)

    def book(world: World, key: str, start: str = "2026-03-02T12:00:00Z") -> Any:
        wish = {"location_id": place, "connector": TYPE2, "start": start, "duration_minutes": 60}
        headers = driver.headers() | {"Idempotency-Key": key}
        return world.client.post(f"{API}/booking/bookings", json=wish, headers=headers)

    answers = [book(first, f"key-{hour}", f"2026-03-02T{hour}:00:00Z") for hour in range(12, 16)]
    assert [answer.status_code for answer in answers] == [201] * 4
    for world in instances:
        repeat = book(world, "key-15", "2026-03-02T15:00:00Z")
        assert (repeat.status_code, repeat.headers["idempotency-replayed"]) == (201, "true")
        assert repeat.json() == answers[-1].json()
        refused(book(world, "another", "2026-03-02T17:00:00Z"), "book", 3600)
        assert book(world, "key-15", "2026-03-02T18:00:00Z").json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_sign_in_is_limited_by_address_whatever_the_account(instances: tuple[World, World]) -> None:
    first, second = instances
    for number in range(6):
        assert log_in(first.client, email=f"{number}@example.org").status_code == 401
    for number in range(6):
        answer = second.client.post(f"{API}/accounts/password/reset", json={"token": f"{number}", "password": "a horse of 4"})
        assert answer.status_code == 401, "links tried count too"
    refused(log_in(first.client, email="another@example.org"), "sign_in_address", 900)
    verify = second.client.post(f"{API}/accounts/verify", json={"token": "x", "password": "x"})
    refused(verify, "sign_in_address", 900)


def test_mails_are_limited_by_address(instances: tuple[World, World]) -> None:
    first, second = instances
    assert register(first.client).status_code == 202
    for path in ("verification", "password/forgot"):
        assert second.client.post(f"{API}/accounts/{path}", json={"email": "ada@example.org"}).status_code == 202
    assert register(second.client, email="b@example.org").status_code == 202
    refused(register(first.client, email="c@example.org"), "mail_address", 3600)
    answer = second.client.post(f"{API}/accounts/password/forgot", json={"email": "nobody@example.org"})
    refused(answer, "mail_address", 3600)


def test_parallel_hits_are_all_counted(instances: tuple[World, World]) -> None:
    """Two instances, eight threads, one subject: exactly the limit gets through."""
    let_in, turned_away = [], []
    gate = threading.Barrier(8)

    def knock(platform: Platform) -> None:
        gate.wait(10)
        for _ in range(3):
            try:
                platform.limits.hit("search", "203.0.113.7")
                let_in.append(1)
            except TooManyRequests:
                turned_away.append(1)

    threads = [threading.Thread(target=knock, args=(instances[number % 2].platform,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(let_in), len(turned_away)) == (10, 14)


def test_a_wide_limit_is_told_to_the_database_in_steps_and_still_holds(tmp_path: Path, clock: ManualClock) -> None:
    platform = instance(tmp_path, clock, searches_per_minute=100)
    step = limits_of(platform.settings)["search"].step
    assert step == 5
    written: list[str] = []
    sa.event.listen(
        platform.database.engine, "before_cursor_execute", lambda _conn, _cursor, statement, *_rest: written.append(statement)
    )
    for _ in range(100):
        platform.limits.hit("search", "203.0.113.7")
    assert len([text for text in written if text.startswith("INSERT")]) == 20
    with pytest.raises(TooManyRequests):
        platform.limits.hit("search", "203.0.113.7")
    other = make_platform(platform.settings, clock)
    for _ in range(step - 1):
        other.limits.hit("search", "203.0.113.7")
    for _ in range(2):
        with pytest.raises(TooManyRequests):
            other.limits.hit("search", "203.0.113.7")
    written.clear()
    for _ in range(20):
        with pytest.raises(TooManyRequests):
            platform.limits.hit("search", "203.0.113.7")
    assert written == [], "who is refused costs nothing more"
    platform.close()
    other.close()


def test_limits_can_be_switched_off_for_load_tests(tmp_path: Path, clock: ManualClock) -> None:
    platform = instance(tmp_path, clock, rate_limits=False)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        world = World(platform, client)
        assert {search(world).status_code for _ in range(30)} == {200}
        assert {log_in(client).status_code for _ in range(5)} == {401}
    assert world.scalar(sa.select(sa.func.count()).select_from(rate_limit)) == 0
    platform.close()


def test_no_address_is_stored_in_the_clear_and_a_subscriber_of_ipv6_is_one(world: World) -> None:
    search(world)
    assert subject_id("2001:db8:1:2::1") == subject_id("2001:db8:1:2:ffff::9") != subject_id("2001:db8:1:3::1")
    assert subject_id("203.0.113.7") != subject_id("203.0.113.8")
    assert subject_id("::ffff:203.0.113.7") == subject_id("203.0.113.7") != subject_id("::ffff:203.0.113.8")
    log_in(world.client, password=PASSWORD)
    rows = world.platform.read(lambda tx: [repr(tuple(row)) for row in tx.execute(sa.select(rate_limit))])
    assert rows
    assert not any("ada@" in row or "testclient" in row for row in rows)


def test_an_invented_station_key_lifts_no_limit(tmp_path: Path, clock: ManualClock) -> None:
    """Its form anybody can make. What is none counts for the address, wherever it is sent; what is one does not."""
    platform = instance(tmp_path, clock, calls_per_minute=3)
    with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
        station = Station.at(World(platform, client))
        report = f"/stations/evses/{station.evses['E0']}/status"
        state = {"status": "CHARGING", "last_updated": "2026-03-02T07:59:00Z"}

        def call(method: str, path: str, body: Any = None) -> Any:
            return station.call(method, path, body, key=make_station_key())

        assert [call("GET", "/health").status_code for _ in range(3)] == [200] * 3
        refused(call("GET", "/health"), "calls", 60)
        assert [station.heartbeat().status_code for _ in range(8)] == [200] * 8
        assert [call("PUT", report, state).status_code for _ in range(3)] == [401] * 3
        refused(call("PUT", report, state), "bad_station_keys", 60)
        clock.advance(timedelta(minutes=1))
        assert (call("PUT", report, state).status_code, station.heartbeat().status_code) == (401, 200)
    platform.close()


def test_only_what_takes_a_station_key_is_a_path_of_stations() -> None:
    takes_one = {name.split(" ")[1] for name, rule in RULES.items() if "station_key" in rule.who and not rule.who >= EVERYBODY}
    assert takes_one == {path for path in (name.split(" ")[1] for name in RULES) if OF_STATIONS.fullmatch(API + path)}


def test_a_window_is_forgotten_when_it_is_over(tmp_path: Path, clock: ManualClock) -> None:
    platform = instance(tmp_path, clock)
    limits = limits_of(platform.settings)
    for scope, limit in limits.items():
        for _ in range(limit.step):
            platform.limits.hit(scope, "203.0.113.7")

    def kept() -> set[str]:
        return set(platform.read(lambda tx: list(tx.execute(sa.select(rate_limit.c.scope)).scalars())))

    assert kept() == set(limits)
    clock.advance(timedelta(hours=3))
    prune_accounts(platform)
    assert kept() == {scope for scope, limit in limits.items() if limit.window > timedelta(hours=1)} != set()
    clock.advance(timedelta(days=1))
    prune_accounts(platform)
    assert kept() == set()
    platform.close()
