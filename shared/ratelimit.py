"""Rate limits and lock-outs that hold across instances: hits counted in fixed windows, one row a window and subject.

A hit is one upsert on a primary key that only the same subject touches. Wide limits are counted in steps: a process tells the
database of a twentieth of the limit at a time, so that a search costs no write of its own. Such a limit can be exceeded by
one step for each further instance; limits up to 20 are exact.
"""

import functools
import hashlib
import ipaddress
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Connection

from shared.clock import Clock
from shared.db import Database, Id, Key, UtcDateTime, metadata
from shared.errors import TooManyRequests
from shared.settings import Settings

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
MAX_WINDOWS = 20_000
"""Windows a process keeps in memory before it starts anew: a cache that may be lost."""

rate_limit = sa.Table(
    "rate_limit",
    metadata,
    # The window leads, so that pruning deletes one end of the key.
    sa.Column("window_start", UtcDateTime, primary_key=True),
    sa.Column("scope", Key(24), primary_key=True),
    sa.Column("subject", Id, primary_key=True),
    sa.Column("hits", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class Limit:
    """At most `hits` in a window; `what` says of what, in the plural."""

    hits: int
    window: timedelta
    what: str

    @property
    def step(self) -> int:
        """Hits a process counts before the database hears of them."""
        return max(1, self.hits // 20)


def limits_of(settings: Settings) -> dict[str, Limit]:
    """Every scope there is."""
    quarter, hour, day = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
    return {
        "calls": Limit(settings.calls_per_minute, timedelta(minutes=1), "calls from this account or address"),
        "bad_station_keys": Limit(
            settings.calls_per_minute, timedelta(minutes=1), "calls from this address with station keys that are not good"
        ),
        "search": Limit(settings.searches_per_minute, timedelta(minutes=1), "searches from this address"),
        "ask": Limit(settings.asks_per_minute, timedelta(minutes=1), "charge requests and recommendations asked for"),
        "photos": Limit(settings.photos_per_hour, hour, "photos sent by this account"),
        "book": Limit(settings.bookings_per_hour, hour, "bookings made, moved or cancelled"),
        "sign_in_account": Limit(settings.sign_ins_per_account, quarter, "tries to sign in to this account"),
        "sign_in_address": Limit(settings.sign_ins_per_address, quarter, "tries to sign in from this address"),
        "second_factor": Limit(settings.sign_ins_per_account, quarter, "codes tried for this account"),
        "mail_address": Limit(settings.account_mails_per_address, hour, "requests for e-mails from this address"),
        "phone_address": Limit(settings.phone_codes_per_address, hour, "codes asked for from this address"),
        "phone_account": Limit(settings.phone_codes_per_account, day, "codes asked for by this account"),
        "phone_number": Limit(settings.phone_codes_per_number, hour, "codes asked for this number"),
        "sms_number_hour": Limit(settings.sms_per_number_hour, hour, "text messages to this number"),
        "sms_number_day": Limit(settings.sms_per_number_day, day, "text messages to this number"),
        "sms_account_day": Limit(settings.sms_per_account_day, day, "text messages to this account"),
        "sms_hour": Limit(settings.sms_per_hour, hour, "text messages of the whole platform"),
    }


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IP address that is written so; an IPv4 address as IPv6 sockets write it (`::ffff:192.0.2.1`) is that of IPv4.

    Raises ValueError for what is none.
    """
    parsed = ipaddress.ip_address(text)
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


def subject_id(subject: str) -> uuid.UUID:
    """What is stored of an address or account: 128 bits of its hash. IPv6 counts by /64, what one subscriber holds."""
    try:
        parsed = ip_address(subject)
        subject = str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed, 64), strict=False))
    except ValueError:
        pass  # not an IP address: an e-mail address, or a name of tests
    return uuid.UUID(bytes=hashlib.sha256(subject.encode()).digest()[:16])


@dataclass
class _Window:
    """A subject's window in this process."""

    stored_hits: int = 0
    """What the database was last known to hold."""
    unstored_hits: int = 0
    """What the database has not been told of yet."""


@dataclass(frozen=True)
class _Hit:
    """One hit of a subject in its window."""

    limit: Limit
    scope: str
    subject: uuid.UUID
    start: datetime
    now: datetime

    def refusal(self) -> TooManyRequests:
        wait_s = max(1, -int(-(self.start + self.limit.window - self.now).total_seconds() // 1))
        return TooManyRequests(
            f"There were too many {self.limit.what}; try again in {wait_s} seconds.", limit=self.scope, retry_after_s=wait_s
        )


class RateLimiter:
    """The limits of one process, over the database that all share."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database, self._clock, self._is_on = database, clock, settings.rate_limits
        self._limits = limits_of(settings)
        self._windows: dict[tuple[str, uuid.UUID, datetime], _Window] = {}
        self._lock = threading.Lock()

    def hit(self, scope: str, subject: str) -> None:
        """Counts one. Raises TooManyRequests, saying in how many seconds the limit lifts, above the limit."""
        to_store = self.hit_in_memory(scope, subject)
        if to_store is not None:
            to_store()

    def count(self, scope: str, subject: str) -> bool:
        """Counts one and says whether it is within the limit: for what counts and is let in all the same."""
        try:
            self.hit(scope, subject)
        except TooManyRequests:
            return False
        return True

    def hit_in_memory(self, scope: str, subject: str) -> Callable[[], None] | None:
        """As `hit`, without waiting for the database: where it must be told or asked, what does that is returned."""
        if not self._is_on:
            return None
        hit = self._hit_now(scope, subject)
        hits = self._count(hit)
        return functools.partial(self._store, hit, hits) if hits else None

    def refuse_above(self, scope: str, subject: str) -> None:
        """Counts nothing. Raises TooManyRequests where the limit is reached by what this process knows."""
        if not self._is_on:
            return
        hit = self._hit_now(scope, subject)
        with self._lock:
            window = self._windows.get((hit.scope, hit.subject, hit.start))
        if window is not None and window.stored_hits + window.unstored_hits >= hit.limit.hits:
            raise hit.refusal()

    def _hit_now(self, scope: str, subject: str) -> _Hit:
        limit, now = self._limits[scope], self._clock.now()
        return _Hit(limit, scope, subject_id(subject), now - (now - EPOCH) % limit.window, now)

    def _count(self, hit: "_Hit") -> int:
        """Counts one. Returns how many the database must be told of now."""
        limit, key = hit.limit, (hit.scope, hit.subject, hit.start)
        with self._lock:
            if len(self._windows) >= MAX_WINDOWS:
                self._windows.clear()
            window = self._windows.setdefault(key, _Window())
            # Exact limits ask the database each time: another instance may have lifted them.
            if limit.step > 1 and window.stored_hits + window.unstored_hits >= limit.hits:
                raise hit.refusal()
            window.unstored_hits += 1
            if window.unstored_hits < limit.step:
                return 0
            hits, window.unstored_hits = window.unstored_hits, 0
            return hits

    def _store(self, hit: "_Hit", hits: int) -> None:
        total = self._database.transact(
            lambda conn: _add(conn, start=hit.start, scope=hit.scope, subject=hit.subject, hits=hits)
        )
        with self._lock:
            window = self._windows.setdefault((hit.scope, hit.subject, hit.start), _Window())
            window.stored_hits = max(window.stored_hits, total)
        if total > hit.limit.hits:
            raise hit.refusal()

    def lift(self, scope: str, subject: str) -> None:
        """Forgets what was counted of a subject: the right password ends a lock-out's count."""
        if not self._is_on:
            return
        limit, now = self._limits[scope], self._clock.now()
        start, hashed_subject = now - (now - EPOCH) % limit.window, subject_id(subject)
        columns = rate_limit.c
        statement = sa.delete(rate_limit).where(
            columns.window_start == start, columns.scope == scope, columns.subject == hashed_subject
        )
        self._database.transact(lambda conn: conn.execute(statement))
        with self._lock:
            self._windows.pop((scope, hashed_subject, start), None)


def _add(conn: Connection, *, start: datetime, scope: str, subject: uuid.UUID, hits: int) -> int:
    """Adds hits in one statement and returns the window's total."""
    values: dict[str, Any] = {"window_start": start, "scope": scope, "subject": subject, "hits": hits}
    if conn.dialect.name == "sqlite":
        insert = sqlite.insert(rate_limit).values(**values)
        upsert = insert.on_conflict_do_update(
            index_elements=["window_start", "scope", "subject"], set_={"hits": rate_limit.c.hits + hits}
        )
        return int(conn.execute(upsert.returning(rate_limit.c.hits)).scalar_one())
    # LAST_INSERT_ID(x) hands x back with the answer; a row that was inserted hands back 0.
    mysql_insert = mysql.insert(rate_limit).values(**values)
    result = conn.execute(mysql_insert.on_duplicate_key_update(hits=sa.func.last_insert_id(rate_limit.c.hits + hits)))
    return int(result.lastrowid) or hits


def prune(conn: Connection, *, now: datetime, keep: timedelta = timedelta(hours=2)) -> int:
    """Deletes windows that are over: after `keep`, those of limits a day a day later. Returns how many rows."""
    columns = rate_limit.c
    limits = limits_of(Settings.model_construct())  # the windows, which no setting changes
    daily = [scope for scope, limit in limits.items() if limit.window == timedelta(days=1)]
    over = sa.delete(rate_limit).where(columns.window_start < now - keep, columns.scope.not_in(daily))
    of_yesterday = sa.delete(rate_limit).where(columns.window_start < now - keep - timedelta(days=1))
    return conn.execute(over).rowcount + conn.execute(of_yesterday).rowcount
