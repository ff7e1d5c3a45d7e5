"""Councils' CSV by a column map, and ACN-Data's own JSON."""

import json
from pathlib import Path

import pytest

from cities.importing import import_city, recognise
from cities.mapped_csv import _Written
from functions.optimizer.core.city import load_city, load_sessions
from tests.unit.cities.test_importing import silent

MAP = """
name = "Leeds"
[defaults]
city = "Leeds"
country = "GBR"
[tariff]
id = "flat"
currency = "GBP"
elements = [{price_components = [{type = "ENERGY", price = 0.45}]}]
[locations]
files = ["points*.csv"]
[locations.columns]
id = "Asset"
name = "Site"
latitude = "Lat"
longitude = "Long"
uid = "Bay"
standard = "Plug"
max_power_kw = "Power"
status = "State"
[locations.constants]
format = "SOCKET"
power_type = "AC_3_PHASE"
[locations.words.standard]
"Type 2" = "IEC_62196_T2"
[locations.words.status]
"broken" = "OUTOFORDER"
"ok" = "AVAILABLE"
[sessions]
files = ["use.csv"]
decimal = "."
[sessions.columns]
id = "Ref"
location = "Asset"
uid = "Bay"
start = "From"
end = "To"
energy_wh = "Wh"
"""
POINTS = """Asset;Site;Lat;Long;Bay;Plug;Power;State
A1;Woodhouse Lane;53,8035;-1,5490;1;Type 2;22 kW;ok
A1;Woodhouse Lane;53,8035;-1,5490;2;Type 2;7,4;broken
A2;Nowhere;;;1;Type 2;22;ok
A3;Odd plug;53.8;-1.5;1;Schuko;22;ok
;No id;53.8;-1.5;1;Type 2;22;ok
"""
USE = """Ref,Asset,Bay,From,To,Wh
u1,A1,1,7/31/2019 11:50 PM,8/1/2019 12:20 AM,"12,500"
u2,A1,9,7/31/2019 11:50 PM,8/1/2019 12:20 AM,1
u3,A1,2,2019-07-31T22:50:00Z,2019-07-31T23:20:00Z,500
u3,A1,2,2019-07-31T22:50:00Z,2019-07-31T23:20:00Z,500
u4,A1,2,soon,8/1/2019 12:20 AM,1
"""


def council(folder: Path, map_: str = MAP) -> Path:
    source = folder / "in"
    source.mkdir()
    (source / "import.toml").write_text(map_)
    (source / "points.csv").write_bytes(POINTS.encode("cp1252"))
    (source / "use.csv").write_text(USE)
    return source


