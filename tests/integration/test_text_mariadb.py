"""Text and numbers on MariaDB: what the API takes is kept as it was sent, at the exact length its columns count."""

import pytest
import sqlalchemy as sa

from functions.accounts.tables import vehicle
from tests.support.world import TYPE2, World

CAR = {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]}
FAMILY = "👨‍👩‍👧‍👦"  # seven code points, 25 bytes of UTF-8


@pytest.fixture
def world(mariadb_world: World) -> World:
    """The API on MariaDB."""
    return mariadb_world


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("💥" * 80, True),
        ("💥" * 81, False),
        (FAMILY * 11 + "abc", True),  # 80 code points
        (FAMILY * 11 + "abcd", False),
        ("e\u0301" * 80, True),  # 160 as sent, 80 in NFC
        ("\u0958" * 40, True),  # 40 as sent, 80 in NFC
        ("\u0958" * 41, False),
        ("Robert'); DROP TABLE vehicle;-- \\ % _", True),
    ],
)
def test_a_name_is_as_long_as_mariadb_counts(world: World, text: str, fits: bool) -> None:
    driver = world.user()
    answer = driver.post("/accounts/me/vehicles", CAR | {"name": text})
    if not fits:
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
        assert world.scalar(sa.select(sa.func.count()).select_from(vehicle)) == 0
        return
    assert answer.status_code == 201, answer.text
    statement = sa.select(vehicle.c.name, sa.func.char_length(vehicle.c.name))
    name, length = world.platform.read(lambda tx: tx.execute(statement).one())
    assert name == answer.json()["name"] == driver.get("/accounts/me/vehicles").json()["items"][0]["name"]
    assert length == len(name), "code points, in Python and on the server"
    assert length <= 80


def test_the_smallest_and_largest_numbers_are_kept_exactly(world: World) -> None:
    driver = world.user()
    for kwh in (0.1, 1000, 77.4, 0.30000000000000004):
        created = driver.post("/accounts/me/vehicles", CAR | {"battery_kwh": kwh}).json()
        (listed,) = (item for item in driver.get("/accounts/me/vehicles").json()["items"] if item["id"] == created["id"])
        assert listed["battery_kwh"] == kwh
