"""OCPI imports: what the world's files hold is read, what is odd costs itself alone and is said, and nothing is made public,
free or bookable that its file does not say is."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cities.folder import ImportReport
from cities.importing import import_city
from devhost.replay.seed import records
from functions.optimizer.core.city import CityFolder, city_of, load_city
from functions.stations.opening import Hours

TARIFF = {"id": "T1", "currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY", "price": 0.3}]}]}
PLUG = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
}


def silent(name: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def plug(**changes: Any) -> dict[str, Any]:
    return PLUG | {"tariff_ids": ["T1"]} | changes


def evse(**changes: Any) -> dict[str, Any]:
    return {"uid": "E1", "status": "AVAILABLE", "connectors": [plug()]} | changes


def place(**changes: Any) -> dict[str, Any]:
    return {
        "country_code": "BE",
        "party_id": "ABC",
        "id": "L1",
        "publish": True,
        "name": "Hub",
        "address": "High Street 1",
        "city": "Gent",
        "country": "BEL",
        "time_zone": "Europe/Brussels",
        "coordinates": {"latitude": "51.05", "longitude": "3.72"},
        "evses": [evse()],
    } | changes


class Imported:
    """What became of objects, beside one that is as it should be."""

    def __init__(self, folder: Path, *items: Any, tariffs: Any = (TARIFF,)) -> None:
        source = folder / "in"
        source.mkdir()
        (source / "locations.json").write_text(json.dumps([place(id="GOOD"), *items]))
        (source / "tariffs.json").write_text(json.dumps(list(tariffs)))
        self.report: ImportReport = import_city(source, folder / "out", progress=silent)
        self.city: CityFolder = load_city(folder / "out")
        self.places = {location.location_id: location for location in self.city.locations}
        with (folder / "out" / "import-report.csv").open(newline="") as file:
            self.rows = [(row["file"], int(row["line"]), row["reason"]) for row in csv.DictReader(file)]

    def reasons(self) -> list[str]:
        return [reason for file, line, reason in self.rows if (file, line) == ("locations.json", 2)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"publish": False}, "not published"),
        ({"publish": None}, "publish: "),
        ({"publish": "false"}, "publish: "),
        ({"publish": 0}, "publish: "),
        ({"coordinates": None}, "coordinates: "),
        ({"coordinates": {"latitude": "north", "longitude": "3"}}, "coordinates: "),
        ({"coordinates": {"latitude": "51.05"}}, "coordinates: "),
        ({"coordinates": {"latitude": "91", "longitude": "3"}}, "latitude: "),
        ({"coordinates": {"latitude": "1e400", "longitude": 3}}, "latitude: "),
        ({"coordinates": {"latitude": 0, "longitude": 0}}, "coordinates: 0, 0"),
        ({"id": None}, "id: "),
        ({"id": ["L1"]}, "id: "),
        ({"id": "x" * 37}, "id: longer"),
        ({"id": "L\x1b1"}, "id: must not contain ESC"),
        ({"name": {"text": "Hub"}}, "name: "),
        ({"name": "Hub\x1b[31m"}, "name: must not contain ESC"),
        ({"city": None}, "city: "),
        ({"country": "Belgium"}, "country: "),
        ({"country": 32}, "country: "),
        ({"time_zone": "Mars/Olympus", "coordinates": {"latitude": 0, "longitude": -30}}, "time_zone: "),
        ({"opening_times": "always"}, "opening_times: "),
        (
            {"opening_times": {"regular_hours": [{"weekday": 8, "period_begin": "1:00", "period_end": "2:00"}]}},
            "opening_times: ",
        ),
        ({"opening_times": {"regular_hours": 5}}, "opening_times: "),
        ({"opening_times": {"exceptional_closings": [{"period_begin": "x"}]}}, "opening_times: "),
        ({"evses": None}, "no usable EVSE"),
        ({"evses": []}, "no usable EVSE"),
        ({"evses": "E1"}, "evses: "),
        ({"evses": [None]}, "no usable EVSE: EVSE: "),
        ({"evses": [evse(uid="x" * 37)]}, "no usable EVSE: EVSE uid"),
        ({"evses": [evse(uid=None)]}, "no usable EVSE: EVSE uid"),
        ({"evses": [evse(status="REMOVED")]}, "no usable EVSE: EVSE REMOVED"),
        ({"evses": [evse(connectors=[5])]}, "no usable EVSE: connector"),
        ({"evses": [evse(connectors=[plug(standard="TYPE_9")])]}, "no usable EVSE: connector"),
        ({"evses": [evse(connectors=[plug(max_amperage="many")])]}, "no usable EVSE: connector"),
        ({"evses": [evse(connectors=[plug(max_amperage=None)])]}, "no usable EVSE: connector"),
        ({"evses": [evse(connectors=[plug(max_electric_power=1e12)])]}, "no usable EVSE: connector"),
        ({"evses": [evse(connectors=[plug(id=str(number)) for number in range(9)])]}, "no usable EVSE: EVSE"),
    ],
)
def test_what_is_odd_costs_itself_alone_and_is_said(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = Imported(tmp_path, place(**changes))
    assert list(found.places) == ["BE*ABC*GOOD"]
    (said,) = [text for text in found.reasons() if text.startswith(reason)]
    assert said in found.reasons()
    assert (found.report.rows, found.report.kept) == (2, 1)


@pytest.mark.parametrize("item", [None, 5, "text", [1], {}, True])
def test_what_is_no_location_is_left_out_with_its_number(tmp_path: Path, item: Any) -> None:
    found = Imported(tmp_path, item, place())
    assert list(found.places) == ["BE*ABC*GOOD", "BE*ABC*L1"]
    assert len(found.reasons()) == 1


def test_an_odd_evse_or_connector_costs_no_other(tmp_path: Path) -> None:
    odd = [
        evse(uid="E2", connectors=[plug(), plug(id="2", standard="TYPE_9"), plug(), None]),
        evse(uid="e2"),
        evse(uid="E" * 40, evse_id="BE*ABC*E3"),
        evse(uid="E#4"),
    ]
    found = Imported(tmp_path, place(evses=[evse(), *odd]))
    uids = set(found.places["BE*ABC*L1"].uids.values())
    assert uids == {"E1", "E2", "BE*ABC*E3"}, "an evse_id stands in for a uid that is too long"
    kinds = sorted(reason.split(":")[0] for reason in found.reasons())
    assert kinds == ["EVSE stands twice", "EVSE uid", "connector", "connector", "connector stands twice"]
    assert any("evses.1.connectors.1" in reason for reason in found.reasons()), "the place is named"


def test_ids_are_of_their_party(tmp_path: Path) -> None:
    cheap = TARIFF | {"country_code": "BE", "party_id": "ABC"}
    dear = TARIFF | {
        "country_code": "NL",
        "party_id": "XYZ",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 9}]}],
    }
    other = place(country_code="nl", party_id="xyz")
    found = Imported(tmp_path, place(), other, place(id="l1"), place(evses=[]), tariffs=[cheap, dear])
    assert list(found.places) == ["BE*ABC*GOOD", "BE*ABC*L1", "NL*XYZ*L1"]
    prices = []
    for location in found.city.locations:
        ((name, (connector,)),) = location.evses
        tariff = found.city.tariff_of(name, connector.connector_id)
        assert tariff is not None
        prices.append(float(tariff.elements[0].price_components[0].price))
    assert prices == [0.3, 0.3, 9.0]
    assert [reason for _, line, reason in found.rows if line == 4] == ["location stands twice: id BE*ABC*l1"]
    assert [record.evses[0][0] for record in records(found.city)] == ["E1"] * 3, "in its location an EVSE is called as it was"


def test_each_location_has_its_own_zone_currency_and_country(tmp_path: Path) -> None:
    pounds = TARIFF | {"id": "T2", "currency": "GBP"}
    london = {"latitude": "51.5", "longitude": "-0.12"}
    found = Imported(
        tmp_path,
        place(
            id="A",
            country="GB",
            time_zone="GMT Standard Time",
            coordinates=london,
            evses=[evse(connectors=[plug(tariff_ids=["T2"])])],
        ),
        place(id="B", country=None, time_zone=None, coordinates={"latitude": 34.13, "longitude": -118.12}),
        place(id="C", time_zone="Somewhere Standard Time"),
        tariffs=[TARIFF, pounds],
    )
    own = {name[7:]: (item.time_zone, item.currency, item.country) for name, item in found.places.items()}
    assert own == {
        "GOOD": ("Europe/Brussels", "EUR", "BEL"),
        "A": ("Europe/London", "GBP", "GBR"),
        "B": ("America/Los_Angeles", "EUR", "USA"),
        "C": ("Europe/Brussels", "EUR", "BEL"),
    }
    assert found.report.remarks()["time zone by its coordinates"] == 2
    assert {(item.time_zone, item.country, item.city) for item in records(found.city)} >= {("Europe/London", "GBR", "Gent")}


def test_the_status_of_the_file_stays_and_what_is_out_of_order_is_in_no_pool(tmp_path: Path) -> None:
    words = ["OUTOFORDER", "PLANNED", "INOPERATIVE", "SLEEPING", None, "CHARGING", "REMOVED"]
    found = Imported(
        tmp_path, place(evses=[evse(), *(evse(uid=f"S{number}", status=word) for number, word in enumerate(words))])
    )
    location = found.places["BE*ABC*L1"]
    statuses = {location.uids[name]: status for name, status in location.statuses.items()}
    unknown = {"S3": "UNKNOWN", "S4": "UNKNOWN"}
    assert statuses == {"E1": "AVAILABLE", "S0": "OUTOFORDER", "S1": "PLANNED", "S2": "INOPERATIVE", "S5": "CHARGING"} | unknown
    assert found.reasons()[0].startswith("EVSE REMOVED"), "what is gone is not brought back"
    assert city_of(found.city).capacity.tolist() == [1, 2]
    (record,) = [item for item in records(found.city) if item.external_id == "BE*ABC*L1"]
    assert record.statuses["S0"] == "OUTOFORDER"
    assert record.statuses["S5"] == "AVAILABLE", "who charged when the file was written says nothing of now"


@pytest.mark.parametrize(
    ("connector", "tariffs", "why"),
    [
        (PLUG, [TARIFF], "no tariff is named"),
        (PLUG | {"tariff_ids": None}, [TARIFF], "no tariff is named"),
        (PLUG | {"tariff_id": "T7"}, [TARIFF], "no file has a valid tariff T7"),
        (plug(), [TARIFF | {"elements": []}], "no file has a valid tariff T1"),
        (plug(), [TARIFF | {"currency": "EURO"}], "no file has a valid tariff T1"),
        (plug(), [], "no file has a valid tariff T1"),
        (plug(), [None, 5, TARIFF | {"id": None}], "no file has a valid tariff T1"),
    ],
)
def test_a_price_that_is_not_known_is_said_and_is_not_free(
    tmp_path: Path, connector: dict[str, Any], tariffs: list[Any], why: str
) -> None:
    found = Imported(tmp_path, place(evses=[evse(connectors=[connector])]), tariffs=tariffs)
    ((name, _),) = found.places["BE*ABC*L1"].evses
    assert found.city.tariff_of(name, "1") is None
    (reason,) = found.reasons()
    assert reason == f"kept, price not known: 1 of 1 connectors of BE*ABC*L1, {why}"


def test_members_of_2_1_1_are_read(tmp_path: Path) -> None:
    old = {key: value for key, value in place(type="ON_STREET").items() if key not in ("country_code", "party_id", "publish")}
    connector = {key: value for key, value in PLUG.items() if not key.startswith("max_")}
    old["evses"] = [evse(connectors=[connector | {"voltage": 230, "amperage": 16, "tariff_id": "t1"}])]
    found = Imported(tmp_path, old)
    ((name, (kept,)),) = found.places["L1"].evses
    assert kept.max_power_kw == pytest.approx(11.04)
    assert found.city.tariff_of(name, "1") is not None
    assert found.reasons() == []


def test_opening_times_as_the_world_writes_them(tmp_path: Path) -> None:
    week = [{"weekday": day, "period_begin": "0:00", "period_end": "23:59", "note": "x"} for day in range(1, 8)]
    nothing: dict[str, Any] = {
        "twentyfourseven": False,
        "regular_hours": None,
        "exceptional_openings": [],
        "exceptional_closings": None,
    }
    office = [{"weekday": 1, "period_begin": "8:00", "period_end": "18:00:00"}]
    closing = {"period_begin": "2026-12-25T00:00:00", "period_end": "2026-12-26T00:00:00Z"}
    found = Imported(
        tmp_path,
        place(id="A", opening_times={"twentyfourseven": True, "regular_hours": week}),
        place(id="B", opening_times=nothing),
        place(id="C", opening_times={"twentyfourseven": True, "regular_hours": office}),
        place(id="D", opening_times={"twentyfourseven": True, "exceptional_closings": [closing]}),
        place(id="E", opening_times={"regular_hours": [{"weekday": 7, "period_begin": "22:00", "period_end": "06:00"}]}),
    )
    hours = {name[7:]: location.opening_times for name, location in found.places.items()}
    always, contradicting, closed, night = (hours[name] or Hours() for name in "ACDE")
    assert (always.twentyfourseven, always.regular_hours) == (True, ())
    assert hours["B"] is None
    assert not contradicting.twentyfourseven, "what is open in doubt is not sold"
    assert closed.exceptional_closings[0].period_begin.isoformat() == "2026-12-25T00:00:00+00:00"
    assert [item.weekday for item in night.regular_hours] == [7, 1]
    assert found.report.remarks() == {"opening times not known": 1, "opening times contradict themselves": 1}


def test_text_is_cleaned_and_cut_as_it_is_said(tmp_path: Path) -> None:
    found = Imported(
        tmp_path, place(name="\u200eHub\u200f " + "x" * 200, address="High Street 1\r\nFloor\t2", city="Gent\u200b")
    )
    location = found.places["BE*ABC*L1"]
    assert location.name.startswith("Hub x")
    assert len(location.name) <= 120
    assert (location.address, location.city) == ("High Street 1 Floor 2", "Gent")
    assert found.reasons() == ["kept, name cut to 120 characters: it has 206"]


ONE, TWO = place(id="A"), place(id="B")


@pytest.mark.parametrize(
    ("name", "data", "ids"),
    [
        ("a.json", json.dumps([ONE, TWO]).encode(), ["A", "B"]),
        ("a.json", json.dumps(ONE).encode(), ["A"]),
        ("a.json", json.dumps({"status_code": 1000, "data": [ONE, TWO]}).encode("utf-8-sig"), ["A", "B"]),
        ("a.json", json.dumps({"data": ONE, "status_code": 1000}).encode(), ["A"]),
        ("a.json", json.dumps([{"data": [ONE]}, {"data": [TWO]}]).encode(), ["A", "B"]),
        ("a.json", json.dumps({"data": {"locations": [ONE, TWO]}}).encode(), ["A", "B"]),
        ("a.json", json.dumps({"meta": {"pages": [1]}, "chargers": [ONE, TWO]}).encode(), ["A", "B"]),
        ("a.jsonl", b"\n".join(json.dumps(item).encode() for item in (ONE, TWO)), ["A", "B"]),
        ("a.json.gz", gzip.compress(json.dumps([ONE, TWO]).encode()), ["A", "B"]),
        ("a.json", gzip.compress(json.dumps([ONE, TWO]).encode()), ["A", "B"]),
        ("a.json", json.dumps([ONE, TWO]).encode()[:-20], ["A"]),
        ("a.json", json.dumps([ONE, TWO]).replace('"Gent", "country": "BEL", "time', 'NaN, "time', 2).encode(), []),
        ("a.json.gz", gzip.compress(json.dumps([ONE] * 1).encode() + b" " * 100_000)[:-9], ["A"]),
        ("a.json", json.dumps([ONE])[:-1].encode() + b", " + b"[" * 100_000, ["A"]),
    ],
)
def test_files_of_every_shape(tmp_path: Path, name: str, data: bytes, ids: list[str]) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / name).write_bytes(data)
    (source / "z.json").write_text(json.dumps([place(id="Z")]))
    report = import_city(source, tmp_path / "out", progress=silent)
    assert [item.location_id[7:] for item in load_city(tmp_path / "out").locations] == [*ids, "Z"]
    whole = ids == ["A", "B"] or (ids == ["A"] and b'"B"' not in data and len(report.left_out) == 0)
    assert whole or report.reasons()["the file breaks off here"] == 1 or ids == []


def test_geojson_is_read_by_its_own_names_or_by_a_map(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    point = {"type": "Point", "coordinates": [3.72, 51.05]}
    named = {"name": "Hub", "address": "High Street 1", "city": "Gent", "Plug": "Type 2", "kW": "22 kW", "Count": "2"}
    features = [
        {"type": "Feature", "id": 7, "geometry": point, "properties": named},
        {"type": "Feature", "id": 8, "geometry": None, "properties": named},
        {"type": "Feature", "id": 9, "geometry": point, "properties": None},
        {"type": "Feature", "geometry": point, "properties": place(id="OCPI")},
    ]
    (source / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (source / "import.toml").write_text(
        '[locations.columns]\nstandard = "Plug"\nmax_power_kw = "kW"\nquantity = "Count"\nname = "name"\naddress = "address"\n'
        'city = "city"\n[locations.constants]\nformat = "SOCKET"\npower_type = "AC_3_PHASE"\ncountry = "BEL"\n'
        '[locations.words.standard]\n"Type 2" = "IEC_62196_T2"\n'
    )
    report = import_city(source, tmp_path / "out", progress=silent)
    first, second = load_city(tmp_path / "out").locations
    assert (first.location_id, first.latitude, first.time_zone) == ("7", 51.05, "Europe/Brussels")
    assert sorted(first.uids.values()) == ["7-1", "7-2"]
    assert second.location_id == "BE*ABC*OCPI"
    assert [(item.line, item.reason.split(":")[0]) for item in report.left_out] == [(2, "coordinates"), (3, "properties")]


def test_what_stood_in_the_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    (target / "sessions.csv").write_text("another city's")
    (source / "a.json").write_text(json.dumps([place(publish=False)]))
    with pytest.raises(ValueError, match=r"none of 1 locations could be used \(1 not published\)"):
        import_city(source, target, progress=silent)
    assert {path.name for path in target.iterdir()} == {"sessions.csv", "import-report.csv"}
    (source / "a.json").write_text(json.dumps([place()]))
    import_city(source, target, progress=silent)
    assert not (target / "sessions.csv").exists()
    assert load_city(target).locations[0].name == "Hub"
