"""City folders: what is loaded, and that what is wrong is named by file, line and field."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.optimizer.core.city import STANDARD_BIT, city_of, load_city, load_sessions
from functions.stations.opening import open_slots
from shared.errors import Invalid

FILES = {
    "city.toml": 'name = "Town"\ntime_zone = "Europe/London"\ncurrency = "GBP"\n'
    "[centre]\nlatitude = 56.46\nlongitude = -2.97\n",
    "locations.csv": "location_id,name,address,latitude,longitude\nA,Alpha,1 High St,56.46,-2.97\nB,Beta,,56.5,-2.9\n",
    "evses.csv": "evse_id,location_id\nA1,A\nA2,A\nB1,B\n",
    "connectors.csv": "evse_id,connector_id,standard,format,power_type,max_power_kw\n"
    "A1,1,IEC_62196_T2_COMBO,CABLE,DC,50\nA1,2,CHADEMO,CABLE,DC,50\nA2,1,IEC_62196_T2_COMBO,CABLE,DC,43\n"
    "B1,1,IEC_62196_T2,SOCKET,AC_3_PHASE,22\n",
    "sessions.csv": "session_id,evse_id,start,end,energy_kwh\n"
    "s2,A1,2018-03-02T09:00:00+00:00,2018-03-02T09:30:00+00:00,12.5\n"
    "s1,B1,2018-03-01T09:00:00+01:00,2018-03-01T10:00:00+01:00,7\n",
}
TARIFF = {
    "country_code": "GB",
    "party_id": "DCC",
    "currency": "GBP",
    "last_updated": "2018-01-01T00:00:00Z",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.15, "step_size": 1}]}],
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the folder, with some files changed or (None) left out."""

    def made(**changes: str | None) -> Path:
        for name, text in FILES.items():
            changed = changes.get(name.replace(".", "_"), text)
            if changed is not None:
                (tmp_path / name).write_text(changed)
        return tmp_path

    return made


def test_a_folder_becomes_pools_with_their_evses(write: Write) -> None:
    city = city_of(load_city(write()))
    found = {
        (city.location_ids[location], standard, power, capacity): evses
        for location, standard, power, capacity, evses in zip(
            city.pool_location, city.pool_standard, city.pool_power_kw, city.capacity, city.evse_ids, strict=True
        )
    }
    assert found == {
        ("A", STANDARD_BIT["CHADEMO"], 50.0, 1): ("A1",),
        ("A", STANDARD_BIT["IEC_62196_T2_COMBO"], 43.0, 2): ("A1", "A2"),
        ("B", STANDARD_BIT["IEC_62196_T2"], 22.0, 1): ("B1",),
    }, "an EVSE with two connectors is in two pools; a pool has its weakest EVSE's power"


def test_sessions_come_in_order_of_start_plain_or_packed(write: Write) -> None:
    folder = write()
    plain = load_sessions(folder)
    assert [session.session_id for session in plain] == ["s1", "s2"]
    assert plain[1].energy_kwh == 12.5
    (folder / "sessions.csv").unlink()
    (folder / "sessions.csv.gz").write_bytes(gzip.compress(FILES["sessions.csv"].encode()))
    assert load_sessions(folder) == plain
    (folder / "sessions.csv.gz").unlink()
    assert load_sessions(folder) == []


