"""What a platform sends to its database while something is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from shared.platform import Platform

COMMIT, ROLLBACK = "COMMIT", "ROLLBACK"
AROUND = ("BEGIN", "SAVEPOINT", "RELEASE", ROLLBACK, COMMIT)
"""What a transaction is made of beside statements."""
OF_LIMITS = "rate_limit"
"""In what the rate limiter sends, in a transaction of its own."""


@contextmanager
def sent_by(platform: Platform) -> Iterator[list[str]]:
    """What is sent while the block runs, in order, with COMMIT and ROLLBACK; one statement for many rows is one."""
    sent: list[str] = []
    listeners = (
        ("before_cursor_execute", lambda _conn, _cursor, text, *_rest: sent.append(text)),
        ("commit", lambda _conn: sent.append(COMMIT)),
        ("rollback", lambda _conn: sent.append(ROLLBACK)),
    )
    for name, listener in listeners:
        sa.event.listen(platform.database.engine, name, listener)
    try:
        yield sent
    finally:
        for name, listener in listeners:
            sa.event.remove(platform.database.engine, name, listener)


def statements(sent: list[Any]) -> list[str]:
    """The statements among what was sent, without those of the rate limiter."""
    return [text for text in sent if not text.startswith(AROUND) and OF_LIMITS not in text]
