"""The database: column types that mean the same on SQLite, MariaDB and MySQL, and the one way to write, `transact`.

A write is a whole use case: BEGIN, fn, COMMIT, and only then an answer. Deadlocks and lock timeouts run fn again.
"""

import logging
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
import uuid_utils.compat
from pydantic_core import from_json, to_json
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.types import TypeDecorator
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared import telemetry
from shared.clock import SystemClock
from shared.errors import CommitUnknown, Unavailable
from shared.precompiled import insertion

log = logging.getLogger(__name__)
_CLOCK = SystemClock()

T = TypeVar("T")
S = TypeVar("S", bound=sa.Select[Any])

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""One metadata for all domains: each registers its tables here in its own tables.py."""


def new_id() -> uuid.UUID:
    """A UUIDv7: unique and rising in time, so that primary keys are appended."""
    return uuid_utils.compat.uuid7()


class Id(TypeDecorator[uuid.UUID]):
    """A UUID as BINARY(16) everywhere (sa.Uuid would become MariaDB's own type, which Azure's MySQL lacks)."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """BINARY(16) on the servers, BLOB on SQLite."""
        return dialect.type_descriptor(mysql.BINARY(16) if dialect.name in ("mysql", "mariadb") else sa.LargeBinary(16))

    def process_bind_param(self, value: uuid.UUID | None, _dialect: sa.Dialect) -> bytes | None:
        """UUID to its 16 bytes."""
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, _dialect: sa.Dialect) -> uuid.UUID | None:
        """16 bytes to a UUID."""
        return None if value is None else uuid.UUID(bytes=bytes(value))

    def server_bind(self, value: uuid.UUID | None) -> bytes | None:
        """As the servers' driver takes it, by the short way (shared/precompiled.py)."""
        return None if value is None else value.bytes

    def server_read(self, value: bytes | None) -> uuid.UUID | None:
        """As the servers' driver gives it."""
        return None if value is None else uuid.UUID(bytes=value)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timezone-aware UTC in Python, DATETIME(6) without zone in the database."""

    impl = sa.DateTime()
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """DATETIME(6) on both server dialects, else the microseconds vanish."""
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else sa.DateTime())

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect | None) -> datetime | None:
        """Refuses naive datetimes: they have no instant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: instants are timezone-aware")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        """Adds UTC."""
        return None if value is None else value.replace(tzinfo=UTC)

    def server_bind(self, value: datetime | None) -> datetime | None:
        """As the servers' driver takes it, by the short way (shared/precompiled.py)."""
        if value is not None and value.tzinfo is UTC:
            return value.replace(tzinfo=None)
        return self.process_bind_param(value, None)

    def server_read(self, value: datetime | None) -> datetime | None:
        """As the servers' driver gives it."""
        return None if value is None else value.replace(tzinfo=UTC)


def Key(length: int) -> sa.types.TypeEngine[str]:  # noqa: N802
    """A string compared byte by byte: 'A' is not 'a', 'a' is not 'a '. For keys, tokens, codes and enum words."""
    binary = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(binary, "mysql").with_variant(binary, "mariadb")


def LongText() -> sa.types.TypeEngine[str]:  # noqa: N802
    """Text without a limit below 16 MiB."""
    return sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql").with_variant(mysql.MEDIUMTEXT(), "mariadb")


LOCKED = frozenset({1205, 1213, 3572})
"""Lock wait timeout (and NOWAIT on MariaDB), deadlock, NOWAIT on MySQL 8: run the use case again."""
CHANGED = frozenset({1020})
"""MariaDB with snapshot isolation: the record changed since it was read; the same remedy."""


