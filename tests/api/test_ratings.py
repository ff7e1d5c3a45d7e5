"""Ratings over HTTP: who may rate what when, what a place shows of them, what is reported, exported and erased."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
import sqlalchemy as sa

from functions.accounts import repository as account_rows
from functions.accounts.passwords import hash_password
from functions.ratings.tables import booking_rating
from shared.clock import ManualClock
from tests.support.world import Person, World

PASSWORD = "a horse of 4 batteries"


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of the world's locations."""
    person = world.user("owner")
    world.owner_id = person.id
    return person


def charged(world: World, place: str, driver: Person | None = None) -> tuple[Person, str]:
    """Somebody who has charged at a place for the first minutes of the hour, and the path of their booking."""
    driver = driver or world.user()
    start = world.platform.clock.now().isoformat()
    booked = driver.book(place, start, vehicle_id=driver.car())
    assert booked.status_code == 201, booked.text
    path = f"/booking/bookings/{booked.json()['id']}"
    assert driver.post(f"{path}/start").status_code == 200
    assert driver.post(f"{path}/stop").status_code == 200
    return driver, path


def rated(world: World, place: str, stars: int, **more: object) -> tuple[Person, str]:
    driver, path = charged(world, place)
    answer = driver.put(f"{path}/rating", {"stars": stars} | more)
    assert answer.status_code == 200, answer.text
    return driver, path


