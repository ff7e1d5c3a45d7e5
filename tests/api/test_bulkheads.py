"""What is slow runs behind a bulkhead: found out by doing it, over every route that there is."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functions.accounts import passwords
from functions.accounts.passwords import HASHING
from shared.web.bulkhead import Bulkhead
from tests.api.test_authorisation import fill, kinds, send
from tests.support.authorisation_objects import Scene
from tests.support.authorisation_rules import RULES
from tests.support.world import API, World

DOING = sorted(route for route in RULES if not route.startswith(("GET", "HEAD")))


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world, {role: world.user(role) for role in ("driver", "owner", "admin")}, world.user("owner"))


class Listening:
    """The hasher, which notes on which thread it works."""

    def __init__(self, threads: list[str]) -> None:
        self._threads, self._hasher = threads, passwords._hasher

    def __getattr__(self, name: str) -> object:
        if name in ("hash", "verify"):
            self._threads.append(threading.current_thread().name)
        return getattr(self._hasher, name)


@pytest.mark.parametrize("route", DOING)
def test_every_route_that_hashes_a_password_does_it_apart(scene: Scene, route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES[route]
    role = next((role for role in ("driver", "owner", "admin") if role in rule.who), None)
    if role is None:
        return  # of stations, which have no password
    person = scene.people[role]
    ids = {name: scene.mine(kind, person) for name, kind in kinds(route, rule).items()}
    body = rule.body(scene, person) if callable(rule.body) else rule.body
    threads: list[str] = []
    monkeypatch.setattr(passwords, "_hasher", Listening(threads))
    send(scene, route, type(rule)(**vars(rule) | {"body": body}), fill(route, ids), headers=person.headers(), person=person)
    assert not [name for name in threads if not name.startswith("passwords")], "put @apart(HASHING) on the route"


@contextmanager
def jammed(bulkhead: Bulkhead) -> Iterator[None]:
    """Every place of the bulkhead is taken by work that does not end."""
    go_on = threading.Event()
    loops = [asyncio.new_event_loop() for _ in range(bulkhead.free)]
    threads = [threading.Thread(target=loop.run_until_complete, args=(bulkhead.run(lambda: go_on.wait(60)),)) for loop in loops]
    try:
        for thread in threads:
            thread.start()
        while bulkhead.free:
            pass
        yield
    finally:
        go_on.set()
        for thread in threads:
            thread.join(60)
        for loop in loops:
            loop.close()


def test_a_flood_of_sign_ins_keeps_nobody_else_waiting(world: World) -> None:
    driver, place = world.user(), world.location()
    login = {"email": "nobody@example.org", "password": "a wrong one"}
    with jammed(HASHING):
        answer = world.client.post(f"{API}/accounts/login", json=login)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "UNAVAILABLE", "2")
        assert driver.book(place, "10:00").status_code == 201
        assert driver.get("/accounts/me").status_code == 200
    assert world.client.post(f"{API}/accounts/login", json=login).status_code == 401