def error_number(error: BaseException) -> int | None:
    """The server's error number of a database error, if it has one."""
    args = getattr(getattr(error, "orig", None), "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def is_duplicate(error: sa.exc.IntegrityError) -> bool:
    """Whether `error` is a violated unique constraint or primary key."""
    return error_number(error) == 1062 or "UNIQUE constraint failed" in str(error.orig)


def is_transient(error: BaseException) -> bool:
    """Whether running the whole use case again, from its BEGIN, is right: nothing of it was stored."""
    if not isinstance(error, sa.exc.DBAPIError) or isinstance(error, sa.exc.IntegrityError):
        return False
    number = error_number(error)
    return number in LOCKED or number in CHANGED or error.connection_invalidated


_RETRYING = Retrying(
    retry=retry_if_exception(is_transient),
    stop=stop_after_attempt(6),
    wait=wait_random_exponential(multiplier=0.01, max=0.5),
    reraise=True,
)
"""For all threads: what it counts is each thread's own."""


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_on_this_machine(address: sa.URL) -> bool:
    """Whether the server is reached without a network."""
    return address.host in LOOPBACK or "unix_socket" in address.query


def verified_tls(address: sa.URL) -> dict[str, Any]:
    """What the driver is told so that it speaks TLS and nothing else, to a server whose certificate and name it has verified:
    for every host that is not this machine. By its own defaults PyMySQL verifies nothing, and `ssl_ca` with
    `ssl_verify_identity` in the address leaves the name out. Raises ValueError where the address has TLS words of its own."""
    if is_on_this_machine(address):
        return {}
    own = sorted(name for name in address.query if name.startswith("ssl"))
    if own:
        raise ValueError(f"DATABASE_URL: leave out {', '.join(own)}; TLS is always verified, by certifi's list")
    import certifi

    return {"ssl": ssl.create_default_context(cafile=certifi.where())}


class Database:
    """One engine and its write discipline. Made once a process; the engine connects at first use."""

    def __init__(self, address: str, *, pool_size: int = 10, token: Callable[[], str] | None = None) -> None:
        """`token` gives what stands in for a password, anew for each connection; tokens live longer than connections do."""
        if token is not None and sa.make_url(address).password is not None:
            raise ValueError("DATABASE_URL: leave out the password, DATABASE_AUTH is entra")
        self.address = address
        self._token = token
        self.is_sqlite = address.startswith("sqlite")
        self._pool_size = pool_size
        self._write_lock = threading.RLock()
        self._engine: Engine | None = None
        self._engine_lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The engine, made at first use."""
        with self._engine_lock:
            if self._engine is None:
                self._engine = self._make_engine()
            return self._engine

    def _make_engine(self) -> Engine:
        if self.is_sqlite:
            engine = sa.create_engine(
                self.address,
                connect_args={"check_same_thread": False, "timeout": 30},
                pool_size=self._pool_size + 30,
                json_serializer=_json,
                json_deserializer=from_json,
            )
            sa.event.listen(engine, "connect", _sqlite_on_connect)
            sa.event.listen(engine, "begin", _sqlite_on_begin)
            return engine
        address = sa.make_url(self.address)
        engine = sa.create_engine(
            address,
            isolation_level="READ COMMITTED",
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=280,
            pool_reset_on_return=None,
            json_serializer=_json,
            json_deserializer=from_json,
            connect_args=verified_tls(address)
            | {
                "connect_timeout": 5,
                "init_command": "SET SESSION innodb_lock_wait_timeout=5, time_zone='+00:00', group_concat_max_len=16777216, "
                "sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
            },
        )
        sa.event.listen(engine, "reset", _roll_back_what_is_open)
        if self._token is not None:
            sa.event.listen(engine, "do_connect", self._put_token)
        return engine

    def _put_token(self, _dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        assert self._token is not None
        options["password"] = self._token()

    def dispose(self) -> None:
        """Closes the pool; the next use opens a new one."""
        with self._engine_lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads only, in one consistent transaction that is rolled back."""
        try:
            with self._connected() as conn, conn.begin() as transaction:
                yield conn
                transaction.rollback()
        except sa.exc.TimeoutError as error:
            raise Unavailable("The database has no connection free; try again in a moment.") from error

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Runs `fn(conn)` for reading; a lost connection is opened anew and `fn` runs again."""

        def once() -> T:
            with self.reading() as conn:
                return fn(conn)

        return self._again(once)

    def transact(self, fn: Callable[[Connection], T]) -> T:
        """Runs a whole use case, BEGIN to COMMIT, again on a deadlock or lock timeout.

        `fn` must have no effect outside the transaction. Raises CommitUnknown when the connection is lost at COMMIT,
        Unavailable when the database is away or the locks do not come free.
        """
        return self._again(lambda: self._transact_once(fn))

    def _transact_once(self, fn: Callable[[Connection], T]) -> T:
        with self._writer():
            try:
                connection = self._connected()
            except sa.exc.TimeoutError as error:
                raise Unavailable("The database has no connection free; try again in a moment.") from error
            with connection as conn:
                conn = conn.execution_options(sqlite_begin="IMMEDIATE")
                transaction = conn.begin()
                try:
                    result = fn(conn)
                except BaseException:
                    if transaction.is_active:
                        transaction.rollback()
                    raise
                try:
                    transaction.commit()
                except sa.exc.DBAPIError as error:
                    if error.connection_invalidated:
                        log.error("connection lost at COMMIT: %s", error.orig)
                        raise CommitUnknown(
                            "The connection to the database was lost while storing. "
                            "Send the request again with the same Idempotency-Key to learn what happened."
                        ) from error
                    raise
                return result

    def _connected(self) -> Connection:
        """A connection; how long it took is measured."""
        begun = _CLOCK.monotonic()
        connection = self.engine.connect()
        telemetry.pool_wait_ms.record((_CLOCK.monotonic() - begun) * 1000)
        return connection

    @contextmanager
    def _writer(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        with self._write_lock:
            yield

    def _again(self, fn: Callable[[], T]) -> T:
        try:
            return _RETRYING(fn)
        except sa.exc.OperationalError as error:
            raise Unavailable("The database is not available right now; try again in a moment.") from error


def _json(value: Any) -> str:
    return to_json(value).decode()


def _roll_back_what_is_open(connection: Any, _record: object, _state: object) -> None:
    """Rolls back a connection that comes back to the pool, unless the server's last answer said that nothing is open.

    So there is no round trip after a COMMIT or ROLLBACK.
    """
    from pymysql.constants import SERVER_STATUS

    if connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
        connection.rollback()


def _sqlite_on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would defer every writer
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _sqlite_on_begin(conn: Connection) -> None:
    conn.exec_driver_sql(f"BEGIN {conn.get_execution_options().get('sqlite_begin', 'DEFERRED')}")


def for_update(statement: S, conn: Connection, *, skip_locked: bool = False) -> S:
    """`statement` with a row lock where the server has them; on SQLite the writer already holds the file."""
    if conn.dialect.name == "sqlite":
        return statement
    return statement.with_for_update(skip_locked=skip_locked)


def insert_rows(conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows that name the same columns, in one statement; none where there are none."""
    if rows:
        insertion(table, tuple(rows[0])).execute_many(conn, rows)


def insert_new(conn: Connection, table: sa.Table, **values: Any) -> bool:
    """Inserts one row; False, and nothing changed, where its key is there already. The transaction goes on either way."""
    try:
        insertion(table, tuple(values)).execute(conn, **values)
    except sa.exc.IntegrityError as error:
        if is_duplicate(error):
            return False
        raise
    return True
