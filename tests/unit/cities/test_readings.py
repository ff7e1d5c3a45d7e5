"""Numbers, dates and local times as exports write them."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cities.importing import import_city
from cities.readings import between, clock_time, date_order, instant, number
from functions.optimizer.core.city import load_city, load_sessions
from tests.unit.cities.test_importing import EVENTS, GOOD, chargeplace, silent

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,012.4", 1012.4),
        ("1.012,4", 1012.4),
        ("1 012,4", 1012.4),
        ("1\u00a0012.4", 1012.4),
        ("1'012.4", 1012.4),
        ("12,5", 12.5),
        ("0,250", 0.25),
        ("12.5", 12.5),
        ("-3", -3.0),
        ("22 kW", 22.0),
        ("7.2kWh", 7.2),
        (7, 7.0),
    ],
)
def test_a_number_is_read_as_it_is_written(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "much", "nan", "inf", "1,2,3", "5 Wh", None, True, "0x10", "1e9999", "१२"])
def test_what_is_no_number_is_none(text: object) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(text)


@pytest.mark.parametrize(
    ("date", "time", "order", "read"),
    [
        ("12/31/2018", "8:05 AM", "MDY", "2018-12-31T08:05"),
        ("12/31/2018", "8:05 pm", "DMY", "2018-12-31T20:05"),
        ("31/12/2018", "12:05 AM", "MDY", "2018-12-31T00:05"),
        ("1/2/2018", "12:05 p.m.", "MDY", "2018-01-02T12:05"),
        ("1/2/2018", "08:05:30", "DMY", "2018-02-01T08:05:30"),
        ("2018-12-31", "24:00", "DMY", "2019-01-01T00:00"),
        ("31.12.18", "8.05", "DMY", "2018-12-31T08:05"),
    ],
)
def test_a_local_time_is_read_in_its_files_order(date: str, time: str, order: str, read: str) -> None:
    assert clock_time(date, time, order) == datetime.fromisoformat(read)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("date", "time"), [("31/02/2018", "10:00"), ("1/1/2018", "13:05 PM"), ("", ""), ("1/1/0001", "10:00"), ("1/1/2018", "10")]
)
def test_what_is_no_time_is_none(date: str, time: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        clock_time(date, time, "DMY")


def test_a_file_says_its_order_of_day_and_month_itself() -> None:
    assert date_order(["1/2/2018", "12/31/2018"]) == "MDY"
    assert date_order(["1/2/2018", "31/12/2018"]) == "DMY"
    assert date_order(["1/2/2018", "2018-12-31", "", "soon"]) == "DMY"


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2018-10-28T00:50", "2018-10-28T01:10", 20),
        ("2018-10-28T01:50", "2018-10-28T01:10", 20),
        ("2018-10-28T01:10", "2018-10-28T02:10", 120),
        ("2018-10-28T01:50", "2018-10-28T01:55", 5),
        ("2018-10-27T20:00", "2018-10-28T09:00", 14 * 60),
        ("2018-03-25T00:50", "2018-03-25T02:10", 20),
        ("2018-03-25T00:50", "2018-03-25T01:10", 20),
        ("2018-03-25T01:30", "2018-03-25T02:10", 40),
        ("2018-03-24T20:00", "2018-10-28T09:00", (217 * 24 + 13) * 60),
    ],
)
def test_a_session_over_a_clock_change_lasts_what_it_lasted(start: str, end: str, minutes: int) -> None:
    first, last = between(datetime.fromisoformat(start), datetime.fromisoformat(end), LONDON)
    assert (last.timestamp() - first.timestamp()) / 60 == minutes


@settings(max_examples=50, deadline=None)
@given(
    begun=st.datetimes(datetime(2018, 1, 1), datetime(2019, 1, 1)),
    hours=st.integers(0, 300),
    zone=st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_a_session_that_ends_after_it_begins_by_the_clock_does_so(begun: datetime, hours: int, zone: str) -> None:
    start = begun.replace(tzinfo=ZoneInfo(zone))
    local_end = datetime.fromtimestamp(start.timestamp() + 3600 * hours, ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    first, last = between(begun, local_end, ZoneInfo(zone))
    assert last.timestamp() >= first.timestamp()


def test_instants_have_an_offset() -> None:
    assert instant("Wed, 25 Apr 2018 11:08:04 GMT") == instant("2018-04-25T11:08:04+00:00")
    assert [instant(text) for text in ("2019-05-01 05:04:06", "soon", "", "0001-01-01T00:00:00+00:00")] == [None] * 4


def test_chargeplace_exports_of_an_american_hand(tmp_path: Path) -> None:
    rows = [
        "1,100,2,12/31/2018,8:05 AM,12/31/2018,8:35 AM,12.5,0,Hub,G,APT Triple Rapid Charger",
        '2,100,2,1/2/2018,11:05 PM,1/5/2018,11:05 PM,"1,012.4",0,Hub,G,APT Triple Rapid Charger',
        "3,100,2,10/28/2018,1:50 AM,10/28/2018,1:10 AM,2,0,Hub,G,APT Triple Rapid Charger",
        '4,100,2,1/2/2018,11:05 PM,1/2/2018,11:35 PM,"1,012.4",0,Hub,G,APT Triple Rapid Charger',
        "5,100",
    ]
    report = import_city(chargeplace(tmp_path / "in", *rows), tmp_path / "out", progress=silent)
    found = {item.session_id: item for item in load_sessions(tmp_path / "out")}
    assert set(found) == {"1", "2", "3"}
    assert found["1"].start.isoformat() == "2018-12-31T08:05:00+00:00"
    assert (found["2"].start.isoformat(), found["2"].energy_kwh) == ("2018-01-02T23:05:00+00:00", 1012.4)
    assert found["3"].end.timestamp() - found["3"].start.timestamp() == 20 * 60, "it ended in the repeated hour"
    wrong = [(item.line, item.reason) for item in report.left_out if item.file == "events.csv"]
    assert wrong == [(5, "kWh out of range"), (6, "no connector number")], "30 minutes give no 1,012.4 kWh"


def test_a_free_city_says_that_it_is_free(tmp_path: Path) -> None:
    import_city(chargeplace(tmp_path / "in", GOOD), tmp_path / "out", progress=silent)
    tariff = load_city(tmp_path / "out").tariff_of("100-2", "2")
    assert tariff is not None
    assert [float(item.price) for item in tariff.elements[0].price_components] == [0.0]


@pytest.mark.parametrize(
    "data",
    [EVENTS.encode() + b"\n" + GOOD.encode() + b"\n1,\x00,2\n", EVENTS.encode("utf-16"), b"", b"\xff\xfe\x00", b'"' * 200_000],
)
def test_a_broken_file_is_no_failure(tmp_path: Path, data: bytes) -> None:
    source = chargeplace(tmp_path / "in", GOOD)
    (source / "more.csv").write_bytes(data)
    assert import_city(source, tmp_path / "out", progress=silent).kept == 1
