"""Importers: what can be read is kept, everything else is left out with file, line and reason; nothing is guessed."""

import csv
import gzip
import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from cities.demand import busiest_day, crowded_day, day_requests
from cities.folder import ImportReport
from cities.generated import generate_city
from cities.importing import import_city, recognise
from functions.optimizer.core.city import load_city, load_sessions
from shared.errors import Invalid

DATA = Path(os.environ.get("EVCHARGING_DATA", "../shared/data"))
EVENTS = "Charging event,CP ID,Connector,Start Date,Start Time,End Date,End Time,Total kWh,Cost,Site,Group,Model"
POINTS = "Latitude,Longitude,Location,CP ID,Type,Address"


def silent(name: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def chargeplace(folder: Path, *rows: str, name: str = "events.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([EVENTS, *rows]) + "\n")
    (folder / "points.csv").write_text(f"{POINTS}\n56.46,-2.97,Hub,100,Rapid,1 High Street\n,,Lost,200,Slow,nowhere\n")
    return folder


GOOD = "1,100,2,01/03/2018,10:00,01/03/2018,10:30,12.5,0,Hub,G,APT Triple Rapid Charger"


def test_a_chargeplace_row_becomes_a_session_with_offset(tmp_path: Path) -> None:
    source = chargeplace(
        tmp_path / "in",
        GOOD,
        GOOD.replace("1,100,2,01/03", "2,100,2,01/07").replace("01/03/2018,10:30", "01/07/2018,10:30"),
    )
    report = import_city(source, tmp_path / "out", progress=silent)
    assert (report.rows, report.kept, report.locations, report.evses) == (2, 2, 1, 1)
    winter, summer = load_sessions(tmp_path / "out")
    assert winter.start.isoformat() == "2018-03-01T10:00:00+00:00"
    assert summer.start.isoformat() == "2018-07-01T10:00:00+01:00"
    (location,) = load_city(tmp_path / "out").locations
    ((evse, (plug,)),) = location.evses
    assert (evse, plug.standard, plug.max_power_kw) == ("100-2", "IEC_62196_T2_COMBO", 50)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD.replace("1,100", "1,"), "no CP ID"),
        (GOOD.replace("1,100,2", "1,100,"), "no connector number"),
        (GOOD.replace("01/03/2018,10:30", ","), "no end"),
        (GOOD.replace("01/03/2018,10:00", "31/02/2018,10:00"), "start is not a time"),
        (GOOD.replace("10:30", "09:30"), "ends before it starts"),
        (GOOD.replace("01/03/2018,10:30", "01/05/2018,10:30"), "longer than 14 days"),
        (GOOD.replace("12.5", "much"), "kWh is not a number"),
        (GOOD.replace("12.5", "-3"), "kWh out of range"),
        (GOOD.replace("1,100", "1,300"), "charge point has no coordinates: CP ID 300"),
        (GOOD.replace("APT Triple Rapid Charger", "Wallbox"), "outlet not known: Wallbox, 2"),
        (GOOD.replace("1,100,2", "1,100,4"), "outlet not known: APT Triple Rapid Charger, 4"),
        (GOOD, "duplicate event"),
    ],
)
def test_a_row_that_cannot_be_read_is_reported_with_its_line(tmp_path: Path, row: str, reason: str) -> None:
    first = GOOD if reason == "duplicate event" else GOOD.replace("1,100", "9,100")
    source = chargeplace(tmp_path / "in", first, row)
    report = import_city(source, tmp_path / "out", progress=silent)
    assert report.kept == 1
    wrong = [item for item in report.left_out if item.file == "events.csv"]
    assert [(item.line, item.reason) for item in wrong] == [(3, reason)]
    with (tmp_path / "out" / "import-report.csv").open() as file:
        assert {"file": "events.csv", "line": "3", "reason": reason} in list(csv.DictReader(file))


