"""Races of sendings that carry the same Idempotency-Key, over HTTP, for any database: a key has one answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx

from tests.support.world import TYPE2, Person, World

ROUNDS = 12


def kept(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """What a key keeps of an answer: all but the invocation that gave it."""
    return answer.status_code, {name: value for name, value in answer.json().items() if name != "invocation_id"}


def wish(place: str, start: str = "2026-03-02T10:00:00Z") -> dict[str, Any]:
    """A booking of an hour."""
    return {"location_id": place, "connector": TYPE2, "start": start, "duration_minutes": 60}


def twins_get_one_answer(world: World) -> tuple[int, int]:
    """Of each round two sendings with one key, at the instant at which the only place is freed. Returns how many keys won
    and how many were refused; asserts that both sendings and a later one got the same."""
    place, blocker = world.location(evses=1), world.user()
    statuses = []
    with ThreadPoolExecutor(3) as threads:
        for number in range(ROUNDS):
            driver, day = world.user(), 3 + number
            start = f"2026-03-{day:02}T10:00:00Z"
            taken = blocker.post("/booking/bookings", wish(place, start))
            assert taken.status_code == 201, taken.text
            gate = threading.Barrier(3)

            def send(driver: Person = driver, gate: threading.Barrier = gate, start: str = start) -> httpx.Response:
                gate.wait(30)
                return driver.post("/booking/bookings", wish(place, start), key="twin")

            def free(gate: threading.Barrier = gate, booking_id: str = taken.json()["id"]) -> None:
                gate.wait(30)
                blocker.post(f"/booking/bookings/{booking_id}/cancel")

            sent = [threads.submit(send), threads.submit(send)]
            threads.submit(free).result(60)
            answers = [future.result(60) for future in sent]
            answers.append(driver.post("/booking/bookings", wish(place, start), key="twin"))
            first, *others = map(kept, answers)
            assert others == [first, first], f"round {number}: one key, several answers: {[first, *others]}"
            assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
            statuses.append(first[0])
    assert set(statuses) <= {201, 409}
    return statuses.count(201), statuses.count(409)


def a_late_first_sending_is_told_what_the_repeat_was(world: World) -> None:
    """The repeat overtakes the first sending and is refused; then the place is freed, and the first sending arrives."""
    place, blocker, driver = world.location(evses=1), world.user(), world.user()
    taken = blocker.book(place, "10:00").json()
    refused = driver.post("/booking/bookings", wish(place), key="k")
    assert (refused.status_code, refused.json()["code"]) == (409, "SLOT_TAKEN")
    assert "idempotency-replayed" not in refused.headers
    blocker.post(f"/booking/bookings/{taken['id']}/cancel")
    late = driver.post("/booking/bookings", wish(place), key="k")
    assert kept(late) == kept(refused)
    assert late.headers["idempotency-replayed"] == "true"
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json()["invocation_id"] == late.headers["x-invocation-id"] != refused.json()["invocation_id"]
    assert driver.get("/booking/bookings").json()["items"] == []
    changed = driver.post("/booking/bookings", wish(place) | {"duration_minutes": 30}, key="k")
    assert (changed.status_code, changed.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    again = driver.post("/booking/bookings", wish(place), key="k2")
    assert again.status_code == 201, "another press is another wish"
