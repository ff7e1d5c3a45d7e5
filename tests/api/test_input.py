"""Bad input: each kind, on every route that could meet it, is a 4xx in the one shape, names the field and changes nothing."""

import email
import email.policy
import gzip
import unicodedata
import uuid
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydantic import ValidationError

from app.asgi import create_app
from app.migrate import upgrade
from app.openapi import operations, resolve
from app.process import make_platform
from functions.accounts.tables import vehicle
from functions.stations.schemas import TariffsPut
from shared.clock import ManualClock
from shared.db import metadata
from shared.platform import Platform
from shared.settings import Settings
from shared.web.json_body import MAX_DEPTH
from tests.conftest import MONDAY_EIGHT
from tests.support.authorisation_objects import StationKeyHolder
from tests.support.authorisation_rules import RULES
from tests.support.world import API, TYPE2, Person, World

SHAPE = {"type", "title", "status", "code", "detail", "errors", "invocation_id"}
DOCUMENT = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
OPERATIONS = [(method.upper(), path, operation) for path, method, operation in operations(DOCUMENT)]
ID = "01a20d6f-1c73-71f2-8c3d-b9d69f8236d2"
JSON = "application/json"


def named(method: str, path: str) -> str:
    return f"{method} {path.removeprefix(API)}"


WITH_BODY = [
    pytest.param(method, path, id=named(method, path))
    for method, path, operation in OPERATIONS
    if JSON in operation.get("requestBody", {}).get("content", {})
]
EVERY = [pytest.param(method, path, id=named(method, path)) for method, path, _ in OPERATIONS]
PARAMETERS = [
    pytest.param(method, path, item, id=f"{named(method, path)} {item['in']} {item['name']}")
    for method, path, operation in OPERATIONS
    for item in (resolve(DOCUMENT, parameter) for parameter in operation.get("parameters", []))
]


def filled(path: str, **values: str) -> str:
    """The path with its parameters."""
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", values.get(name, ID))
    return path


