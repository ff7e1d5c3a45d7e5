"""What there is to know of a pool's price: of places that were there before anybody asked, and in the terms' sentences."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from functions.stations.domain import BookingTerms
from functions.stations.tables import location, pool_tariff, tariff
from functions.stations.terms_text import sentences
from functions.tariffs.domain import Tariff
from shared.db import Database, new_id
from shared.revision import config

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def to_revision(database: Database, revision: str) -> None:
    with database.engine.connect() as conn:
        alembic_config = config()
        alembic_config.attributes["connection"] = conn.execution_options(sqlite_begin="IMMEDIATE")
        command.upgrade(alembic_config, revision)
        conn.commit()


def as_of_then(table: sa.Table, row: dict[str, Any]) -> sa.Insert:
    """The row by the columns that are given alone: the older table has no others."""
    older = sa.table(table.name, *(sa.column(name, table.c[name].type) for name in row))
    return sa.insert(older).values(row)


@pytest.mark.parametrize(
    ("status", "has_tariff", "free"), [("APPROVED", False, True), ("APPROVED", True, False), ("DRAFT", False, False)]
)
def test_places_on_sale_without_a_tariff_were_free_and_are_so_by_word(
    tmp_path: Path, status: str, has_tariff: bool, free: bool
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    to_revision(database, "0007")
    place = new_id()
    row: dict[str, Any] = {"id": place, "owner_id": new_id(), "name": "Old", "address": "A", "city": "B", "country": "NLD"}
    row |= {"latitude": 52.0, "longitude": 5.0, "h3_5": 1, "h3_7": 1, "h3_9": 1, "time_zone": "UTC", "currency": "EUR"}
    row |= {"status": status, "booking_terms": {}, "created_at": NOW, "updated_at": NOW}
    price = {"id": new_id(), "location_id": place, "document": {}, "created_at": NOW}
    pool = {"location_id": place, "standard": "CHADEMO", "power_class": "FAST", "tariff_id": price["id"]}
    with database.engine.begin() as conn:
        conn.execute(as_of_then(location, row))
        if has_tariff:
            conn.execute(as_of_then(tariff, price))
            conn.execute(as_of_then(pool_tariff, pool))
    to_revision(database, "head")
    with database.engine.connect() as conn:
        found = conn.execute(sa.select(location.c.free_of_charge).where(location.c.id == place)).scalar()
    assert bool(found) is free


def told(*elements: dict[str, object], **terms: int) -> str:
    found = Tariff.model_validate({"id": "t", "currency": "EUR", "elements": elements})
    return " ".join(sentences(BookingTerms(**terms), [found], "EUR"))


def element(kind: str, price: float, **restrictions: str) -> dict[str, object]:
    return {"price_components": [{"type": kind, "price": price, "vat": 21}], "restrictions": restrictions}


def test_the_terms_say_in_money_what_goes_on_after_the_booked_end() -> None:
    said = told(
        element("ENERGY", 0.35),
        element("PARKING_TIME", 2),
        element("TIME", 10, booking="BOOKING_OVERTIME"),
        idle_grace_minutes=5,
    )
    assert (
        "Until 5 minutes after the booked end you pay no more than was quoted; after that the price goes on, at most €0.4235 a "
        "kWh and €2.42 an hour, plus €12.10 an hour for staying on." in said
    )


def test_the_terms_say_fees_by_the_hour_and_of_reservations() -> None:
    said = told(element("FLAT", 4, reservation="RESERVATION_EXPIRES"), element("TIME", 2, booking="BOOKING_CANCELLATION_FEES"))
    assert "and it costs €4.84." in said
    assert "after that it costs €2.42 for each hour of the booked time." in said


def test_the_terms_say_nothing_of_overtime_where_nothing_costs() -> None:
    assert "goes on" not in told({"price_components": [{"type": "FLAT", "price": 0}]})
