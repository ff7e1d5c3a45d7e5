"""docs/scale.md says what its commands print, and their arithmetic is right where it can be checked by hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from bench.cost import PEAK_FACTOR, SECONDS_A_MONTH, Prices, Shape, Work, bill, month, read_prices, stored_gb
from bench.scale import Group, countries, instances, limits, report, waits, worst_hour_share
from bench.scale import main as print_scale
from cities.generated import generate_city
from functions.optimizer.core.city import load_city

PAGE = Path(__file__).parents[3] / "docs" / "scale.md"


def printed(command: str) -> str:
    """What the page shows of a command."""
    shown = re.search(rf"<!-- {re.escape(command)} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert shown is not None
    return shown[1]


def test_the_page_shows_what_scale_prints() -> None:
    assert printed("python -m bench.scale") == report([1e6, 1e7, 1e8], Work())


def test_the_page_shows_what_cost_prints() -> None:
    assert printed("python -m bench.cost") == bill([1e3, 1e5, 1e7], prices=Prices(), peak_factor=PEAK_FACTOR)


def test_ten_million_a_month_are_33_in_the_worst_second() -> None:
    assert round(1e7 / SECONDS_A_MONTH * PEAK_FACTOR) == 33


def test_one_server_waits_as_pollaczek_and_khinchine_say() -> None:
    rate, service = 5.0, 0.1
    second_moment = service**2 * np.exp(0.8**2)
    expected = rate * second_moment / (2 * (1 - rate * service))
    assert np.mean([waits(rate, service, 1, seed=seed).mean() for seed in range(8)]) == pytest.approx(expected, rel=0.1)


def test_more_demand_never_takes_fewer_instances() -> None:
    group = Group("deciding", 1, 0.1, 1)
    counts = [instances(group, peak)[0] for peak in (1, 3, 10, 30, 100)]
    assert counts == sorted(counts)


def test_what_is_taken_at_a_limit_is_what_there_is() -> None:
    for limit in limits(Work()):
        assert limit.taken(limit.reached_at()) == pytest.approx(limit.there_is, rel=0.05), limit.what


def test_each_part_of_a_bill_grows_with_the_bookings() -> None:
    few, many = (month(n, peak_per_s=n / SECONDS_A_MONTH * PEAK_FACTOR, prices=Prices()) for n in (1e5, 1e8))
    assert [part for part in few if many[part] < few[part]] == []


def test_rows_of_a_year_are_kept_and_contents_are_not() -> None:
    shape, work = Shape(warm_days=30, years=1.0), Work(kept_kb=41.0, stays_kb=9.0)
    assert stored_gb(1e6, work, shape) == pytest.approx(32.0 + 12 * 9.0)


def test_a_country_has_a_cell_at_least_and_as_many_as_it_needs() -> None:
    assert countries(1e8, 2e7, {"DE": 0.9, "AT": 0.1}) == {"DE": 5, "AT": 1}


@pytest.mark.parametrize(
    ("given", "field"), [({"smss": 1}, "smss"), ({"sms": -1}, "sms"), ({"mail": "cheap"}, "mail"), ({"mail": True}, "mail")]
)
def test_a_price_that_is_none_is_named(tmp_path: Path, given: dict[str, object], field: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(given))
    with pytest.raises(ValueError, match=f"^{field}: must be"):
        read_prices(path)


def test_a_price_of_ones_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"sms": 0}')
    assert month(1e5, peak_per_s=1.0, prices=read_prices(path))["sms"] == 0


def test_a_folder_without_sessions_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scale", "--city", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit) as ended:
        print_scale()
    assert ended.value.code == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_citys_worst_hour_is_of_its_own_clocks(tmp_path: Path) -> None:
    generate_city(tmp_path, stations=2, days=1)
    evse = load_city(tmp_path).locations[0].evses[0][0]
    starts = [
        "2026-07-01T06:10:00+00:00",
        "2026-07-01T08:30:00+02:00",
        "2026-07-02T20:00:00+02:00",
        "2026-07-02T21:00:00+02:00",
    ]
    lines = [f"{number},{evse},{start},{start[:11]}23:00:00+00:00,10" for number, start in enumerate(starts)]
    for old in tmp_path.glob("sessions.csv*"):
        old.unlink()
    (tmp_path / "sessions.csv").write_text("\n".join(["session_id,evse_id,start,end,energy_kwh", *lines]))
    assert worst_hour_share(tmp_path) == 0.5
