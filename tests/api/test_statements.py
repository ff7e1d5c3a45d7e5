"""How many statements a reservation and its refusal send, on SQLite and MariaDB, and what is locked meanwhile."""

from typing import Any

import httpx2 as httpx

from tests.support.statements import ROLLBACK, sent_by, statements
from tests.support.world import TYPE2, Person, World

MOST = 9


def book(driver: Person, place: str, key: str, **more: Any) -> httpx.Response:
    body = {"location_id": place, "connector": TYPE2, "start": "2026-03-02T10:00:00Z", "duration_minutes": 60} | more
    return driver.post("/booking/bookings", body, key=key)


def test_a_reservation_by_key_for_a_vehicle_sends_few_statements(any_world: World) -> None:
    place, driver = any_world.location(), any_world.user()
    body = {"battery_kwh": 50, "max_power_kw": 11, "plate": "AB-12-C", "standards": [TYPE2]}
    car = driver.post("/accounts/me/vehicles", body).json()["id"]
    assert book(any_world.user(), place, "warm").status_code == 201  # tariffs stay in the process
    with sent_by(any_world.platform) as sent:
        assert book(driver, place, "one", vehicle_id=car).status_code == 201
    assert len(statements(sent)) <= MOST, sent


def test_a_refusal_sends_no_more_than_a_reservation(any_world: World) -> None:
    place = any_world.location(evses=1)
    for number in range(3):
        any_world.location(name=f"Near {number}", latitude=52.095 + number / 1000)
    driver = any_world.user()
    assert book(any_world.user(), place, "warm").status_code == 201
    with sent_by(any_world.platform) as sent:
        refused = book(driver, place, "one")
    assert len(refused.json()["alternatives"]) == 5
    once_a_process = [text for text in sent if "FROM tariff" in text]
    assert len(statements(sent)) - len(once_a_process) <= MOST, sent


def test_alternatives_are_looked_up_when_nothing_is_locked(any_world: World) -> None:
    place = any_world.location(evses=1)
    assert book(any_world.user(), place, "first").status_code == 201
    driver = any_world.user()
    with sent_by(any_world.platform) as sent:
        assert book(driver, place, "second").status_code == 409
    looked = next(number for number, text in enumerate(sent) if "h3_7" in text)
    ended = sent.index(ROLLBACK)
    assert ended < looked, sent
    assert not [text for text in sent[ended:looked] if "FOR UPDATE" in text]


def test_a_refusal_with_its_alternatives_is_the_answer_of_its_key(any_world: World) -> None:
    place, driver = any_world.location(evses=1), any_world.user()
    assert book(any_world.user(), place, "first").status_code == 201
    first, again = (book(driver, place, "second") for _ in range(2))
    assert first.status_code == again.status_code == 409
    assert first.json()["alternatives"]
    assert first.json()["alternatives"] == again.json()["alternatives"]
    assert again.headers["idempotency-replayed"] == "true"