def test_a_session_is_rated_once_and_what_was_said_may_change(world: World) -> None:
    place = world.location()
    driver, path = charged(world, place)
    assert driver.get(f"{path}/rating").status_code == 404
    reasons = ["AS_PROMISED", "AS_PROMISED", "HARD_TO_FIND"]
    body = {"stars": 4, "reasons": reasons, "words": "Behind the station.\nNot in front."}
    first = driver.put(f"{path}/rating", body).json()
    assert (first["stars"], first["reasons"]) == (4, ["AS_PROMISED", "HARD_TO_FIND"])
    assert first["words"] == "Behind the station.\nNot in front."
    assert driver.put(f"{path}/rating", {"stars": 2}).status_code == 200
    assert (driver.get(f"{path}/rating").json()["stars"], driver.get(f"{path}/rating").json()["words"]) == (2, None)
    assert world.scalar(sa.select(sa.func.count()).select_from(booking_rating)) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [({"stars": 0}, "stars"), ({"stars": 6}, "stars"), ({"stars": 3, "reasons": ["NICE"]}, "reasons.0"), ({}, "stars")],
)
def test_what_cannot_be_said_names_its_field(world: World, body: dict[str, object], field: str) -> None:
    driver, path = charged(world, world.location())
    answer = driver.put(f"{path}/rating", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_only_a_session_that_has_ended_is_rated(world: World) -> None:
    driver, place = world.user(), world.location()
    path = f"/booking/bookings/{driver.book(place, '08:00').json()['id']}"
    assert driver.put(f"{path}/rating", {"stars": 5}).json()["code"] == "WRONG_STATE"
    driver.post(f"{path}/start")
    assert driver.put(f"{path}/rating", {"stars": 5}).json()["code"] == "WRONG_STATE"
    driver.post(f"{path}/stop")
    assert driver.put(f"{path}/rating", {"stars": 5}).status_code == 200


def test_after_fourteen_days_nothing_is_said_or_changed(world: World, clock: ManualClock) -> None:
    place = world.location()
    driver, path = rated(world, place, 5)
    silent, other = charged(world, place)
    clock.advance(timedelta(days=14))
    assert driver.put(f"{path}/rating", {"stars": 4}).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert driver.put(f"{path}/rating", {"stars": 1}).json()["code"] == "WRONG_STATE"
    assert silent.put(f"{other}/rating", {"stars": 1}).json()["code"] == "WRONG_STATE"


def test_nobody_speaks_for_a_driver(world: World, owner: Person) -> None:
    _, path = charged(world, world.location())
    for person in (world.user(), owner, world.user("admin")):
        assert person.put(f"{path}/rating", {"stars": 5}).status_code == 404


def test_a_place_shows_its_average_from_five_ratings_on_and_its_owner_from_the_first(
    world: World, clock: ManualClock, owner: Person
) -> None:
    place = world.location(evses=2)
    near = {"latitude": 52.09, "longitude": 5.12}
    for number, stars in enumerate((5, 4, 4, 4, 1), start=1):
        shown = world.user().get(f"/stations/locations/{place}").json()["rating"]
        assert shown is None, number
        rated(world, place, stars)
        clock.advance(timedelta(hours=1))
        assert owner.get(f"/stations/locations/{place}").json()["rating"]["count"] == number
    assert world.user().get(f"/stations/locations/{place}").json()["rating"] == {"average": 3.6, "count": 5}
    (found,) = world.user().get("/stations/locations", **near).json()["items"]
    assert found["rating"] == {"average": 3.6, "count": 5}


def test_an_owner_reads_what_was_said_and_never_who_said_it(world: World, clock: ManualClock, owner: Person) -> None:
    place = world.location(evses=2)
    driver, path = rated(world, place, 2, reasons=["SLOW"], words="It takes for ever.")
    clock.advance(timedelta(days=7))
    rated(world, place, 5)
    items = owner.get("/booking/hosted/ratings").json()["items"]
    assert [(item["week"], item["stars"], item["words"]) for item in items] == [
        ("2026-03-09", 5, None),
        ("2026-03-02", 2, "It takes for ever."),
    ]
    assert str(driver.id) not in str(items)
    assert path.rpartition("/")[2] not in str(items)
    pages = [owner.get("/booking/hosted/ratings", limit=1).json()]
    pages.append(owner.get("/booking/hosted/ratings", limit=1, cursor=pages[0]["next_cursor"]).json())
    assert [page["items"][0]["stars"] for page in pages] == [5, 2]
    assert pages[1]["next_cursor"] is None
    assert world.user("owner").get("/booking/hosted/ratings").json()["items"] == []
    assert world.user("owner").get("/booking/hosted/ratings", location_id=place).status_code == 404


def test_words_that_are_reported_go_or_stay_as_an_administrator_decides(world: World, owner: Person) -> None:
    place, admin = world.location(evses=3), world.user("admin")
    rude, path = rated(world, place, 1, words="The person at the desk is a liar.")
    rated(world, place, 4, words="Nice trees.")
    ratings = {item["words"]: item["id"] for item in owner.get("/booking/hosted/ratings").json()["items"]}
    for rating_id in ratings.values():
        assert owner.post(f"/booking/hosted/ratings/{rating_id}/report", {"reason": "Not true"}).json()["reported"]
    assert world.user("owner").post(f"/booking/hosted/ratings/{rating_id}/report", {"reason": "x y z"}).status_code == 404
    waiting = admin.get("/booking/reported-ratings").json()["items"]
    assert {item["words"] for item in waiting} == set(ratings)
    assert admin.post(f"/booking/reported-ratings/{ratings['Nice trees.']}", {"remove_words": False}).json()["words"]
    gone = ratings["The person at the desk is a liar."]
    assert admin.post(f"/booking/reported-ratings/{gone}", {"remove_words": True}).json()["words"] is None
    assert admin.post(f"/booking/reported-ratings/{gone}", {"remove_words": True}).json()["code"] == "WRONG_STATE"
    assert admin.get("/booking/reported-ratings").json()["items"] == []
    again = rude.put(f"{path}/rating", {"stars": 1, "words": "A liar, I say."}).json()
    assert (again["stars"], again["words"], again["words_removed"]) == (1, None, True)
    assert len(owner.get("/booking/hosted/ratings").json()["items"]) == 2, "the stars stay"


def test_new_words_are_not_those_that_were_reported(world: World, owner: Person) -> None:
    driver, path = rated(world, world.location(), 1, words="Liars!")
    (item,) = owner.get("/booking/hosted/ratings").json()["items"]
    owner.post(f"/booking/hosted/ratings/{item['id']}/report", {"reason": "Rude"})
    driver.put(f"{path}/rating", {"stars": 1, "words": "The sign is wrong."})
    assert world.user("admin").get("/booking/reported-ratings").json()["items"] == []
    rated(world, world.location(), 3)
    without = next(item for item in owner.get("/booking/hosted/ratings").json()["items"] if item["words"] is None)
    refused = owner.post(f"/booking/hosted/ratings/{without['id']}/report", {"reason": "Rude"})
    assert refused.json()["code"] == "WRONG_STATE"


def test_what_somebody_said_is_in_their_export_and_goes_with_them_but_for_the_stars(world: World, owner: Person) -> None:
    place = world.location()
    driver, _ = rated(world, place, 2, words="My name is Ada and I waited.")
    exported = zipfile.ZipFile(io.BytesIO(driver.get("/accounts/me/export").content))
    (mine,) = json.loads(exported.read("ratings.json"))
    assert (mine["stars"], mine["words"]) == (2, "My name is Ada and I waited.")
    hashed = hash_password(PASSWORD)
    world.platform.transact(lambda tx: account_rows.update_user(tx, driver.id, password_hash=hashed))
    assert driver.post("/accounts/me/deletion", {"password": PASSWORD}).status_code == 204
    (left,) = owner.get("/booking/hosted/ratings").json()["items"]
    assert (left["stars"], left["words"]) == (2, None)
