"""A year of bookings, made by the database itself out of one real booking: where a table has grown to.

Bookings of fifty minutes, one after the other on each EVSE at even distances, from 351 days ago to 14 days ahead; what is over
is FULFILLED, what is to come RESERVED.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pymysql
import sqlalchemy as sa

from functions.booking.domain import ReservationRequest
from functions.booking.service import reserve_slot
from functions.booking.tables import booking
from shared.platform import Platform

DAYS, AHEAD = 365, 14
SLOTS_A_BOOKING = 10
DRIVERS = 20_000
CHUNK = 50_000
_ID = "UNHEX(CONCAT(LPAD(HEX(UNIX_TIMESTAMP(begin) * 1000 + n MOD 1000), 12, '0'), '7', SUBSTR(MD5(CONCAT('b', n)), 1, 19)))"
"""As a UUIDv7: rising with the time of creation."""
_WHEN = (
    "(SELECT s.seq AS n, e.id AS evse_id, e.location_id, e.uid, CAST(%(since)s AS DATETIME)"
    " + INTERVAL (s.seq DIV {evses}) * {step} + (e.number * 35) MOD {step} MINUTE AS begin"
    " FROM {numbers} s JOIN bench_evse e ON e.number = s.seq MOD {evses}) w"
)
"""Which booking is where and when: by its number in the SEQUENCE engine's tables."""


class YearOfBookings:
    """Fills a migrated database that has places; the server gets more memory meanwhile."""

    def __init__(self, platform: Platform, port: int, name: str) -> None:
        self._platform = platform
        self._connection = pymysql.connect(
            host="127.0.0.1",
            port=port,
            user="root",
            database=name,
            autocommit=True,
            init_command="SET SESSION time_zone='+00:00', foreign_key_checks=0, unique_checks=0",
        )

    def load(self, count: int, *, places: Sequence[uuid.UUID], driver: uuid.UUID, now: datetime) -> None:
        """Stores `count` bookings with their claims at the places, beside one by the driver that they are copies of."""
        start = (now + timedelta(days=AHEAD - 1)).replace(hour=3, minute=0, second=0, microsecond=0)
        request = ReservationRequest(driver, places[0], "IEC_62196_T2", start, 5 * SLOTS_A_BOOKING)
        model = self._platform.transact(lambda tx: reserve_slot(tx=tx, request=request)).id
        evses = self._evses()
        since = (now - timedelta(days=DAYS - AHEAD)).replace(minute=0, second=0, microsecond=0, tzinfo=None)
        step = DAYS * 24 * 60 * evses // count // 5 * 5
        with self._roomy():
            for begin in range(0, count, CHUNK):
                numbers = f"seq_{begin}_to_{min(count, begin + CHUNK) - 1}"
                when = _WHEN.format(evses=evses, step=step, numbers=numbers)
                self._do(self._bookings(when), since=since, now=now.replace(tzinfo=None), model=model.bytes)
            for number in range(evses):
                when = _WHEN.format(evses=evses, step=step, numbers=f"seq_{number}_to_{count - 1}_step_{evses}")
                self._do(
                    f"INSERT INTO slot_claim (evse_id, slot_start, booking_id) "  # noqa: S608 - our own names
                    f"SELECT evse_id, begin + INTERVAL 5 * k.seq MINUTE, {_ID} FROM {when} "
                    f"JOIN seq_0_to_{SLOTS_A_BOOKING - 1} k ORDER BY begin, k.seq",
                    since=since,
                )
            self._do("ANALYZE TABLE booking, slot_claim")

    def _evses(self) -> int:
        """Numbers the EVSEs in the order of their claims; how many there are."""
        self._do(
            "CREATE TEMPORARY TABLE bench_evse (number INT PRIMARY KEY, id BINARY(16), location_id BINARY(16), uid VARCHAR(48))"
        )
        numbered = "SELECT ROW_NUMBER() OVER (ORDER BY id) - 1, id, location_id, uid FROM evse"
        return self._do(f"INSERT INTO bench_evse {numbered}")

    def _bookings(self, when: str) -> str:
        """The statement that copies the model for each period."""
        past = "begin + INTERVAL 50 MINUTE < %(now)s"
        values = {
            "id": _ID,
            "user_id": f"UNHEX(MD5(CONCAT('u', n MOD {DRIVERS})))",
            "location_id": "w.location_id",
            "evse_id": "w.evse_id",
            "evse_uid": "w.uid",
            "start": "begin",
            "end": "begin + INTERVAL 50 MINUTE",
            "status": f"IF({past}, 'FULFILLED', 'RESERVED')",
            "no_show_at": "begin + INTERVAL 15 MINUTE",
            "revealed_at": f"IF({past}, begin - INTERVAL 30 MINUTE, NULL)",
            "started_at": f"IF({past}, begin, NULL)",
            "stopped_at": f"IF({past}, begin + INTERVAL 50 MINUTE, NULL)",
            "created_at": "begin - INTERVAL 1 DAY",
            "updated_at": "begin",
        }
        columns = [column.name for column in booking.columns]
        read = ", ".join(values.get(name, f"m.`{name}`") for name in columns)
        names = ", ".join(f"`{name}`" for name in columns)
        return f"INSERT INTO booking ({names}) SELECT {read} FROM {when} JOIN booking m ON m.id = %(model)s ORDER BY n"  # noqa: S608

    def _do(self, statement: str, **values: Any) -> int:
        with self._connection.cursor() as cursor:
            return cursor.execute(statement, values or None)

    def _roomy(self) -> "_Roomy":
        return _Roomy(self._connection)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


class _Roomy:
    """While it lasts the server has memory and a log to load with; what it is measured with is what it starts with."""

    def __init__(self, connection: "pymysql.connections.Connection[pymysql.cursors.Cursor]") -> None:
        self._connection = connection

    def __enter__(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SET GLOBAL innodb_buffer_pool_size = 3221225472")
            cursor.execute("SET GLOBAL innodb_log_file_size = 1073741824")
            cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")

    def __exit__(self, *_: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")


def counts(platform: Platform) -> tuple[int, int]:
    """How many bookings and claims there are."""

    def count(table: str) -> int:
        statement = sa.text(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - our own names
        return int(platform.database.read(lambda conn: conn.execute(statement).scalar_one()))

    return count("booking"), count("slot_claim")
