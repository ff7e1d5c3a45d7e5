"""Numbers, dates and local times as exports write them."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cities.importing import import_city
from cities.readings import AmbiguousError, Mark, Order, between, clock_time, date_order, decimal_mark, instant, number
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


@pytest.mark.parametrize(
    ("text", "point", "comma"), [("1,250", 1250, 1.25), ("1.250", 1.25, 1250), ("-12.500 kWh", -12.5, -12500)]
)
def test_what_can_be_read_two_ways_is_read_by_its_files_mark_alone(text: str, point: float, comma: float) -> None:
    assert (number(text, "."), number(text, ",")) == (point, comma)
    with pytest.raises(AmbiguousError, match="can be read two ways"):
        number(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1,012.4", 1012.4), ("1.012,4", 1012.4), ("12,5", 12.5), ("0.250", 0.25), ("1.250.000", 1_250_000)]
)
@pytest.mark.parametrize("mark", [".", ",", None])
def test_what_can_be_read_in_one_way_is_so_whatever_its_files_mark(text: str, value: float, mark: Mark | None) -> None:
    assert number(text, mark) == value


@pytest.mark.parametrize(
    ("numbers", "degrees", "mark"),
    [
        (["1,250", "7.4"], [], "."),
        (["1.250", "7,4"], [], ","),
        (["1,250", "22"], [], None),
        (["1,250", "7.4", "7,4"], [], None),
        (["1,250", "1,250,000"], [], "."),
        (["1.250", "0.500"], [], "."),
        (["1.250", "22"], ["53,803", "-1,549"], ","),
        ([], [], None),
    ],
)
def test_a_file_says_its_decimal_mark_itself(numbers: list[str], degrees: list[str], mark: Mark | None) -> None:
    assert decimal_mark(numbers, degrees=degrees) == mark


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
        ("31/12/2018", "8.05", "YMD", "2018-12-31T08:05"),
    ],
)
def test_a_local_time_is_read_in_its_files_order(date: str, time: str, order: str, read: str) -> None:
    assert clock_time(date, time, order) == datetime.fromisoformat(read)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("date", "order", "read"),
    [
        ("31.12.18", "DMY", "2018-12-31"),
        ("12/31/18", "MDY", "2018-12-31"),
        ("18-12-31", "YMD", "2018-12-31"),
        ("18-01-02", "YMD", "2018-01-02"),
    ],
)
def test_years_of_two_digits_are_read_where_somebody_said_the_order(date: str, order: Order, read: str) -> None:
    """18-12-31 was the 18th of December 2031, whatever was said."""
    assert clock_time(date, "8:05", order, short_years=True) == datetime.fromisoformat(f"{read}T08:05")
    with pytest.raises(AmbiguousError, match="a year of two digits"):
        clock_time(date, "8:05", order)


def test_a_date_whose_year_is_last_is_not_read_by_an_order_with_the_year_first() -> None:
    with pytest.raises(AmbiguousError, match="year last"):
        clock_time("01/02/2018", "8:05", "YMD")


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
    assert date_order(["1/2/2018", "12-31-18"]) == "DMY", "a year of two digits says nothing of the others"


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
    ("cost", "end", "free"),
    [
        ("", "10:30", True),
        ("0.00", "10:30", True),
        ("£0", "10:30", True),
        ("3.5", "10:30", False),
        ("some", "10:30", False),
        ("3.5", "9:30", False),
    ],
)
def test_a_place_whose_sessions_name_a_cost_is_not_free(tmp_path: Path, cost: str, end: str, free: bool) -> None:
    """Three sessions of Dundee's cost 3.50, and the tariff said that it was free."""
    row = GOOD.replace("1,100", "2,100").replace("10:30,12.5,0", f"{end},12.5,{cost}")
    report = import_city(chargeplace(tmp_path / "in", GOOD, row), tmp_path / "out", progress=silent)
    city = load_city(tmp_path / "out")
    assert bool(city.tariffs_of("100-2", "2")) is free
    assert not city.free_of_charge, "what has no tariff has no known price"
    assert any(note.startswith("price not known at CPS001, 1 of 1 connectors") for note in report.notes) is not free


@pytest.mark.parametrize(
    "data",
    [EVENTS.encode() + b"\n" + GOOD.encode() + b"\n1,\x00,2\n", EVENTS.encode("utf-16"), b"", b"\xff\xfe\x00", b'"' * 200_000],
)
def test_a_broken_file_is_no_failure(tmp_path: Path, data: bytes) -> None:
    source = chargeplace(tmp_path / "in", GOOD)
    (source / "more.csv").write_bytes(data)
    assert import_city(source, tmp_path / "out", progress=silent).kept == 1
