"""What a database holds, compared before and after a restore: `python -m app.restored`, JSON."""

import contextlib
import json
import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from app.migrate import load_tables
from app.process import sentence_of
from shared.db import Database
from shared.errors import AppError


def look(database: Database) -> dict[str, Any]:
    """The revision, the last booking's instant, how many bookings are RESERVED and claim no slot (0 where both were saved at
    one instant), and the rows of each table; in one consistent view. Raises Unavailable."""
    tables = load_tables().tables
    booking, claim = tables["booking"], tables["slot_claim"]
    claims_none = ~sa.exists().where(claim.c.booking_id == booking.c.id)

    def read(conn: Connection) -> dict[str, Any]:
        def count(*where: Any, table: sa.Table) -> int:
            return conn.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one()

        return {
            "revision": conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one(),
            "last_booking": str(conn.execute(sa.select(sa.func.max(booking.c.created_at))).scalar()),
            "reserved_without_claims": count(booking.c.status == "RESERVED", claims_none, table=booking),
            "rows": {name: count(table=table) for name, table in sorted(tables.items())},
        }

    return database.read(read)


def main() -> None:
    """The command. Exits 1 with a sentence where the database cannot be read."""
    from shared.platform import Platform

    try:
        with contextlib.closing(Platform()) as platform:
            print(json.dumps(look(platform.database), indent=1))
    except (AppError, ValueError) as error:
        sys.exit(f"not read: {sentence_of(error)}")


if __name__ == "__main__":
    main()
