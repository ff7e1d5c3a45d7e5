"""/dev: what it shows, what its buttons do, and whom they do not obey."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient

from app import sweeps
from app.process import make_platform, use_platform
from devhost.host.server import Host, free_port
from devhost.stack.ingestion import Ingestion
from shared import outbox
from shared.clock import ManualClock
from shared.platform import Platform
from shared.settings import Settings
from tests.support.world import World


@pytest.fixture
def page(platform: Platform) -> Iterator[TestClient]:
    host = Host(platform, port=0)
    use_platform(platform)
    with TestClient(host.app(), base_url="http://127.0.0.1:7071") as client:
        yield client
    use_platform(None)


def test_the_mailbox_shows_mail_sms_and_calendar(page: TestClient, world: World, clock: ManualClock) -> None:
    driver = world.user(phone="+31612345678")
    driver.book(world.location(name="<b>Stadhuis</b>"), "10:00")
    world.drain()
    clock.advance(timedelta(minutes=1))
    world.drain()
    overview = page.get("/dev").text
    assert "&lt;b&gt;Stadhuis" in overview
    assert "<b>Stadhuis" not in overview
    assert "SMS" in overview
    name = next(path.name for path in (world.platform.settings.data_dir / "mailbox").glob("*.eml"))
    message = page.get(f"/dev/mailbox/{name}")
    assert "BEGIN:VCALENDAR" in message.text
    framed = page.get(f"/dev/mailbox/{name}/html")
    assert "sandbox" in framed.headers["content-security-policy"]
    assert "<b>Stadhuis" not in framed.text


@pytest.mark.parametrize("name", ["../city.json", "..%2Fjwt.key", "none.eml"])
def test_only_messages_of_the_mailbox_are_shown(page: TestClient, name: str) -> None:
    assert page.get(f"/dev/mailbox/{name}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".20260302T080000.000000Z-000001.json", b'{"to": "+316'),
        ("20260302T080000.000000Z-000001.json", b'{"to": "+316'),
        ("20260302T080000.000000Z-000001.json", b"[]"),
        ("20260302T080000.000000Z-000001.json", b"\xff"),
        ("a-letter.eml", b"Subject: x"),
        ("20260302T080000.000000Z-000001.eml", b"Content-Type: text/plain; charset=none\n\nx"),
    ],
    ids=["draft", "half", "no object", "no text", "no date", "charset"],
)
def test_a_broken_letter_does_not_close_the_mailbox(
    page: TestClient, world: World, clock: ManualClock, name: str, content: bytes
) -> None:
    driver = world.user(phone="+31612345678")
    driver.book(world.location(), "10:00")
    world.drain()
    clock.advance(timedelta(minutes=1))
    world.drain()
    (world.platform.settings.data_dir / "mailbox" / name).write_bytes(content)
    overview = page.get("/dev")
    assert overview.status_code == 200
    assert "Stadhuis" in overview.text
    assert page.get(f"/dev/mailbox/{name}").status_code in (200, 404)


HERE = {"origin": "http://127.0.0.1:7071", "sec-fetch-site": "same-origin"}
FOREIGN: list[dict[str, str]] = [
    {},
    {"origin": "null"},
    {"origin": "https://evil.example"},
    {"origin": "https://127.0.0.1:7071"},
    {"origin": "http://127.0.0.1:7072"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "none"},
    HERE | {"sec-fetch-site": "same-site"},
]


def test_run_now_runs_and_a_foreign_page_cannot_press_it(page: TestClient) -> None:
    here = HERE
    before = sweeps.last_runs["assign_evses"].runs
    pressed = page.post("/dev/sweeps/assign_evses/run", headers=here, follow_redirects=False)
    assert pressed.status_code == 303
    assert sweeps.last_runs["assign_evses"].runs == before + 1
    row = page.get("/dev").text.split("<code>assign_evses</code>")[1].split("</tr>")[0]
    assert f'<td class="number">{before + 1}</td>' in row
    for foreign in FOREIGN:
        assert page.post("/dev/sweeps/assign_evses/run", headers=foreign).status_code == 403
    assert page.post("/dev/sweeps/nothing/run", headers=here).status_code == 404


def test_a_dead_letter_is_shown_and_sent_again(page: TestClient, platform: Platform, clock: ManualClock) -> None:
    message = platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {"word": "<i>"}))
    platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="boom", now=clock.now()))
    shown = page.get("/dev").text
    assert "boom" in shown
    assert "&lt;i&gt;" in shown
    clock.advance(timedelta(seconds=1))
    again = f"/dev/dead-letters/{message.id}/send-again"
    assert page.post(again).status_code == 403, "nobody says where the press comes from"
    assert page.post(again, headers=HERE, follow_redirects=False).status_code == 303
    assert platform.database.read(outbox.counts)[outbox.NOTIFY]["PENDING"] == 1
    assert page.post(again, headers=HERE).status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7071", "127.0.0.1.evil.example", "", "localhost@evil.example", "[::1"]
)
def test_a_name_that_somebody_made_to_lead_here_is_refused_everywhere(page: TestClient, host: str) -> None:
    for path in ("/dev", "/api/v1/health", "/api/v1/stations/locations", "/api/v1/docs", "/nothing"):
        answer = page.get(path, headers={"host": host})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Host"), path
        assert answer.json()["invocation_id"] == answer.headers["x-invocation-id"]


@pytest.mark.parametrize("host", ["127.0.0.1:7071", "LOCALHOST", "localhost:1", "[::1]:7071", "box.lan", "box.lan:80"])
def test_its_own_names_and_those_of_the_setting_are_answered(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("DEVHOST_HOSTS", "box.lan, other.lan")
    with TestClient(Host(platform, port=0).app()) as client:
        assert client.get("/api/v1/health", headers={"host": host}).status_code == 200


def test_what_a_client_claims_changes_no_address(tmp_path: Path, clock: ManualClock) -> None:
    """Over a real server: it must not read X-Forwarded-For itself, as uvicorn does of calls from this machine."""
    platform = make_platform(Settings(data_dir=tmp_path / "data", calls_per_minute=2), clock)
    host = Host(platform, port=free_port())
    host.prepare()
    host.serve_in_thread()
    try:
        claims = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(3)]
        answers = [httpx.get(f"{host.url}/api/v1/health", headers=claim) for claim in claims]
    finally:
        host.stop()
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_the_front_page_leads_on_and_every_link_is_there(page: TestClient) -> None:
    shown = page.get("/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert shown.headers["content-type"].startswith("text/html")
    links = page.get("/").json()["links"]
    for path in links:
        assert f'href="{path}"' in shown.text
        assert page.get(path).status_code == 200, path


def test_telemetry_is_shown_by_instrument_and_dimension(platform: Platform) -> None:
    point = {"name": "evcharging.bookings", "value": 2, "count": 2}
    envelope = {
        "time": "2026-03-02T08:00:00Z",
        "data": {"baseType": "MetricData", "baseData": {"metrics": [point], "properties": {"status": "RESERVED"}}},
    }
    with Ingestion() as ingestion:
        ingestion.take([envelope, envelope])
        with TestClient(Host(platform, port=0, ingestion=ingestion).app(), base_url="http://127.0.0.1:7071") as client:
            shown = client.get("/dev/telemetry").text
    row = next(line for line in shown.splitlines() if "evcharging.bookings" in line)
    assert "status RESERVED" in row
    assert ">4<" in row


def test_where_telemetry_goes_nowhere_the_page_says_how_to_see_it(page: TestClient) -> None:
    assert "TELEMETRY=1 make run" in page.get("/dev/telemetry").text