@pytest.mark.parametrize(
    "document",
    [
        [TARIFF | {"id": "t1"}],
        {"tariffs": [TARIFF | {"id": "t1"}], "default": ["t1"]},
        {"tariffs": [TARIFF | {"id": "t1"}], "connectors": {"A1/1": ["t1"]}},
    ],
    ids=["list", "default", "connectors"],
)
def test_tariffs_attach_in_each_form(write: Write, document: object) -> None:
    folder = write()
    (folder / "tariffs.json").write_text(json.dumps(document))
    city = load_city(folder)
    tariff = city.tariff_of("A1", "1")
    assert tariff is not None
    assert tariff.id == "t1"
    only_one = isinstance(document, dict) and "connectors" in document
    assert (city.tariff_of("B1", "1") is None) == only_one


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("locations.csv", "56.5,-2.9", "96.5,-2.9", "locations.csv line 3, latitude: must be a number from -90 to 90"),
        ("locations.csv", "B,Beta", "A,Beta", "locations.csv line 3, location_id: 'A' stands twice"),
        ("locations.csv", "latitude,", "lat,", "locations.csv.* lacks the column latitude"),
        ("evses.csv", "A2,A", "A1,A", "evses.csv line 3, evse_id: 'A1' stands twice"),
        ("evses.csv", "B1,B", "B2,B", "evses.csv line 4, evse_id: 'B2' has no connector"),
        ("evses.csv", "B1,B", "B1,C", "evses.csv location_id.*'C' is not in locations.csv"),
        (
            "connectors.csv",
            "CHADEMO",
            "CHADEMA",
            "connectors.csv line 3, standard: 'CHADEMA' is not one of OCPI's words",
        ),
        ("connectors.csv", "DC,43", "DC,-1", "connectors.csv line 4, max_power_kw: must be a number"),
        ("connectors.csv", "A1,2", "A1,1", "connectors.csv line 3, connector_id: '1' stands twice"),
        ("city.toml", 'currency = "GBP"\n', "", "city.toml currency"),
        ("city.toml", "[centre]\nlatitude = 56.46\nlongitude = -2.97\n", "", "city.toml centre"),
    ],
)
def test_what_is_wrong_is_named(write: Write, name: str, old: str, new: str, message: str) -> None:
    assert old in FILES[name], "the change changes something"
    with pytest.raises(Invalid) as caught:
        load_city(write(**{name.replace(".", "_"): FILES[name].replace(old, new)}))
    described = "; ".join([caught.value.detail, *(f"{item.field} {item.message}" for item in caught.value.fields)])
    assert re.search(message, described), described


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2018-03-02T09:00:00+00:00", "2018-03-02T09:00:00", "sessions.csv line 2, start: .* has no offset"),
        ("2018-03-01T10:00:00+01:00", "yesterday", "sessions.csv line 3, end: 'yesterday' is not a time"),
        ("12.5", "much", "sessions.csv line 2, energy_kwh: must be a number"),
    ],
)
def test_a_session_that_cannot_be_read_is_named(write: Write, old: str, new: str, message: str) -> None:
    folder = write(sessions_csv=FILES["sessions.csv"].replace(old, new))
    with pytest.raises(Invalid, match=message):
        load_sessions(folder)


def test_a_folder_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        load_city(tmp_path)
    assert "not a city folder" in f"{caught.value.detail} {caught.value.fields}"


def test_openings_and_closings_out_of_turn_are_loaded_and_close_the_book(write: Write) -> None:
    folder = write()
    plan = {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": 4, "period_begin": "08:00", "period_end": "18:00"}],
        "exceptional_closings": [{"period_begin": "2018-03-01T12:00:00Z", "period_end": "2018-03-01T12:30:00Z"}],
        "exceptional_openings": [{"period_begin": "2018-03-01T19:00:00Z", "period_end": "2018-03-01T20:00:00Z"}],
    }
    (folder / "opening_times.json").write_text(json.dumps({"A": plan}))
    city = load_city(folder)
    by_id = {item.location_id: item.opening_times for item in city.locations}
    assert by_id["B"] is None
    slots = open_slots(by_id["A"], city.time_zone, datetime(2018, 3, 1, tzinfo=UTC), 288)
    shut = [number for number in range(96, 240) if not slots[number]]
    assert shut == [*range(144, 150), *range(216, 228)], "noon and the hour between the day and the evening"
    assert not slots[:96].any()
    assert not slots[240:].any()


OWN_LOCATIONS = (
    "location_id,name,address,latitude,longitude,city,country,time_zone,currency\n"
    "A,Al\u200epha,1 High St,56.46,-2.97,Gent,BEL,Europe/Brussels,EUR\nB,Beta,,56.5,-2.9,,,,\n"
)
OWN_EVSES = "evse_id,location_id,uid,status\nA1,A,1,OUTOFORDER\nA2,A,2,\nB1,B,,AVAILABLE\n"


