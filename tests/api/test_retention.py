"""What is old leaves the database: decisions to the store without a name, messages and claims for good."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from functions.booking.retention import prune_claims
from functions.booking.tables import slot_claim
from functions.notify.retention import prune_messages
from functions.notify.tables import delivery, notification
from functions.optimizer.retention import export_decisions
from functions.optimizer.tables import decision
from shared.clock import ManualClock
from shared.errors import Unavailable
from tests.support.world import TYPE2, World

ORIGIN = {"lat": 52.0917, "lon": 5.1219}


@pytest.fixture
def decided(world: World, clock: ManualClock) -> World:
    """A world in which a driver's charge request was decided, booked and told."""
    world.location(evses=1)
    body = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": ORIGIN,
    }
    world.user().post("/optimizer/charge-requests", body)
    world.drain()
    clock.advance(timedelta(seconds=world.platform.settings.message_hold_s))
    world.drain()
    return world


def rows(world: World, table: sa.Table) -> int:
    return int(world.scalar(sa.select(sa.func.count()).select_from(table)))


def exported(world: World) -> list[dict[str, Any]]:
    lines = []
    for name in world.platform.blobs.names("exports/decisions/"):
        blob = world.platform.blobs.read(name)
        assert blob is not None
        lines += [json.loads(line) for line in gzip.decompress(blob[0]).splitlines()]
    return lines


def test_a_young_decision_stays(decided: World, clock: ManualClock) -> None:
    clock.advance(timedelta(days=34))
    assert export_decisions(decided.platform) == 0
    assert rows(decided, decision) == 1


def test_an_old_decision_is_exported_and_leaves_its_table(decided: World, clock: ManualClock) -> None:
    clock.advance(timedelta(days=36))
    assert export_decisions(decided.platform) == 1
    assert rows(decided, decision) == 0
    assert [line["decision"]["policy"] for line in exported(decided)] != []
    assert export_decisions(decided.platform) == 0


def test_an_export_names_nobody_and_no_place_they_set_out_from(decided: World, clock: ManualClock) -> None:
    user_id = decided.scalar(sa.text("SELECT user_id FROM charge_request"))
    clock.advance(timedelta(days=36))
    export_decisions(decided.platform)
    (line,) = exported(decided)
    assert (line["needs"]["latitude"], line["needs"]["longitude"]) == (52.1, 5.1)
    assert set(line["decision"]["candidates"]) == {"pool", "start", "length", "wait_min", "price", "score", "terms"}
    assert set(line["decision"]["candidates"]["terms"]) == {"wait", "price"}
    text = json.dumps(line)
    assert bytes(user_id).hex() not in text.replace("-", "")
    assert "52.09" not in text


def test_a_store_that_is_away_loses_no_decision(decided: World, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def write(self, *_: object, **__: object) -> str:
            raise Unavailable("the store is away")

    clock.advance(timedelta(days=36))
    monkeypatch.setattr(decided.platform, "blobs", Away())
    with pytest.raises(Unavailable):
        export_decisions(decided.platform)
    assert rows(decided, decision) == 1


def test_a_batch_that_was_stored_and_not_deleted_is_stored_once(
    decided: World, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Unavailable("the database is away")

    clock.advance(timedelta(days=36))
    with monkeypatch.context() as patched:
        patched.setattr(decided.platform, "transact", broken)
        with pytest.raises(Unavailable):
            export_decisions(decided.platform)
    assert export_decisions(decided.platform) == 1
    assert len(exported(decided)) == 1


def test_what_was_sent_is_kept_a_month(decided: World, clock: ManualClock) -> None:
    sent = rows(decided, delivery)
    assert sent > 0
    clock.advance(timedelta(days=29))
    prune_messages(decided.platform)
    assert rows(decided, delivery) == sent
    clock.advance(timedelta(days=2))
    prune_messages(decided.platform)
    assert rows(decided, delivery) == 0


def test_a_message_that_waits_is_not_old(decided: World, clock: ManualClock) -> None:
    decided.platform.transact(lambda tx: tx.execute(sa.update(delivery).values(status="PENDING")))
    clock.advance(timedelta(days=60))
    prune_messages(decided.platform)
    assert rows(decided, delivery) > 0


def test_what_was_read_is_kept_a_year_and_what_was_not_two(decided: World, clock: ManualClock) -> None:
    clock.advance(timedelta(days=366))
    prune_messages(decided.platform)
    assert rows(decided, notification) > 0
    decided.platform.transact(lambda tx: tx.execute(sa.update(notification).values(read_at=tx.now)))
    prune_messages(decided.platform)
    assert rows(decided, notification) == 0


def test_an_unread_message_goes_after_two_years(decided: World, clock: ManualClock) -> None:
    clock.advance(timedelta(days=731))
    prune_messages(decided.platform)
    assert rows(decided, notification) == 0


def test_claims_go_after_their_slots(decided: World, clock: ManualClock) -> None:
    claims = rows(decided, slot_claim)
    assert claims > 0
    clock.advance(timedelta(days=34))
    assert prune_claims(decided.platform) == 0
    clock.advance(timedelta(days=2))
    assert prune_claims(decided.platform) == claims