def test_acn_sessions(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    header = "arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,estimated_departure,claimed"
    rows = [
        "2019-05-01 05:04:06-07:00,2019-05-01 17:56:21-07:00,44,44.8,AG-1,s1,x,True",
        "2019-05-01 05:04:06-07:00,2019-05-01 04:56:21-07:00,44,44.8,AG-1,s2,x,True",
        "2019-05-01 05:04:06,2019-05-01 17:56:21,44,44.8,AG-1,s3,x,True",
    ]
    (source / "jpl_x.csv.gz").write_bytes(gzip.compress("\n".join([header, *rows]).encode()))
    report = import_city(source, tmp_path / "out", progress=silent)
    assert [(item.line, item.reason) for item in report.left_out] == [
        (3, "departs before it arrives"),
        (4, "time without offset"),
    ]
    city = load_city(tmp_path / "out")
    assert city.time_zone == "America/Los_Angeles"
    assert city.tariff_of("AG-1", "1") is not None


def ocpi(**changes: Any) -> dict[str, Any]:
    return {
        "id": "L1",
        "name": "Hub",
        "address": "High Street 1",
        "city": "Gent",
        "country": "BEL",
        "time_zone": "Europe/Brussels",
        "coordinates": {"latitude": "51.05", "longitude": "3.72"},
        "evses": [
            {
                "uid": "E1",
                "status": "AVAILABLE",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 32,
                        "tariff_ids": ["T1"],
                    }
                ],
            }
        ],
    } | changes


def test_ocpi_locations_and_tariffs(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    bad = ocpi(id="L2", coordinates={"latitude": "north"})
    (source / "locations.json").write_text(json.dumps({"data": [ocpi(), bad]}))
    tariff = {
        "id": "T1",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.3, "step_size": 1}]}],
    }
    (source / "tariffs.json").write_text(json.dumps([tariff, {"id": "T2", "currency": "EUR", "elements": []}]))
    report = import_city(source, tmp_path / "out", progress=silent)
    assert (report.locations, report.evses) == (1, 1)
    assert {(item.file, item.line) for item in report.left_out} == {("locations.json", 2), ("tariffs.json", 2)}
    city = load_city(tmp_path / "out")
    ((evse, (plug,)),) = city.locations[0].evses
    assert plug.max_power_kw == pytest.approx(22.08)
    assert city.tariff_of(evse, plug.connector_id) is not None


def test_what_is_not_recognised_is_said(tmp_path: Path) -> None:
    assert recognise(tmp_path) is None
    with pytest.raises(ValueError, match="nothing that is recognised"):
        import_city(tmp_path, tmp_path / "out", progress=silent)
    with pytest.raises(FileNotFoundError):
        recognise(tmp_path / "nowhere")


@pytest.mark.parametrize("target", ["in", "in/../in", "in/city", ".", "link", "link/city"])
@pytest.mark.parametrize("kind", ["exports", "a city folder"])
def test_what_is_read_is_never_written_over(tmp_path: Path, target: str, kind: str) -> None:
    """Into the same folder, points.csv and sessions.csv of the exports were replaced or removed."""
    source = tmp_path / "in"
    if kind == "exports":
        (chargeplace(source, GOOD) / "sessions.csv").write_text("mine\n")
    else:
        generate_city(source, seed=3, stations=3, days=1)
    (tmp_path / "link").symlink_to(source)
    before = {path: path.read_bytes() for path in source.iterdir()}
    for read in (source, tmp_path / "link"):
        with pytest.raises(ValueError, match="the folder that is read"):
            import_city(read, tmp_path / target, progress=silent)
    assert {path: path.read_bytes() for path in source.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"in", "link"}