def test_a_location_may_have_its_own_zone_and_an_evse_its_own_state(write: Write) -> None:
    folder = load_city(write(locations_csv=OWN_LOCATIONS, evses_csv=OWN_EVSES))
    first, second = folder.locations
    assert (first.name, first.city, first.country, first.time_zone, first.currency) == (
        "Alpha",
        "Gent",
        "BEL",
        "Europe/Brussels",
        "EUR",
    )
    assert (second.time_zone, second.uids) == ("", {})
    assert [evse for evse, _ in first.usable()] == ["A2"]
    assert city_of(folder).capacity.tolist() == [1, 1], "what is out of order is in no pool"


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        ("city.toml", "Europe/London", "Mars/Olympus", "city.toml time_zone"),
        ("city.toml", "GBP", "POUND", "city.toml currency"),
        ("locations.csv", "Europe/Brussels", "Brussels", "locations.csv line 2, time_zone"),
        ("locations.csv", "EUR", "EURO", "locations.csv line 2, currency"),
        ("locations.csv", "BEL", "Belgium", "locations.csv line 2, country"),
        ("locations.csv", "Gent", "G\x1bent", "locations.csv line 2, city"),
        ("evses.csv", "A1,A,1,", f"A1,A,{'x' * 37},", "evses.csv line 2, uid"),
        ("evses.csv", "OUTOFORDER", "BROKEN", "evses.csv line 2, status"),
    ],
)
def test_what_a_location_has_of_its_own_is_checked_as_the_api_checks_it(
    write: Write, file: str, old: str, new: str, field: str
) -> None:
    files = FILES | {"locations.csv": OWN_LOCATIONS, "evses.csv": OWN_EVSES}
    files[file] = files[file].replace(old, new)
    with pytest.raises(Invalid) as caught:
        load_city(write(**{name.replace(".", "_"): text for name, text in files.items()}))
    assert caught.value.fields[0].field == field


def test_ids_with_a_slash_keep_their_tariff(write: Write) -> None:
    connectors = FILES["connectors.csv"].replace("A1,1,", "A1,1/a,")
    tariffs = {"tariffs": [TARIFF | {"id": "T"}], "connectors": {"A1/1/a": ["T"]}}
    folder = load_city(write(connectors_csv=connectors))
    assert folder.tariff_of("A1", "1/a") is None
    (folder.path / "tariffs.json").write_text(json.dumps(tariffs))
    assert load_city(folder.path).tariff_of("A1", "1/a") is not None


@pytest.mark.parametrize(
    ("document", "field", "named"),
    [
        ({"tariffs": [TARIFF | {"id": "T"}], "default": ["T"]}, "tariffs.json default", "'A' of connector A1/1"),
        ({"tariffs": [TARIFF | {"id": "T"}], "connectors": {"A2/1": ["T"]}}, "tariffs.json connectors.A2/1", "'A'"),
        (
            {"tariffs": [TARIFF | {"id": "T"}, TARIFF | {"id": "U", "currency": "EUR"}], "connectors": {"B1/1": ["T", "U"]}},
            "tariffs.json connectors.B1/1",
            "'U' must be in GBP",
        ),
    ],
    ids=["the default", "a connector's own", "beside one that fits"],
)
def test_a_tariff_in_another_currency_than_its_location_is_refused(
    write: Write, document: object, field: str, named: str
) -> None:
    """It was loaded, and 0.15 pounds were billed as 0.15 euros."""
    folder = write(locations_csv=OWN_LOCATIONS)
    (folder / "tariffs.json").write_text(json.dumps(document))
    with pytest.raises(Invalid) as caught:
        load_city(folder)
    (fault,) = caught.value.fields
    assert fault.field == field
    assert named in fault.message


def test_locations_of_two_currencies_have_each_its_tariff(write: Write) -> None:
    euros = {"A1/1": ["U"], "A1/2": ["U"], "A2/1": ["U"]}
    tariffs = [TARIFF | {"id": "T"}, TARIFF | {"id": "U", "currency": "EUR"}]
    folder = write(locations_csv=OWN_LOCATIONS)
    (folder / "tariffs.json").write_text(json.dumps({"tariffs": tariffs, "default": ["T"], "connectors": euros}))
    city = load_city(folder)
    assert [found.currency for found in (city.tariffs_of("A2", "1") + city.tariffs_of("B1", "1"))] == ["EUR", "GBP"]
