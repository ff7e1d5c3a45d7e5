"""Stations on MariaDB: the audit log refuses to be changed, and drivers who book while an owner blocks never end up inside."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.migrate import upgrade
from functions.booking.tables import booking, slot_claim
from functions.stations.tables import blocked_time, evse, location, tariff, tariff_period
from shared.audit import audit_entry
from shared.clock import ManualClock
from shared.db import new_id
from tests.support.stack_fixtures import platform_on
from tests.support.world import World


@pytest.fixture
def world(mariadb_world: World) -> World:
    """The API on MariaDB."""
    return mariadb_world


@pytest.mark.parametrize("statement", [sa.update(audit_entry).values(action="x"), sa.delete(audit_entry)])
def test_the_server_refuses_to_change_an_audit_entry(world: World, statement: Any) -> None:
    world.platform.transact(lambda tx: tx.audit("x.y", object_type="x", object_id=new_id()))
    with pytest.raises(sa.exc.DBAPIError, match="append only"), world.platform.database.engine.begin() as conn:
        conn.execute(statement)
    assert world.scalar(sa.select(sa.func.count()).select_from(audit_entry)) == 1


def test_the_whole_way_of_a_location(world: World) -> None:
    """Blocked, moved, removed, submitted: the SQL of every room once on the server."""
    owner, driver, admin = world.user("owner"), world.user(), world.user("admin")
    world.owner_id = owner.id
    place = world.location(evses=2)
    path = f"/stations/locations/{place}"
    booked = driver.book(place, "12:00").json()
    block = {"period_begin": "2026-03-02T18:00:00Z", "period_end": "2026-03-02T19:00:00Z", "reason": "Market"}
    assert owner.post(f"{path}/blocked-times", block, if_match="*").status_code == 201
    for item in owner.get(path).json()["evses"]:
        first = owner.delete(f"{path}/evses/{item['id']}", if_match="*")
        if first.status_code == 409:
            token = first.json()["confirmation"]
            assert owner.delete(f"{path}/evses/{item['id']}?confirmation={token}", if_match="*").status_code == 200
    assert driver.get(f"/booking/bookings/{booked['id']}").json()["reservation_status"] == "CANCELED"
    body = {"uid": "E0", "connectors": [{"standard": "CHADEMO", "power_type": "DC", "max_power_kw": 50}]}
    assert owner.post(f"{path}/evses", body, if_match="*").status_code == 201
    assert owner.put(f"{path}/tariffs", {"tariffs": []}, if_match="*").status_code == 200
    assert owner.get(f"{path}/tariffs").json()["items"][0]["valid_until"] is not None
    stale = owner.patch(path, {"name": "x"}, if_match='"1"')
    assert stale.status_code == 412
    assert {item["field"].split(".")[0] for item in stale.json()["changes"]} == {"blocked_times", "evses", "tariffs"}
    assert len(admin.get("/accounts/audit", action="evse.").json()["items"]) == 3
    assert owner.delete(path, if_match="*").status_code == 204


def test_who_books_while_times_are_blocked_is_never_inside(world: World) -> None:
    """Eight drivers book and move at three EVSEs while their owner blocks one after the other and opens them again."""
    owner = world.user("owner")
    world.owner_id = owner.id
    place = world.location(evses=3)
    ids = [item["id"] for item in owner.get(f"/stations/locations/{place}").json()["evses"]]
    drivers = [world.user() for _ in range(8)]
    failures: list[str] = []
    done = threading.Event()

    def drive(number: int) -> None:
        hour, mine = 10 + number % 3, drivers[number]
        for turn in range(6):
            booked = mine.book(place, f"{hour}:{15 * (turn % 4):02}", minutes=45)
            if booked.status_code == 201:
                booking_id = booked.json()["id"]
                moved = mine.post(f"/booking/bookings/{booking_id}/reschedule", {"start": f"2026-03-02T{hour + 1}:00:00Z"})
                ended = mine.post(f"/booking/bookings/{booking_id}/cancel") if turn % 2 else moved
                if moved.status_code not in (200, 409) or ended.status_code not in (200, 409):
                    failures.append(moved.text + ended.text)
            elif booked.status_code != 409:
                failures.append(booked.text)

    def block() -> None:
        path = f"/stations/locations/{place}/blocked-times"
        for turn in range(12):
            body = {
                "evse_id": ids[turn % 3],
                "period_begin": f"2026-03-02T{10 + turn % 3}:00:00Z",
                "period_end": f"2026-03-02T{11 + turn % 3}:00:00Z",
                "reason": f"Turn {turn}",
            }
            token = ""
            for _ in range(20):  # a list that changed meanwhile comes back with a new token
                answer = owner.post(f"{path}?confirmation={token}", body, if_match="*")
                if answer.status_code != 409:
                    break
                token = answer.json()["confirmation"]
            if answer.status_code == 201 and turn % 2:
                answer = owner.delete(f"{path}/{answer.json()['id']}", if_match="*")
            if answer.status_code not in (200, 201, 409):
                failures.append(answer.text)
        done.set()

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(8)] + [threading.Thread(target=block)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert failures == []
    assert done.is_set()

    def inside(tx: Any) -> list[Any]:
        claims, blocks = slot_claim.c, blocked_time.c
        on = sa.and_(
            claims.evse_id == blocks.evse_id, claims.slot_start >= blocks.period_begin, claims.slot_start < blocks.period_end
        )
        return list(tx.execute(sa.select(claims.booking_id).join(blocked_time, on)))

    def uneven(tx: Any) -> list[Any]:
        """Bookings that stand and whose claims are not theirs, slot by slot, on the EVSE they name."""
        statement = (
            sa.select(booking.c.id, booking.c.status, sa.func.count(slot_claim.c.slot_start))
            .outerjoin(slot_claim, sa.and_(slot_claim.c.booking_id == booking.c.id, slot_claim.c.evse_id == booking.c.evse_id))
            .group_by(booking.c.id, booking.c.status)
        )
        return [row for row in tx.execute(statement) if row[2] != (9 if row[1] == "RESERVED" else 0)]

    assert world.platform.read(inside) == []
    assert world.platform.read(uneven) == []
    blocked = world.scalar(sa.select(sa.func.count()).select_from(blocked_time))
    assert blocked > 0, "some were blocked, or nothing was shown"


def test_tariffs_that_were_there_get_a_history(mariadb_url: str, tmp_path: Path, clock: ManualClock) -> None:
    """The migration on a database with data: every pool's tariff begins when it was made."""
    from alembic import command

    from shared.revision import config

    platform = platform_on(mariadb_url, tmp_path, clock)
    with platform.database.engine.connect() as conn:
        alembic_config = config()
        alembic_config.attributes["connection"] = conn
        command.upgrade(alembic_config, "0003")
        conn.commit()
        now = clock.now()
        place, price, plug = new_id(), new_id(), new_id()
        old = {
            "id": place,
            "owner_id": new_id(),
            "name": "Old",
            "address": "A",
            "city": "B",
            "country": "NLD",
            "latitude": 52.0,
            "longitude": 5.0,
            "h3_5": 1,
            "h3_7": 1,
            "h3_9": 1,
            "time_zone": "UTC",
            "currency": "EUR",
            "status": "APPROVED",
            "booking_terms": {},
            "created_at": now,
            "updated_at": now,
        }
        before = sa.table("location", *(sa.column(name, location.c[name].type) for name in old))
        conn.execute(sa.insert(before).values(**old))
        conn.execute(sa.insert(evse).values(id=plug, location_id=place, uid="E", status="AVAILABLE", created_at=now))
        conn.execute(sa.insert(tariff).values(id=price, location_id=place, document={"id": "t"}, created_at=now))
        pool = {"location_id": place, "standard": "CHADEMO", "power_class": "FAST", "tariff_id": price}
        conn.execute(sa.insert(sa.table("pool_tariff", *(sa.column(n, tariff_period.c[n].type) for n in pool))).values(**pool))
        conn.commit()
    upgrade(platform.database)
    (row,) = platform.read(lambda tx: list(tx.execute(sa.select(tariff_period))))
    assert (row.location_id, row.tariff_id, row.valid_from, row.valid_until) == (place, price, now, None)
    assert platform.read(lambda tx: tx.execute(sa.select(location.c.version)).scalar()) == 1
    platform.close()