def problem(answer: Any, *, statuses: tuple[int, ...] = (400, 413, 415, 422)) -> list[str]:
    """The fields a refusal names; it has the one shape."""
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:400]}"
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) >= SHAPE, document
    assert document["status"] == answer.status_code
    answer.text.encode()
    assert all(item["field"] in document["detail"] for item in document["errors"][:3])
    return [item["field"] for item in document["errors"]]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform for all of them: what is refused changes nothing."""
    instance = make_platform(Settings(data_dir=tmp_path_factory.mktemp("input"), rate_limits=False), ManualClock(MONDAY_EIGHT))
    upgrade(instance.database)
    yield instance
    instance.close()


@pytest.fixture
def admin(world: World) -> Person:
    """Somebody whom hardly a route refuses for their role."""
    return world.user("admin")


def caller(world: World, admin: Person, method: str, path: str) -> Person:
    """The administrator, or the holder of a station key for what stations alone may do."""
    who = RULES[named(method, path)].who
    return StationKeyHolder(world) if "station_key" in who and "admin" not in who else admin


def rows(world: World) -> dict[str, int]:
    """How many rows every table has."""
    tables = [
        table for table in metadata.sorted_tables if table.name in ("location", "booking", "vehicle", "charge_request", "evse")
    ]
    return {table.name: world.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables}


BODIES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "body"),
    "a comma too many": (b'{"a": 1,}', "body"),
    "NaN": (b'{"a": {"b": NaN}}', "a.b"),
    "Infinity": (b'{"a": [0, Infinity]}', "a.1"),
    "minus Infinity": (b'{"a": -Infinity}', "a"),
    "a number beyond a double": (b'{"a": 1e999}', "a"),
    "an integer beyond a double": (b'{"a": 9007199254740993}', "a"),
    "an integer of 5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "a"),
    "a name twice": (b'{"soc": 0.1, "soc": 0.9}', "soc"),
    "half a surrogate pair": (rb'{"name": "\ud83d"}', "name"),
    "half a surrogate pair as a name": (rb'{"\udc00": 1}', "?"),
    "NUL": (rb'{"name": "a\u0000b"}', "name"),
    "a raw NUL": (b'{"name": "a\0b"}', "body"),
    "too deep": (b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, ".".join("a" * MAX_DEPTH)),
    "so deep that a parser falls": (b"[" * 100_000, "body"),
    "not UTF-8": (b'{"name": "\xff"}', "body"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), "body"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "body"),
    "an array": (b"[]", "body"),
    "a string": (b'"a"', "body"),
    "a number": (b"1", "body"),
}


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_that_is_no_json_of_ours_is_refused_on_every_route(world: World, admin: Person, method: str, path: str) -> None:
    headers = caller(world, admin, method, path).headers() | {"content-type": JSON}
    before = rows(world)
    for kind, (body, field) in BODIES.items():
        answer = world.client.request(method, filled(path), content=body, headers=headers)
        assert problem(answer, statuses=(422,)) == [field], kind
    assert rows(world) == before


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_what_is_said_of_a_body_is_checked_on_every_route(world: World, admin: Person, method: str, path: str) -> None:
    token = caller(world, admin, method, path).headers()

    def send(content: Any, **headers: str) -> Any:
        return world.client.request(method, filled(path), content=content, headers=token | headers)

    bomb = gzip.compress(b"0" * 10_000_000)
    assert len(bomb) < 20_000
    for encoding, body in (
        ("gzip", bomb),
        ("deflate", zlib.compress(b"{}")),
        ("br", b"x"),
        ("gzip, gzip", gzip.compress(bomb)),
    ):
        answer = send(body, **{"content-type": JSON, "content-encoding": encoding})
        assert problem(answer, statuses=(415,)) == ["Content-Encoding"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "*/*", ";"):
        assert problem(send(b"{}", **{"content-type": kind}), statuses=(415,)) == ["Content-Type"], kind
    assert problem(send(b"{}", **{"content-type": "application/json; charset=utf-16"}), statuses=(415,)) == ["Content-Type"]
    ten_megabytes = b'{"a": "' + b"x" * 10_000_000 + b'"}'
    assert problem(send(ten_megabytes, **{"content-type": JSON}), statuses=(413,)) == ["body"]

    def parts() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 10_000

    assert problem(send(parts(), **{"content-type": JSON}), statuses=(413,)) == ["body"]


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 5000])
def test_a_content_length_that_is_none_is_refused(client: TestClient, length: str) -> None:
    answer = client.post(f"{API}/accounts/login", content=b"{}", headers={"content-type": JSON, "content-length": length})
    assert problem(answer, statuses=(400, 413)) == ["Content-Length" if len(length) < 9 else "body"]


INSTANTS = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1999-01-01T00:00:00Z",
    "2200-01-01T00:00:00Z",
    "2026-03-02T10:00:00",
    "2026-02-30T10:00:00Z",
    "2026-03-02T25:00:00Z",
    "2026-03-02T10:00:00 01:00",
    "1772445600",
    "now",
    "-1",
    "2026-03-02",
    "２０２６-03-02T10:00:00Z",
    "2026-03-02T10:00:00+25:00",
    "",
)
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "", "x", "--1", "0x10", "9" * 400, "1;DROP TABLE user", "１")
CURSORS = (
    "nonsense",
    "!!!!",
    "W10",
    "WzFd",
    "bnVsbA",
    "WyJ4Il0",
    "WzEsMl0",
    "W05hTiwiYSJd",
    "W3RydWVd",
    "a" * 201,
    "é",
    "%00",
    "W1tbW1tbW1tbW1tb",
    "WyIyMDI2LTAzLTAyIiwgIngiXQ",
)
KEYS = ("", " ", "a b", "k" * 129, "schlüssel", "tab\t")


@pytest.mark.parametrize(("method", "path", "item"), PARAMETERS)
def test_a_bad_parameter_is_refused_by_its_name(
    world: World, admin: Person, method: str, path: str, item: dict[str, Any]
) -> None:
    name, schema = item["name"], item["schema"]
    options = [schema, *schema.get("anyOf", ())]
    formats, kinds = {part.get("format") for part in options}, {kind for part in options for kind in types(part)}
    if name == "Idempotency-Key":
        bad: tuple[str, ...] = KEYS
    elif name == "cursor":
        bad = CURSORS
    elif "date-time" in formats:
        bad = INSTANTS
    elif kinds & {"integer", "number"}:
        bad = NUMBERS
    elif "uuid" in formats:
        bad = ("x", ID[:-1], f"{ID}0", "%00", "%ED%A0%80", "' OR 1=1", "-1", "{}") + (("",) if item["in"] == "query" else ())
    elif "boolean" in kinds:
        bad = ("maybe", "2", "NaN")
    elif any("enum" in part or "$ref" in part for part in options):
        bad = ("nonsense", "💥", "<script>", "%00")
    else:
        pytest.skip(f"any text is right for {name}")
    good = {
        part["name"]: part["schema"].get("examples", ["52"])[0] for part in required_query(path, method) if part["name"] != name
    }
    place, token = world.location(), caller(world, admin, method, path).headers()
    for value in bad:
        headers, query, at = dict(token), dict(good), filled(path, location_id=place)
        if item["in"] == "header":
            headers[name] = value.encode()  # type: ignore[assignment]
        elif item["in"] == "path":
            at = filled(path, **{name: value.replace(" ", "%20").replace("{", "%7B")})
        else:
            query[name] = value
        media = next(iter(DOCUMENT["paths"][path][method.lower()].get("requestBody", {}).get("content", {JSON: None})))
        kind = {"content": b"{}", "headers": headers | {"content-type": media}} if method != "GET" else {"headers": headers}
        answer = world.client.request(method, at, params=query, **kind)
        assert name in problem(answer, statuses=(400, 404, 422)), f"{value!r}: {answer.text[:300]}"


def types(schema: dict[str, Any]) -> list[str]:
    """The JSON types that a schema names."""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def required_query(path: str, method: str) -> list[dict[str, Any]]:
    """The query parameters an operation cannot do without."""
    parameters = [resolve(DOCUMENT, item) for item in DOCUMENT["paths"][path][method.lower()].get("parameters", [])]
    return [item for item in parameters if item["in"] == "query" and item.get("required")]


@pytest.mark.parametrize(
    "token",
    ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic dTpw", "Bearer " + "x" * 5000, "Bearer é", "bearer null"],
)
def test_a_broken_token_is_a_401_on_every_route_that_takes_one(client: TestClient, token: str) -> None:
    for method, path, operation in OPERATIONS:
        if operation.get("security") and {} not in operation["security"]:
            answer = client.request(method, filled(path), headers={b"authorization": token.encode()})
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["www-authenticate"] == "Bearer"


PLACE = {
    "name": "Central Station West",
    "address": "Plein 1",
    "city": "Utrecht",
    "country": "NLD",
    "latitude": 52.0894,
    "longitude": 5.1101,
    "time_zone": "Europe/Amsterdam",
}
WISH = {
    "battery_kwh": 60,
    "soc": 0.3,
    "connectors": [TYPE2],
    "max_power_kw": 22,
    "energy_kwh": 12,
    "origin": {"lat": 52.09, "lon": 5.12},
}
CAR = {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]}


@pytest.mark.parametrize(
    ("path", "good", "bad", "field"),
    [
        ("/stations/locations", PLACE, {"time_zone": "Mars/Olympus"}, "time_zone"),
        ("/stations/locations", PLACE, {"time_zone": "europe/amsterdam"}, "time_zone"),
        ("/stations/locations", PLACE, {"time_zone": "../../etc/passwd"}, "time_zone"),
        ("/stations/locations", PLACE, {"latitude": 90.01}, "latitude"),
        ("/stations/locations", PLACE, {"longitude": -180.5}, "longitude"),
        ("/stations/locations", PLACE, {"latitude": "52.09"}, "latitude"),
        ("/stations/locations", PLACE, {"latitude": True}, "latitude"),
        ("/stations/locations", PLACE, {"latitude": None}, "latitude"),
        ("/stations/locations", PLACE, {"latitude": 0, "longitude": 0}, "latitude"),
        ("/stations/locations", PLACE, {"currency": "XXQ"}, "currency"),
        ("/stations/locations", PLACE, {"country": "nl"}, "country"),
        ("/stations/locations", PLACE, {"name": "x" * 121}, "name"),
        ("/stations/locations", PLACE, {"name": "💥" * 121}, "name"),
        ("/stations/locations", PLACE, {"name": "  "}, "name"),
        ("/stations/locations", PLACE, {"name": "two\nlines"}, "name"),
        ("/stations/locations", PLACE, {"name": "\x1b[31mred"}, "name"),
        ("/stations/locations", PLACE, {"name": "Stad\u202esiuh"}, "name"),
        ("/stations/locations", PLACE, {"name": 5}, "name"),
        ("/stations/locations", PLACE, {"name": ["x"]}, "name"),
        ("/stations/locations", PLACE, {"owner_id": ID}, "owner_id"),
        ("/stations/locations", PLACE, {"status": "APPROVED"}, "status"),
        ("/accounts/me/vehicles", CAR, {"battery_kwh": -1}, "battery_kwh"),
        ("/accounts/me/vehicles", CAR, {"battery_kwh": 0}, "battery_kwh"),
        ("/accounts/me/vehicles", CAR, {"battery_kwh": 5e-324}, "battery_kwh"),
        ("/accounts/me/vehicles", CAR, {"battery_kwh": "60"}, "battery_kwh"),
        ("/accounts/me/vehicles", CAR, {"standards": []}, "standards"),
        ("/accounts/me/vehicles", CAR, {"standards": ["IEC_62196_T2", "NOPE"]}, "standards.1"),
        ("/optimizer/charge-requests", WISH, {"energy_kwh": -5}, "energy_kwh"),
        ("/optimizer/charge-requests", WISH, {"energy_kwh": 61}, "energy_kwh"),
        ("/optimizer/charge-requests", WISH, {"soc": 1.01}, "soc"),
        ("/optimizer/charge-requests", WISH, {"soc": "0.3"}, "soc"),
        ("/optimizer/charge-requests", WISH, {"origin": {"lat": 91, "lon": 0}}, "origin.lat"),
        ("/optimizer/charge-requests", WISH, {"origin": {"lat": 9, "lon": 181}}, "origin.lon"),
        ("/optimizer/charge-requests", WISH, {"earliest_departure": "2026-03-01T00:00:00Z"}, "earliest_departure"),
        ("/optimizer/charge-requests", WISH, {"earliest_departure": "9999-12-31T00:00:00Z"}, "earliest_departure"),
        ("/optimizer/charge-requests", WISH, {"earliest_departure": 1772445600}, "earliest_departure"),
        ("/optimizer/charge-requests", WISH, {"latest_finish": "2026-03-02T07:00:00Z"}, "latest_finish"),
        ("/optimizer/charge-requests", WISH, {"weights": {"wait": -1}}, "weights.wait"),
        ("/optimizer/charge-requests", WISH, {"auto_book": 1}, "auto_book"),
        ("/optimizer/charge-requests", WISH, {"auto_book": "yes"}, "auto_book"),
        ("/optimizer/charge-requests", WISH, {"connectors": ["x" * 33]}, "connectors.0"),
        ("/optimizer/charge-requests", WISH, {"vehicle_id": 7}, "vehicle_id"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_field(
    world: World, admin: Person, path: str, good: dict[str, Any], bad: dict[str, Any], field: str
) -> None:
    before = rows(world)
    assert problem(admin.post(path, good | bad), statuses=(422,)) == [field]
    assert rows(world) == before
    assert admin.post(path, good).status_code in (201, 202), "the same without it is taken"


HOSTILE = (
    "Robert'); DROP TABLE vehicle;--",
    '" OR ""="',
    "<script>alert(1)</script>",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "../../etc/passwd",
    "\\'; --",
    "😀👩‍👩‍👧‍👦🇳🇱",
    "Ԃ́",
    "名前",
    "مرحبا",
    "ﬁ",
    "%s%n%x",
    "=1+1",
    "NULL",
    "undefined",
    "-0",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(world: World, text: str) -> None:
    driver = world.user()
    made = driver.post("/accounts/me/vehicles", CAR | {"name": text})
    assert made.status_code == 201
    assert made.json()["name"] == unicodedata.normalize("NFC", text)
    (kept,) = driver.get("/accounts/me/vehicles").json()["items"]
    assert kept["name"] == made.json()["name"]
    mine = vehicle.c.id == uuid.UUID(made.json()["id"])
    assert world.scalar(sa.select(vehicle.c.name).where(mine)) == made.json()["name"]
    assert made.headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("\u200eStation\u200f West", "Station West"),
        ("\u202aStation\u202c \u2068West\u2069", "Station West"),
        ("Station\u200b West\ufeff", "Station West"),
        ("Sta\u200dtion Wes\u200ct", "Station West"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("க்\u200cஷ क्\u200dष", "க்\u200cஷ क्\u200dष"),
    ],
)
def test_what_nobody_sees_is_taken_out_and_joiners_stay_where_they_spell(world: World, typed: str, kept: str) -> None:
    made = world.user("owner").post("/stations/locations", PLACE | {"name": typed, "address": typed, "city": typed})
    assert made.status_code == 201, made.text
    assert [made.json()[name] for name in ("name", "address", "city")] == [kept] * 3


@pytest.mark.parametrize(
    ("char", "name"),
    [("\x1b", "ESC"), ("\n", "a line break"), ("\u202e", "RIGHT-TO-LEFT OVERRIDE"), ("\x85", "a control character")],
)
def test_a_control_character_is_refused_by_its_name(world: World, char: str, name: str) -> None:
    answer = world.user("owner").post("/stations/locations", PLACE | {"name": f"Station{char}West"})
    assert problem(answer) == ["name"]
    assert f"must not contain {name} (U+{ord(char):04X} at 7)" in answer.json()["detail"]


def test_a_text_of_invisible_characters_alone_is_empty(world: World) -> None:
    assert problem(world.user("owner").post("/stations/locations", PLACE | {"name": "\u200b\u200e \u200d"})) == ["name"]


def test_a_tariffs_texts_are_cleaned_like_any_other(world: World) -> None:
    component = {"type": "ENERGY", "price": 0.3}
    alt_text = [{"language": "en\u200e", "text": "Cheap\u200b\nat night"}]
    tariff = {"id": "T\u200f1", "currency": "EUR", "elements": [{"price_components": [component]}], "tariff_alt_text": alt_text}
    read = TariffsPut.model_validate({"tariffs": [{"tariff": tariff}]}).tariffs[0].tariff
    assert (read.id, read.tariff_alt_text) == ("T1", ({"language": "en", "text": "Cheap\nat night"},))
    alt_text[0]["text"] = "Cheap\r\nat\rnight\n"
    read = TariffsPut.model_validate({"tariffs": [{"tariff": tariff}]}).tariffs[0].tariff
    assert read.tariff_alt_text[0]["text"] == "Cheap\nat\nnight\n", (
        "line breaks in one form, however a form or Windows sends them"
    )
    with pytest.raises(ValidationError, match="NUL"):
        TariffsPut.model_validate({"tariffs": [{"tariff": tariff | {"id": "T\0"}}]})


def test_text_is_kept_in_one_form_and_counted_in_it(world: World) -> None:
    driver = world.user()
    apart, together = "e\u0301", "\u00e9"
    answer = driver.post("/accounts/me/vehicles", CAR | {"name": apart * 80})
    assert answer.status_code == 201, "160 code points as sent, 80 as kept"
    assert answer.json()["name"] == together * 80
    assert problem(driver.post("/accounts/me/vehicles", CAR | {"name": together * 81})) == ["name"]
    grows = "\u0958"  # NFC writes it as two
    assert problem(driver.post("/accounts/me/vehicles", CAR | {"name": grows * 41})) == ["name"]
    assert driver.post("/accounts/me/vehicles", CAR | {"name": grows * 40}).status_code == 201


def test_names_in_letters_are_escaped(world: World) -> None:
    place = world.location(name="<img src=x onerror=alert(1)> & Söhne")
    driver = world.user()
    assert driver.book(place, "10:00").status_code == 201
    world.drain()
    clock = world.platform.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(seconds=world.platform.settings.message_hold_s))
    world.drain()
    paths = (world.platform.settings.data_dir / "mailbox").rglob("*.eml")
    letters = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]
    pages = [part.get_content() for letter in letters if (part := letter.get_body(("html",))) is not None]
    (page,) = (page for page in pages if "onerror" in page)
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; Söhne" in page
    assert "<img" not in page


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_an_unknown_parameter_is_refused_by_its_name(world: World, admin: Person, method: str, path: str) -> None:
    known = {part["name"]: "52" for part in required_query(path, method)}
    media = next(iter(DOCUMENT["paths"][path][method.lower()].get("requestBody", {}).get("content", {JSON: None})))
    headers = caller(world, admin, method, path).headers() | ({} if method == "GET" else {"content-type": media})
    content = {} if method == "GET" else {"content": b"{}"}
    answer = world.client.request(method, filled(path), params=known | {"Radius": "5"}, headers=headers, **content)  # type: ignore[arg-type]
    assert problem(answer, statuses=(422,)) == ["Radius"]
    assert "is no parameter of this operation" in answer.json()["detail"]


def test_an_unknown_parameter_or_method_is_told(world: World, admin: Person) -> None:
    answer = world.client.request("TRACE", f"{API}/accounts/me", headers=admin.headers())
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"]
    assert world.client.get(f"{API}/%00").status_code == 404
    assert world.client.get(f"{API}/accounts/..%2f..%2fetc%2fpasswd").status_code == 404
