"""The load run's judgement: what counts as wrong, as growth, and how acts become tables and a picture."""

import itertools
import random
from datetime import datetime
from pathlib import Path

import pytest

from bench.harness.drivers import DECIDED, Act
from bench.load import memory, picture, report, workbook
from bench.load.run import LoadResult, arrivals, wrong


def series(start: float, a_minute: float, *, seconds: int = 600, noise: float = 0.0) -> list[tuple[float, float]]:
    rng = random.Random(1)
    return [(second, start + a_minute * second / 60 + rng.uniform(-noise, noise)) for second in range(seconds)]


def test_steady_growth_is_found_in_noise_and_a_jump_is_none() -> None:
    leak = memory.growth("server", series(100, 3.0, noise=2.0))
    assert leak.mb_a_minute == pytest.approx(3.0, abs=0.2)
    assert leak.leaks
    assert not memory.growth("server", series(100, 0.1, noise=2.0)).leaks
    jump = [(float(at), 100.0 if at < 400 else 108.0) for at in range(600)]
    assert not memory.growth("server", jump).leaks, "a cache that fills once is no leak"
    early = [(float(at), 50.0 + min(at, 250)) for at in range(600)]
    assert not memory.growth("server", early).leaks, "what grows while it warms up is no leak"
    with pytest.raises(ValueError, match="too few"):
        memory.growth("server", [(0.0, 1.0), (1.0, 1.0)])


def outcome(*acts: Act, growths: list[memory.Growth] | None = None) -> LoadResult:
    samples = {"server 1": series(90, 0.0, seconds=60), "MariaDB": series(120, 0.5, seconds=60)}
    return LoadResult(10.0, 8.0, 60.0, 480, list(acts), growths or [], samples, 99)


def test_errors_losses_and_leaks_are_wrong_and_the_rest_is_not() -> None:
    fine = Act("book", 0.0, 0.01, 409, "SLOT_TAKEN")
    bad = Act("book", 1.0, 0.01, 500, "INTERNAL", "it broke")
    assert wrong(outcome(fine), ended=set(), failures=[], left=0) == []
    leak = memory.growth("deliverer", series(100, 9.0))
    faults = wrong(outcome(fine, bad, growths=[leak]), ended={"server 2"}, failures=["a visit broke off"], left=3)
    assert len(faults) == 5
    assert "server 2 ended" in faults[0]
    assert "1 of 2 acts" in faults[1]
    assert "3 messages" in faults[3]
    assert "deliverer grew by" in faults[4]


def test_tables_tell_percentiles_and_errors_by_kind() -> None:
    acts = [Act("search", 0.0, number / 1000, 200) for number in range(1, 101)]
    acts += [Act("book", 2.0, 0.02, 500, "INTERNAL", "it\nbroke | here"), Act(DECIDED, 3.0, 0.5, 200, "RESERVED")]
    result = outcome(*acts)
    assert "| search nearby with free places | 100 | 50 | 90 | 95 | 99 | 100 |" in report.table(result)
    assert "book directly" not in report.table(result), "what failed has no latency"
    assert "| book directly | 500 INTERNAL | 1 | 2.0 | it broke / here |" in report.errors(acts)
    assert "| from asking to reserved | 200 RESERVED | 1 |  |" in report.answers(acts)
    figures = report.figures(result)
    assert figures["load.errors"].value == 1
    assert figures["load.search_p95_ms"].value == pytest.approx(95.05)


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    rng = random.Random(2)
    acts = [Act(kind, 0.0, rng.lognormvariate(-4, 0.6), 200) for kind in ("search", "book", DECIDED) for _ in range(200)]
    picture.draw(outcome(*acts), tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="acts"):
        picture.draw(outcome(), tmp_path / "none.png")


def test_arrivals_come_by_chance_at_their_rate() -> None:
    instants = list(arrivals(50.0, 100.0, random.Random(3)))
    assert 4700 < len(instants) < 5300
    assert instants == sorted(instants)
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    mean = sum(gaps) / len(gaps)
    spread = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert spread == pytest.approx(mean**2, rel=0.15), "gaps of a Poisson process are as wide as they are long"


def test_the_workbooks_panels_are_drawn_of_what_came_and_say_what_did_not(tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, 8, 0)
    row = {"TimeGenerated": at, "Name": "evcharging.bookings", "Sum": 3.0, "Min": 1.0, "Max": 1.0, "ItemCount": 3}
    workbook.draw({"AppMetrics": [row | {"Properties": {"status": "RESERVED"}}]}, tmp_path / "workbook.png", under="made up")
    assert (tmp_path / "workbook.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="nothing came"):
        workbook.draw({"AppMetrics": []}, tmp_path / "none.png", under="")


def test_a_panel_shows_its_highest_series_only() -> None:
    rows = [{"at": datetime(2026, 3, 2, 8, minute), "series": f"{n}", "value": n} for n in range(20) for minute in (1, 0)]
    lines = workbook.lines_of(rows)
    assert list(lines) == [str(n) for n in range(19, 11, -1)]
    assert [at.minute for at, _ in lines["19"]] == [0, 1]
