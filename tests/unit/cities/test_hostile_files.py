"""Files that are wrong in any way: an import reports, or says that nothing could be used, and its memory stays small."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.subjects.city_import import IMPORT, used_by
from cities.generated_ocpi import TARIFFS, generated_location, write_locations
from cities.importing import import_city
from functions.optimizer.core.city import load_city
from tests.unit.cities.test_importing import silent

ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=50)
    | st.sampled_from(["", "24:00", "\u200e", "../../x", "=1+1", "a/b", "1e400", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in paths(item, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    """A copy with something else at a place."""
    if not path:
        return to
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], to)
    return copy


LOCATIONS = [generated_location(number) for number in range(3)]
PLACES = [place for place in paths(LOCATIONS) if place and place[0] == 1]
TARIFF_PLACES = [place for place in paths(TARIFFS[:3]) if place and place[0] == 1]


def imported(files: dict[str, bytes]) -> int | None:
    """How many locations are in the city that these files make; None where nothing could be used, and that was said."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        for name, data in files.items():
            (source / name).write_bytes(data)
        try:
            report = import_city(source, target, progress=silent)
        except ValueError as error:
            if "could be used" in str(error) or "nothing that is recognised" in str(error):
                return None
            raise
        assert (target / "import-report.csv").read_text("utf-8").startswith("file,line,reason\n")
        assert report.kept <= report.rows <= report.kept + sum(report.reasons().values())
        return len(load_city(target).locations)


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), value=ODD)
def test_any_value_anywhere_costs_its_location_at_most(place: tuple[Any, ...], value: Any) -> None:
    files = {"a.json": dumped(changed(LOCATIONS, place, value)), "t.json": dumped(TARIFFS[:3])}
    assert imported(files) in (2, 3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(TARIFF_PLACES), value=ODD)
def test_any_value_in_a_tariff_costs_no_location(place: tuple[Any, ...], value: Any) -> None:
    files = {"a.json": dumped(LOCATIONS), "t.json": dumped(changed(TARIFFS[:3], place, value))}
    assert imported(files) == 3


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(at=st.floats(0, 1), data=st.binary(min_size=1, max_size=8), cut=st.booleans())
def test_any_bytes_anywhere_are_reported(at: float, data: bytes, cut: bool) -> None:
    whole = dumped({"data": LOCATIONS})
    place = int(at * len(whole))
    broken = whole[:place] + data + (b"" if cut else whole[place + len(data) :])
    found = imported({"a.json": broken, "z.json": dumped([LOCATIONS[0] | {"id": "Z"}])})
    assert found is not None
    assert found >= 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_locations(tmp_path: Path) -> None:
    resident = {}
    for count in (5_000, 20_000):
        write_locations(tmp_path / "in", count)
        resident[count] = used_by(IMPORT, str(tmp_path / "in"), str(tmp_path / "out"), str(count))["resident_mb"]
        size_mb = (tmp_path / "in" / "locations.json").stat().st_size / 1e6
        shutil.rmtree(tmp_path / "in")
    assert resident[20_000] - resident[5_000] < size_mb / 2, f"{resident} for {size_mb:.0f} MB: what grows is ids alone"
