"""The worlds without a platform, on a street of two stations: who goes where, who waits, who drives on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cities.demand import SyntheticRequest
from devhost.replay.worlds import RequestOutcome, Stay, Streets, without_platform
from functions.optimizer.core.city import CityFolder, FolderLocation, FolderSession
from functions.stations.domain import Connector
from functions.tariffs.domain import Tariff

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
PLUG = Connector("1", "IEC_62196_T2", "SOCKET", "AC_3_PHASE", 22.0)
STEP = 0.01
"""Degrees between the two: 1.11 km as the crow flies."""


def street(*evses: int) -> CityFolder:
    """Stations in a row to the north, each with so many EVSEs."""
    locations = tuple(
        FolderLocation(
            location_id=str(site),
            name=f"Station {site}",
            address="",
            latitude=52.0 + site * STEP,
            longitude=5.0,
            opening_times=None,
            evses=tuple((f"{site}-{number}", (PLUG,)) for number in range(count)),
        )
        for site, count in enumerate(evses)
    )
    return CityFolder(
        path=Path(),
        name="Street",
        country="NLD",
        time_zone="Europe/Amsterdam",
        currency="EUR",
        latitude=52,
        longitude=5,
        generated=True,
        locations=locations,
        tariffs={},
        connector_tariffs={},
        default_tariff=None,
    )


def request(minute: float, *, kwh: float = 9.9, stay_min: float = 240, soc: float = 0.5) -> SyntheticRequest:
    """Somebody at the first station's door, half an hour of charging away from being full."""
    start = MORNING + timedelta(minutes=minute)
    session = FolderSession("s", "0-0", start, start + timedelta(minutes=stay_min), kwh)
    return SyntheticRequest(session, start, start, 52.0, 5.0, 60.0, soc, kwh, 22.0, ("IEC_62196_T2",))


def outcomes(city: CityFolder, requests: list[SyntheticRequest], *, live_map: bool, stay: Stay) -> list[RequestOutcome]:
    return Streets(city, live_map=live_map, stay=stay, price_unit=10.0).run(requests).outcomes


def test_first_come_waits_at_the_nearest_until_it_is_full_or_leaves() -> None:
    first, second = outcomes(street(1, 1), [request(0), request(10)], live_map=False, stay=Stay.FULL)
    assert (first.wait_min, first.km) == (0.0, 0.0)
    assert second.wait_min == pytest.approx(20.0)
    assert second.km == 0.0
    first, second = outcomes(street(1, 1), [request(0, stay_min=90), request(10)], live_map=False, stay=Stay.RECORDED)
    assert second.wait_min == pytest.approx(80.0)
    (_, second) = outcomes(street(1), [request(0, stay_min=300), request(10)], live_map=False, stay=Stay.RECORDED)
    assert (second.served, second.reason) == (False, "ALL_FULL")


def test_with_a_live_map_they_go_where_it_is_free() -> None:
    _, second = outcomes(street(1, 1), [request(0), request(10)], live_map=True, stay=Stay.FULL)
    assert second.wait_min == 0.0
    assert second.km == pytest.approx(1.45, abs=0.01), "by road, 1.3 times the line"


def test_who_finds_it_taken_drives_on_and_waits_where_nothing_is_free() -> None:
    """Both see the free one at the far end at the same instant; the one who comes second looks again."""
    city = street(1, 1, 0, 1)
    found = outcomes(city, [request(0), request(1), request(1.1)], live_map=True, stay=Stay.RECORDED)
    assert [round(item.km, 2) for item in found] == [0.0, 1.45, 4.34]
    assert [item.wait_min for item in found] == [0.0, 0.0, 0.0]
    waits = outcomes(street(1, 1), [request(0), request(1), request(1.1)], live_map=True, stay=Stay.FULL)
    assert waits[2].wait_min > 20


def test_nobody_drives_farther_than_the_battery_reaches() -> None:
    assert outcomes(street(0, 1), [request(0, soc=0.01)], live_map=True, stay=Stay.FULL)[0].reason == "OUT_OF_REACH"
    _, second = outcomes(street(1, 0, 0, 0, 0, 1), [request(0), request(1, soc=0.02)], live_map=True, stay=Stay.FULL)
    assert (second.km, second.wait_min > 0) == (0.0, True)


def test_all_four_worlds_are_told() -> None:
    names = [tally.name for tally in without_platform(street(1), [request(0)], price_unit=10.0)]
    assert names == ["live map", "first come", "live map, recorded stays", "first come, recorded stays"]


def test_nobody_goes_to_what_is_out_of_order() -> None:
    city = street(1, 1)
    broken = replace(city.locations[0], statuses={"0-0": "OUTOFORDER"})
    (outcome,) = outcomes(replace(city, locations=(broken, city.locations[1])), [request(0)], live_map=False, stay=Stay.FULL)
    assert (outcome.served, outcome.km > 1) == (True, True)


def test_a_price_is_that_of_the_tariff_in_force_by_the_stations_own_clock() -> None:
    def tariff(name: str, price: float, **dates: str) -> Tariff:
        restrictions = {"start_time": "08:00", "end_time": "09:00"}
        element = {"price_components": [{"type": "ENERGY", "price": price}], "restrictions": restrictions}
        return Tariff.model_validate({"id": name, "currency": "EUR", "elements": [element]} | dates)

    ended, now = tariff("ended", 9, end_date_time="2026-01-01T00:00:00Z"), tariff("now", 1)
    city = street(1)
    in_london = replace(city.locations[0], time_zone="Europe/London")
    city = replace(
        city, locations=(in_london,), tariffs={"ended": ended, "now": now}, connector_tariffs={("0-0", "1"): ("ended", "now")}
    )
    (outcome,) = outcomes(city, [request(0)], live_map=False, stay=Stay.FULL)
    assert outcome.price == pytest.approx(9.9)
