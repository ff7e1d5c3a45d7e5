"""/dev: what it shows, what its buttons do, and whom they do not obey."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from app import sweeps
from app.process import use_platform
from devhost.host.server import Host
from shared import outbox
from shared.clock import ManualClock
from shared.platform import Platform
from tests.support.world import World


@pytest.fixture
def page(platform: Platform) -> Iterator[TestClient]:
    host = Host(platform, port=0)
    use_platform(platform)
    with TestClient(host.app(), base_url="http://127.0.0.1:7071") as client:
        yield client
    use_platform(None)


def test_the_mailbox_shows_mail_sms_and_calendar(page: TestClient, world: World) -> None:
    driver = world.user(phone="+31612345678")
    driver.book(world.location(name="<b>Stadhuis</b>"), "10:00")
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
def test_a_broken_letter_does_not_close_the_mailbox(page: TestClient, world: World, name: str, content: bytes) -> None:
    driver = world.user(phone="+31612345678")
    driver.book(world.location(), "10:00")
    world.drain()
    (world.platform.settings.data_dir / "mailbox" / name).write_bytes(content)
    overview = page.get("/dev")
    assert overview.status_code == 200
    assert "Stadhuis" in overview.text
    assert page.get(f"/dev/mailbox/{name}").status_code in (200, 404)


def test_run_now_runs_and_a_foreign_page_cannot_press_it(page: TestClient) -> None:
    here = {"origin": "http://127.0.0.1:7071", "sec-fetch-site": "same-origin"}
    before = sweeps.last_runs["assign_evses"].runs
    pressed = page.post("/dev/sweeps/assign_evses/run", headers=here, follow_redirects=False)
    assert pressed.status_code == 303
    assert sweeps.last_runs["assign_evses"].runs == before + 1
    row = page.get("/dev").text.split("<code>assign_evses</code>")[1].split("</tr>")[0]
    assert f'<td class="number">{before + 1}</td>' in row
    for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert page.post("/dev/sweeps/assign_evses/run", headers=foreign).status_code == 403
    assert page.post("/dev/sweeps/nothing/run", headers=here).status_code == 404


def test_a_dead_letter_is_shown_and_sent_again(page: TestClient, platform: Platform, clock: ManualClock) -> None:
    message = platform.transact(lambda tx: tx.emit(outbox.NOTIFY, "t", {"word": "<i>"}))
    platform.database.transact(lambda conn: outbox.dead_letter(conn, message.id, error="boom", now=clock.now()))
    shown = page.get("/dev").text
    assert "boom" in shown
    assert "&lt;i&gt;" in shown
    clock.advance(timedelta(seconds=1))
    assert page.post(f"/dev/dead-letters/{message.id}/send-again", follow_redirects=False).status_code == 303
    assert platform.database.read(outbox.counts)[outbox.NOTIFY]["PENDING"] == 1
    assert page.post(f"/dev/dead-letters/{message.id}/send-again").status_code == 404
