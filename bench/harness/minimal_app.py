"""What somebody would write by hand in an afternoon: FastAPI and PyMySQL, an EVSE claimed for a time, once a key.

Its guarantees are those of claims and of the Idempotency-Key: a slot's primary key cannot hold two, and a repeat gets the first
answer. It has no accounts, limits, terms, prices, placement, messages or alternatives: what a reservation costs beside those is
what `booking.http_over_minimal` tells. Served as `uvicorn bench.harness.minimal_app:app`, with the address in MINIMAL_URL.
"""

import json
import os
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import pymysql
from fastapi import FastAPI, Header, HTTPException, Response
from pydantic import BaseModel

SLOT = timedelta(minutes=5)
TABLES = (
    "CREATE TABLE place (id BINARY(16) PRIMARY KEY)",
    "CREATE TABLE evse (id BINARY(16) PRIMARY KEY, place_id BINARY(16) NOT NULL, KEY (place_id))",
    "CREATE TABLE booking (id BINARY(16) PRIMARY KEY, evse_id BINARY(16) NOT NULL, start DATETIME NOT NULL, end DATETIME)",
    "CREATE TABLE claim (evse_id BINARY(16), slot DATETIME, booking_id BINARY(16) NOT NULL, PRIMARY KEY (evse_id, slot))",
    "CREATE TABLE answer (`key` VARCHAR(128) PRIMARY KEY, body TEXT NOT NULL)",
)
FREE = (
    "SELECT id FROM evse WHERE place_id = %s AND NOT EXISTS "
    "(SELECT 1 FROM claim WHERE evse_id = evse.id AND slot >= %s AND slot < %s) LIMIT 1"
)
app = FastAPI()
_of_thread = threading.local()


class BookingIn(BaseModel):
    """A place from a time on."""

    location_id: uuid.UUID
    start: datetime
    duration_minutes: int


def connect() -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    """This thread's connection."""
    if not hasattr(_of_thread, "connection"):
        parts = urlsplit(os.environ["MINIMAL_URL"])
        _of_thread.connection = pymysql.connect(
            host="127.0.0.1",
            port=int(parts.port or 3306),
            user=parts.username,
            database=parts.path.strip("/"),
            init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        )
    connection: pymysql.connections.Connection[pymysql.cursors.Cursor] = _of_thread.connection
    return connection


@app.get("/api/v1/health")
def health() -> dict[str, str]:
    """Whether it is up."""
    return {"status": "ok"}


@app.post("/api/v1/booking/bookings")
def book(booking_in: BookingIn, key: Annotated[str, Header(alias="Idempotency-Key")]) -> Response:
    """Claims an EVSE of the place, once a key. 409 where none is free."""
    start = booking_in.start.astimezone(UTC).replace(tzinfo=None)
    end = start + timedelta(minutes=booking_in.duration_minutes)
    first = start - timedelta(minutes=start.minute % 5)
    connection = connect()
    try:
        with connection.cursor() as cursor:
            if not cursor.execute("INSERT IGNORE INTO answer VALUES (%s, '')", (key,)):
                cursor.execute("SELECT body FROM answer WHERE `key` = %s", (key,))
                (body,) = cursor.fetchone() or ("",)
                connection.rollback()
                return Response(body, 201, media_type="application/json")
            cursor.execute("SELECT 1 FROM place WHERE id = %s FOR UPDATE", (booking_in.location_id.bytes,))
            cursor.execute(FREE, (booking_in.location_id.bytes, first, end))
            row = cursor.fetchone()
            if row is None:
                raise HTTPException(409, "taken")
            booking_id = uuid.uuid4()
            cursor.execute("INSERT INTO booking VALUES (%s, %s, %s, %s)", (booking_id.bytes, row[0], start, end))
            slots = [(row[0], first + number * SLOT, booking_id.bytes) for number in range(-(-(end - first) // SLOT))]
            cursor.executemany("INSERT INTO claim VALUES (%s, %s, %s)", slots)
            body = json.dumps({"id": str(booking_id), "start": start.isoformat(), "end": end.isoformat()})
            cursor.execute("UPDATE answer SET body = %s WHERE `key` = %s", (body, key))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return Response(body, 201, media_type="application/json")
