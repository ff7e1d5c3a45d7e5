"""Recorded demand: what the city folder holds, that nobody can be found in it, and what is refused."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("highspy", reason="HiGHS is for training only (requirements-train.txt)")

import sqlalchemy as sa
import typer

from app.migrate import upgrade
from app.process import make_platform
from functions.booking import sessions as booking
from functions.booking.domain import ReservationStatus
from functions.optimizer.core.city import load_city, load_sessions
from functions.stations.opening import Hours
from functions.stations.tables import evse as evse_table
from functions.stations.tables import location as location_table
from shared.clock import ManualClock
from shared.settings import Settings
from tests.support.recorded import driver, fulfilled, fulfilled_days
from tests.support.world import CCS, TYPE2, World
from training.problem.scenario import Split, day
from training.release.recorded_demand import TooFewDaysError, main, record_city
from training.scenarios.recorded_city import RecordedDemand, city_scenario

NIGHT = Hours.model_validate({"regular_hours": [{"weekday": 1, "period_begin": "06:00", "period_end": "22:00"}]})


@pytest.fixture
def places(world: World) -> list[str]:
    """Slow with two connectors, fast with hours, and free of charge."""
    return [
        world.location(name="Stadhuis", plugs=[[(TYPE2, 22.0), (CCS, 50.0)], [(TYPE2, 11.0)]]),
        world.location(name="Station", latitude=52.10, standard=CCS, power_kw=50.0, hours=NIGHT, evses=4),
        world.location(name="Park", latitude=52.11, tariff=None, evses=1),
    ]


def content(folder: Path) -> bytes:
    """Everything in a folder: names, bytes, and what is packed in them."""
    found = b""
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes()
        found += path.name.encode() + data + (gzip.decompress(data) if path.suffix == ".gz" else b"")
    return found


def change(world: World, table: sa.Table, where: Any, **values: Any) -> None:
    world.platform.transact(lambda tx: tx.execute(sa.update(table).where(where).values(**values)))


def test_the_folder_is_a_city_with_its_hours_tariffs_and_sessions(world: World, places: list[str], tmp_path: Path) -> None:
    fulfilled_days(world, places, 6)
    made = record_city(world.platform, tmp_path / "city", least_days=5)
    assert (made.locations, made.evses, made.sessions, len(made.days)) == (3, 7, 18, 6)
    city = load_city(tmp_path / "city")
    assert (city.name, city.time_zone, city.currency, city.country) == ("Utrecht", "Europe/Amsterdam", "EUR", "NLD")
    assert {item.location_id for item in city.locations} == set(places)
    hall, station, park = (next(item for item in city.locations if item.location_id == location_id) for location_id in places)
    assert station.opening_times == NIGHT
    assert [plug.standard for plug in hall.evses[0][1]] == [TYPE2, CCS]
    assert len(city.tariffs) == 1, "equal tariffs stand once"
    tariff = city.tariff_of(hall.evses[0][0], "2")
    assert tariff is not None
    assert float(tariff.elements[0].price_components[0].price) == 0.40
    assert city.tariff_of(park.evses[0][0], "1") is None, "free of charge"
    scenario = city_scenario(tmp_path / "city", "busy", requests=6)
    assert isinstance(scenario.demand, RecordedDemand)
    assert len(day(scenario, Split.TRAINING.seed(0))) == 6


def test_nobody_can_be_found_in_any_file(world: World, places: list[str], tmp_path: Path) -> None:
    who = fulfilled_days(world, places, 5)
    record_city(world.platform, tmp_path / "city", least_days=5)
    found = content(tmp_path / "city")
    for word in (*who.words(), str(world.owner_id)):
        assert word.lower().encode() not in found.lower(), word
    for identity in (who.id, *who.bookings):
        assert identity.bytes not in found


def test_numbers_of_sessions_are_new_each_time(world: World, places: list[str], tmp_path: Path) -> None:
    fulfilled_days(world, places, 5)
    numbers = []
    for name in ("one", "two"):
        record_city(world.platform, tmp_path / name, least_days=5)
        numbers.append({item.session_id for item in load_sessions(tmp_path / name)})
    assert len(numbers[0]) == len(numbers[1]) == 15
    assert not numbers[0] & numbers[1]


def test_what_happened_counts_and_else_what_was_booked(world: World, places: list[str], tmp_path: Path) -> None:
    who, at = driver(world), datetime(2026, 2, 25, 10, tzinfo=UTC)

    def use_case(tx: Any) -> None:
        late: dict[str, Any] = {
            "started_at": at + timedelta(minutes=7, seconds=31),
            "revision": 1,
            "stopped_at": at + timedelta(minutes=52, seconds=59),
        }
        fulfilled(tx, who, places[0], at, session_energy_kwh=6.2491, **late)
        fulfilled(tx, who, places[0], at + timedelta(hours=3))
        # Not demand that was met, or none worth speaking of; and today, which is not over.
        for status in (ReservationStatus.NO_SHOW, ReservationStatus.CANCELED, ReservationStatus.RESERVED):
            fulfilled(tx, who, places[1], at, status=status)
        fulfilled(tx, who, places[1], at, session_energy_kwh=0.2)
        fulfilled(tx, who, places[1], datetime(2026, 3, 2, 6, tzinfo=UTC))
        fulfilled(tx, who, places[1], datetime(2025, 3, 2, 6, tzinfo=UTC))

    world.platform.transact(use_case)
    made = record_city(world.platform, tmp_path / "city", least_days=1)
    first, second = load_sessions(tmp_path / "city")
    assert (first.start.isoformat(), first.end.isoformat()) == ("2026-02-25T11:07:00+01:00", "2026-02-25T11:52:00+01:00")
    assert (first.energy_kwh, second.energy_kwh) == (6.2, 10.0)
    assert second.start == at + timedelta(hours=3)
    assert made.days == {date(2026, 2, 25)}
    assert "1 sessions below a minute or 0.5 kWh" in str(made)


def test_only_what_is_approved_there_and_of_one_currency_is_in(world: World, places: list[str], tmp_path: Path) -> None:
    fulfilled_days(world, places, 6)
    change(world, location_table, location_table.c.name == "Park", status="SUSPENDED")
    change(world, location_table, location_table.c.name == "Stadhuis", currency="GBP")
    change(world, evse_table, evse_table.c.uid == "E1", status="REMOVED")
    made = record_city(world.platform, tmp_path / "city", least_days=1)
    (station,) = load_city(tmp_path / "city").locations
    assert (station.name, made.evses, made.elsewhere) == ("Station", 3, 1)
    assert made.left_out["at EVSEs that are not in the folder"] == 12
    assert {item.evse_id for item in load_sessions(tmp_path / "city")} == {station.evses[0][0]}


@pytest.mark.parametrize("page", [1, 7, 1000])
def test_pages_hold_each_session_once_also_where_many_start_together(world: World, places: list[str], page: int) -> None:
    who, at = driver(world), datetime(2026, 2, 25, 10, tzinfo=UTC)

    def use_case(tx: Any) -> None:
        for number in range(20):
            fulfilled(tx, who, places[number % 3], at + timedelta(minutes=15 * (number % 4)), energy_kwh=10.0 + number)

    world.platform.transact(use_case)
    found, after = [], None
    while True:
        part, after = world.platform.read(
            lambda tx, after=after: booking.recorded_sessions(
                tx=tx, since=at, until=at + timedelta(days=1), after=after, limit=page
            )
        )
        found += part
        assert len(part) <= page
        if after is None:
            break
    assert sorted(item.energy_kwh for item in found) == [10.0 + number for number in range(20)]
    assert [item.start for item in found] == sorted(item.start for item in found)


def test_pages_make_the_same_folder(world: World, places: list[str], tmp_path: Path) -> None:
    fulfilled_days(world, places, 5)
    for page in (2, 1000):
        record_city(world.platform, tmp_path / str(page), least_days=5, page=page)
    one, other = ([(item.evse_id, item.start) for item in load_sessions(tmp_path / name)] for name in ("2", "1000"))
    assert one == other


def test_too_few_days_are_said_and_leave_what_was_there(world: World, places: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "city"
    with pytest.raises(TooFewDaysError, match="0 of the last 180 days have sessions, at least 30 are needed"):
        record_city(world.platform, folder)
    assert not folder.exists()
    fulfilled_days(world, places, 5)
    record_city(world.platform, folder, least_days=5)
    before = content(folder)
    with pytest.raises(TooFewDaysError, match="5 of the last 180 days"):
        record_city(world.platform, folder)
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir() if "city" in path.name] == ["city"], "no draft is left"


def test_a_database_without_locations_and_a_folder_of_something_else_are_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(TooFewDaysError, match="no approved location"):
        record_city(world.platform, tmp_path / "city")
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="is no city folder"):
        record_city(world.platform, tmp_path / "photos")
    with pytest.raises(ValueError, match="last_days: must be at least 1"):
        record_city(world.platform, tmp_path / "city", last_days=0)


def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    platform = make_platform(Settings(), clock)
    upgrade(platform.database)
    platform.close()
    app = typer.Typer()
    app.command()(main)
    found = CliRunner().invoke(app, [str(tmp_path / "city")])
    assert found.exit_code == 2
    assert found.stderr.splitlines() == ["recorded demand: the database has no approved location with an EVSE"]
