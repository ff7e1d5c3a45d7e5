"""Scenarios of city folders: splits by date, opening, sizes, and what `source` says."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

pytest.importorskip("highspy", reason="HiGHS is for training only (requirements-train.txt)")

from cities.folder import CityConnector, CityLocation, CitySession, write_city
from cities.generated import NIGHT_CLOSED, generate_city
from functions.optimizer.core.city import load_city
from training.problem.scenario import DAY_SLOTS, Split, day
from training.scenarios.recorded_city import RecordedDemand, city_scenario, one_connector, recorded_demand, split_dates, used

ZONE = ZoneInfo("Europe/London")


def write(folder: Path, *, locations: int = 3, days: int = 20, first: datetime | None = None, opening: object = None) -> Path:
    """A city with two AC EVSEs and a DC one a location, and a session an EVSE and day."""
    first = first or datetime(2026, 3, 20, 9, tzinfo=ZONE)
    evses: dict[str, Any] = {}
    connectors: list[Any] = []
    sessions: list[Any] = []
    for number in range(locations):
        for point, (kind, power) in enumerate((("AC_3_PHASE", 22.0), ("AC_3_PHASE", 22.0), ("DC", 50.0))):
            evse = f"GB*TST*E{number}{point}"
            evses[evse] = f"L{number}"
            standard = "IEC_62196_T2_COMBO" if kind == "DC" else "IEC_62196_T2"
            connectors.append(CityConnector(evse, "1", standard, "CABLE", kind, power))
            for turn in range(days):
                start = first + timedelta(days=turn, minutes=17 * number + 5 * point)
                sessions.append(CitySession(f"S{len(sessions)}", evse, start, start + timedelta(hours=1), 8.0 + point))
    places = [
        CityLocation(f"L{number}", f"Place {number}", "Road", 56.46 + number * 0.005, -2.97, opening)  # type: ignore[arg-type]
        for number in range(locations)
    ]
    write_city(
        folder,
        name="Test",
        time_zone="Europe/London",
        currency="GBP",
        country="GBR",
        locations=places,
        connectors=connectors,
        evses=evses,
        sessions=sessions,
        tariffs=None,
        generated=False,
        source={},
    )
    return folder


def test_the_splits_are_dates_in_order_and_no_day_is_in_two(tmp_path: Path) -> None:
    scenario = city_scenario(write(tmp_path / "city"), "busy", requests=12)
    assert isinstance(scenario.demand, RecordedDemand)
    training, validation, test = (set(days.tolist()) for days in scenario.demand.days)
    assert max(training) < min(validation) <= max(validation) < min(test)
    dates = split_dates(scenario.demand)
    assert dates["test"][0] > dates["validation"][1] > dates["training"][1]


@pytest.mark.parametrize("split", list(Split))
def test_a_day_is_made_of_its_split_s_sessions_alone(tmp_path: Path, split: Split) -> None:
    found = recorded_demand(one_connector(load_city(write(tmp_path / "city"))))
    assert found is not None
    scenario = city_scenario(tmp_path / "city", "busy", requests=30)
    # Mark every session by its day: the kWh of a request then says where it came from.
    marked = RecordedDemand(
        found.day_number,
        found.is_weekend,
        found.minute,
        found.location,
        5.0 + (found.day_number - found.day_number.min()) / 10.0,
        found.standards,
        found.dc,
        found.stay_min,
        found.days,
    )
    own = {round(5.0 + (number - int(found.day_number.min())) / 10.0, 6) for number in found.days[split].tolist()}
    for number in range(4):
        wishes = marked.day(scenario.city, split.seed(number), 30)
        assert {round(value, 6) for value in wishes.need_kwh.tolist()} <= own


def test_consecutive_seeds_begin_with_different_days(tmp_path: Path) -> None:
    scenario = city_scenario(write(tmp_path / "city"), "busy", requests=9)
    days = [day(scenario, Split.TEST.seed(number)) for number in range(4)]
    assert len({tuple(item.depart_min.tolist()) for item in days}) == 4
    again = day(scenario, Split.TEST.seed(0))
    np.testing.assert_array_equal(days[0].depart_min, again.depart_min)


def test_a_session_stands_at_its_wall_clock_time_across_the_change_of_clocks(tmp_path: Path) -> None:
    """Clocks go forward on 29 March 2026: nine o'clock stays nine o'clock."""
    found = recorded_demand(one_connector(load_city(write(tmp_path / "city", locations=1))))
    assert found is not None
    assert set(found.minute.tolist()) == {540.0, 545.0, 550.0}
    assert len(np.unique(found.day_number)) == 20


def test_closed_hours_are_closed_and_nobody_is_sent_there(tmp_path: Path) -> None:
    scenario = city_scenario(write(tmp_path / "city", opening=NIGHT_CLOSED), "busy", requests=12)
    assert not scenario.open[:, :84].any(), "closed until seven"
    assert scenario.open[:, 84:276].all()
    assert not scenario.open[:, 276:288].any(), "and from eleven at night"


def test_demand_is_scaled_until_the_optimum_uses_the_scenario_s_share(tmp_path: Path) -> None:
    generate_city(tmp_path, seed=3, stations=8, days=15)
    scenario = city_scenario(tmp_path, "busy")
    assert used(scenario, scenario.requests_a_day) == pytest.approx(0.42, rel=0.05)
    assert "42% of point-hours" in scenario.source


def test_a_share_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    """Everybody comes at nine: sixty per cent of the day cannot be used."""
    scenario = city_scenario(write(tmp_path / "city", locations=1), "overload")
    assert "of which it reaches" in scenario.source
    assert scenario.requests_a_day < 3 * DAY_SLOTS * 10


@pytest.mark.research_data
def test_a_city_without_sessions_is_asked_for_what_was_assumed_and_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path / "city", locations=1)
    for path in folder.glob("sessions.csv*"):
        path.unlink()
    scenario = city_scenario(folder, "slack")
    assert "assumed: ElaadNL" in scenario.source
    assert len(day(scenario, Split.TEST.seed(0))) == scenario.requests_a_day >= 1


def test_a_large_city_is_judged_around_its_centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "city", locations=9)
    assert len(city_scenario(folder, "busy", requests=5).city.location_ids) == 9
    few = city_scenario(folder, "busy", requests=5, locations=4)
    assert len(few.city.location_ids) == 4
    assert "the 4 of 9 locations nearest the centre" in few.source
    monkeypatch.setattr("training.scenarios.recorded_city.MOST_REQUESTS", 100)
    assert 1 <= len(city_scenario(folder, "busy", requests=5).city.location_ids) < 9


@pytest.mark.parametrize(("values", "said"), [({"requests": 0}, "requests: must be"), ({"locations": 0}, "locations: must be")])
def test_numbers_below_one_are_refused(tmp_path: Path, values: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        city_scenario(write(tmp_path / "city"), "busy", **values)


def test_a_city_without_evses_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "city", locations=1)
    (folder / "evses.csv").write_text("evse_id,location_id\n")
    with pytest.raises(ValueError, match="has no EVSE"):
        city_scenario(folder, "busy")


def test_recorded_days_are_as_they_were_with_their_stays(tmp_path: Path) -> None:
    scenario = city_scenario(write(tmp_path / "city"), "recorded", requests=2)
    assert isinstance(scenario.demand, RecordedDemand)
    assert scenario.requests_a_day == 9
    for number in range(4):
        requests, stays = scenario.demand.day_with_stays(scenario.city, Split.TEST.seed(number), 2)
        assert len(requests) == len(stays) == 9, "every session of the day and no other, whatever is asked for"
        assert stays.tolist() == [60.0] * 9
        assert sorted(requests.need_kwh.tolist()) == [8.0] * 3 + [9.0] * 3 + [10.0] * 3
    assert "days as they were" in scenario.source


def test_a_city_without_recorded_days_has_none_to_judge(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scenario: Test has too few recorded days to be judged as they were"):
        city_scenario(write(tmp_path / "city", days=1), "recorded")