def test_a_councils_csv_becomes_a_city_by_its_map(tmp_path: Path) -> None:
    report = import_city(council(tmp_path), tmp_path / "out", progress=silent)
    city = load_city(tmp_path / "out")
    (location,) = city.locations
    assert (city.name, location.name, location.latitude, location.time_zone) == (
        "Leeds",
        "Woodhouse Lane",
        53.8035,
        "Europe/London",
    )
    assert (location.city, location.country, location.currency) == ("Leeds", "GBR", "GBP")
    powers = {location.uids[name]: plugs[0].max_power_kw for name, plugs in location.evses}
    assert powers == {"1": 22, "2": 7.4}
    assert {location.uids[name]: status for name, status in location.statuses.items()} == {"1": "AVAILABLE", "2": "OUTOFORDER"}
    assert city.tariff_of("A1*1", "1") is not None
    first, second = load_sessions(tmp_path / "out")
    assert (first.start.isoformat(), first.energy_kwh) == ("2019-07-31T23:50:00+01:00", 12.5)
    assert (second.evse_id, second.energy_kwh) == ("A1*2", 0.5)
    left_out = {(item.file, item.line): item.reason.split(":")[0] for item in report.left_out}
    assert left_out == {
        ("points.csv", 4): "coordinates",
        ("points.csv", 5): "no usable EVSE",
        ("points.csv", 6): "no id",
        ("use.csv", 3): "EVSE not known",
        ("use.csv", 5): "duplicate session",
        ("use.csv", 6): "start is not a time",
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('uid = "Bay"\nstandard', 'bay = "Bay"\nstandard'), "import.toml locations.columns.bay"),
        (("[defaults]", "[default]"), "import.toml default"),
        (('currency = "GBP"', 'currency = "POUND"'), "import.toml currency"),
        (('name = "Leeds"', "name ="), "import.toml: "),
    ],
)
def test_a_wrong_map_names_its_member(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        import_city(council(tmp_path, MAP.replace(*change, 1)), tmp_path / "out", progress=silent)


def test_a_map_may_be_json(tmp_path: Path) -> None:
    source = council(tmp_path)
    (source / "import.toml").unlink()
    columns = {"id": "Asset", "name": "Site", "latitude": "Lat", "longitude": "Long"}
    constants = {"format": "CABLE", "power_type": "DC", "standard": "CHADEMO", "max_power_kw": "50", "city": "Leeds"}
    map_ = {"locations": {"files": ["points.csv"], "columns": columns, "constants": constants}}
    (source / "import.json").write_text(json.dumps(map_))
    assert recognise(source) == "CSV by a column map"
    report = import_city(source, tmp_path / "out", progress=silent)
    assert (report.locations, report.evses) == (2, 3), "without a column of uids each row is an EVSE"
    assert report.remarks()["price not known"] == 2


def test_acn_datas_own_json(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    session = {
        "_id": "5bc90cb9f9af8b0d7fe77cd2",
        "connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT",
        "disconnectTime": "Wed, 25 Apr 2018 13:20:10 GMT",
        "kWhDelivered": 7.932,
        "sessionID": "2_39_78_362_2018-04-25 11:08:04.400812",
        "siteID": "0002",
        "spaceID": "CA-496",
        "stationID": "2-39-78-362",
        "userInputs": None,
    }
    odd = [
        session | {"sessionID": "b", "kWhDelivered": None},
        session | {"sessionID": "c", "disconnectTime": None},
        session | {"sessionID": "d", "siteID": "0019"},
        None,
        session,
    ]
    (source / "acndata_sessions.json").write_text(json.dumps({"_meta": {"site": "caltech"}, "_items": [session, *odd]}))
    assert recognise(source) == "ACN-Data"
    report = import_city(source, tmp_path / "out", progress=silent)
    (kept,) = load_sessions(tmp_path / "out")
    assert (kept.evse_id, kept.energy_kwh, kept.start.isoformat()) == ("CA-496", 7.932, "2018-04-25T11:08:04+00:00")
    reasons = [(item.line, item.reason.split(":")[0]) for item in report.left_out]
    assert reasons == [
        (2, "delivered energy is not a number"),
        (3, "arrival or departure is not a time"),
        (4, "site not known"),
        (5, "no session"),
        (6, "duplicate session"),
    ]


def test_numbers_that_can_be_read_two_ways_and_short_years_are_left_out_with_the_reason(tmp_path: Path) -> None:
    """12,500 Wh were 12.5 kWh wherever the file came from, and 19-07-31 a day of 2031."""
    source = council(tmp_path, MAP.replace('decimal = "."\n', ""))
    (source / "use.csv").write_text(
        "Ref,Asset,Bay,From,To,Wh\n"
        'u1,A1,1,2019-07-31 10:00,2019-07-31 10:30,"12,500"\n'
        "u2,A1,1,19-07-31 10:00,19-07-31 10:30,500\n"
        "u3,A1,1,2019-07-31 12:00,2019-07-31 12:30,500\n"
    )
    report = import_city(source, tmp_path / "out", progress=silent)
    assert [(item.line, item.reason) for item in report.left_out if item.file == "use.csv"] == [
        (2, "energy can be read two ways: '12,500'"),
        (3, "start has a year of two digits: 19/07/31"),
    ]
    assert [item.session_id for item in load_sessions(tmp_path / "out")] == ["u3"]


@pytest.mark.parametrize(("said", "kw"), [("", None), ('decimal = "."', 7.4), ('decimal = ","', None)])
def test_a_power_that_can_be_read_two_ways_is_left_out_unless_the_map_says_its_mark(
    tmp_path: Path, said: str, kw: float | None
) -> None:
    source = council(tmp_path, MAP.replace('files = ["points*.csv"]', f'files = ["points*.csv"]\n{said}'))
    (source / "points.csv").write_text(
        "Asset;Site;Lat;Long;Bay;Plug;Power;State\nA1;Lane;53;-1;1;Type 2;22;ok\nA1;Lane;53;-1;2;Type 2;7.400;ok\n"
    )
    report = import_city(source, tmp_path / "out", progress=silent)
    ((_, (strong,)), *others) = load_city(tmp_path / "out").locations[0].evses
    assert (strong.max_power_kw, [plug.max_power_kw for _, (plug,) in others]) == (22, [] if kw is None else [kw])
    if not said:
        reasons = [item.reason for item in report.left_out if item.file == "points.csv"]
        assert reasons == ["max_power_kw can be read two ways: '7.400'"]


def test_a_session_means_an_evse_of_two_parties_only_where_it_says_which() -> None:
    """The last that was written got the sessions of both."""
    written = _Written()
    written.add("GB*ONE*L1*E1", "L1", "E1", "UTC")
    written.add("GB*TWO*L1*E1", "L1", "E1", "UTC")
    written.add("GB*TWO*L1*E2", "l1", "e2", "UTC")
    written.add("L3*E3", "L3", "E3", "UTC")
    asked = [("L1", "E1"), ("", "E1"), ("L1", ""), ("L1", "E2"), ("", "E2"), ("L3", ""), ("", "")]
    assert [written.find(*one) for one in asked] == [None, None, None, "GB*TWO*L1*E2", "GB*TWO*L1*E2", "L3*E3", None]
