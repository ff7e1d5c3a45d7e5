"""The hand-written app beside the platform: its database with the platform's places, and a server process."""

import uuid
from collections.abc import Sequence

import pymysql

from bench.harness.minimal_app import TABLES
from bench.harness.stack import ServerProcess, Stack

APP = "bench.harness.minimal_app:app"


def serve_minimal(running: Stack, places: Sequence[uuid.UUID], *, evses: int) -> ServerProcess:
    """A server of the hand-written app (`minimal_app`) on a database of its own, with these places of so many EVSEs each."""
    url = running.mariadb.create("minimal")
    with pymysql.connect(host="127.0.0.1", port=running.mariadb.port, user="root", database="minimal") as connection:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(table)
            cursor.executemany("INSERT INTO place VALUES (%s)", [(place.bytes,) for place in places])
            rows = [(uuid.uuid4().bytes, place.bytes) for place in places for _ in range(evses)]
            cursor.executemany("INSERT INTO evse VALUES (%s, %s)", rows)
        connection.commit()
    return running.serve(url, name="minimal", app=APP, MINIMAL_URL=url)