def test_the_generated_city_is_the_same_for_a_seed_and_says_that_it_is_generated(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate_city(tmp_path / name, seed=3, stations=10, days=3)
    generate_city(tmp_path / "c", seed=4, stations=10, days=3)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert (tmp_path / "a" / "locations.csv").read_text() != (tmp_path / "c" / "locations.csv").read_text()
    city = load_city(tmp_path / "a")
    assert city.generated
    assert "generated" in city.name
    sessions = load_sessions(tmp_path / "a")
    ends: dict[str, Any] = {}
    for session in sessions:
        assert session.evse_id not in ends or ends[session.evse_id] <= session.start, "one vehicle at a time"
        ends[session.evse_id] = session.end


def test_a_day_becomes_requests_that_can_be_served(tmp_path: Path) -> None:
    generate_city(tmp_path, seed=3, stations=10, days=3)
    city, sessions = load_city(tmp_path), load_sessions(tmp_path)
    day = busiest_day(city, sessions)
    wishes = day_requests(city, sessions, day)
    assert wishes == day_requests(city, sessions, day)
    assert [wish.book_time for wish in wishes] == sorted(wish.book_time for wish in wishes)
    for wish in wishes:
        assert wish.earliest_departure == wish.session.start >= wish.book_time
        assert wish.energy_kwh <= (1 - wish.soc) * wish.battery_kwh + 0.1
        assert wish.standards
    assert day_requests(city, sessions, date(1999, 1, 1)) == []


@pytest.mark.parametrize(
    ("file", "change", "field"),
    [
        ("connectors.csv", ("IEC_62196_T2,", "TYPE_9,"), "connectors.csv line 2, standard"),
        ("locations.csv", ("52.", "152."), "locations.csv line 2, latitude"),
        ("evses.csv", ("evse_id,location_id", "evse,location"), "evses.csv"),
        ("evses.csv", ("NL*GEN*E0300101", "NL*GEN*E9"), "evses.csv line 2, evse_id"),
        ("tariffs.json", ('"EUR"', '"EURO"'), "tariffs.json tariffs.0.currency"),
        ("city.toml", ("time_zone", "zone"), "city.toml time_zone"),
    ],
)
def test_a_wrong_city_folder_names_file_line_and_field(tmp_path: Path, file: str, change: tuple[str, str], field: str) -> None:
    generate_city(tmp_path, seed=3, stations=3, days=1)
    path = tmp_path / file
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
    with pytest.raises(Invalid) as caught:
        load_city(tmp_path)
    assert caught.value.fields[0].field == field


@pytest.mark.slow
@pytest.mark.research_data
def test_the_real_dundee_exports(tmp_path: Path) -> None:
    if not (DATA / "dundee").is_dir():
        pytest.skip(f"{DATA / 'dundee'} is not here: set EVCHARGING_DATA to the research data")
    report: ImportReport = import_city(DATA / "dundee", tmp_path, progress=silent)
    assert report.format == "ChargePlace Scotland"
    assert any(note.startswith("66783 events have all their fields") for note in report.notes)
    assert any(note.startswith("67 charge points; 34 spellings of sites") for note in report.notes)
    assert len(load_sessions(tmp_path)) == report.kept > 66_000


@pytest.mark.research_data
def test_the_real_acn_exports(tmp_path: Path) -> None:
    if not (DATA / "acn").is_dir():
        pytest.skip(f"{DATA / 'acn'} is not here: set EVCHARGING_DATA to the research data")
    report = import_city(DATA / "acn", tmp_path, progress=silent)
    assert (report.rows, report.kept) == (23_449, 23_449)


def test_days_laid_over_one_another_keep_their_times_and_energy(tmp_path: Path) -> None:
    generate_city(tmp_path, seed=3, stations=10, days=3)
    city, sessions = load_city(tmp_path), load_sessions(tmp_path)
    onto, alone = crowded_day(city, sessions, overlaid=1)
    assert (onto, alone) == (busiest_day(city, sessions), day_requests(city, sessions, onto))
    _, together = crowded_day(city, sessions, overlaid=3)
    assert len(together) == len([item for item in sessions if item.energy_kwh >= 0.5])
    for wish in together:
        moved = wish.earliest_departure - wish.session.start
        assert moved % timedelta(days=1) == timedelta(0)
    assert [wish.book_time for wish in together] == sorted(wish.book_time for wish in together)
