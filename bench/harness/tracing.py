"""Where time goes: named stages around the platform's own functions, each counted without what is nested in it.

Only the processes of measurements wrap anything; the platform knows nothing of it. A function that a base does not have is
left out, and its time counts to what surrounds it.
"""

import functools
import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Stopwatch:
    """The stages of one request or message: seconds by stage. One thread at a time works on a request."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[tuple[str, float]] = []

    def enter(self, stage: str) -> None:
        """A stage begins inside the one that is open."""
        now = time.perf_counter()
        if self._open:
            self._add(self._open[-1], now)
        self._open.append((stage, now))

    def leave(self) -> None:
        """The open stage ends; the one around it goes on."""
        now = time.perf_counter()
        self._add(self._open.pop(), now)
        if self._open:
            self._open[-1] = (self._open[-1][0], now)

    def _add(self, opened: tuple[str, float], now: float) -> None:
        stage, since = opened
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - since


current: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


@contextmanager
def watching() -> Iterator[Stopwatch]:
    """Measures what runs inside, in this context and in threads that it hands its context to."""
    watch = Stopwatch()
    token = current.set(watch)
    try:
        yield watch
    finally:
        current.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A stage of what is being watched; nothing where nothing is."""
    watch = current.get()
    if watch is None:
        yield
        return
    watch.enter(name)
    try:
        yield
    finally:
        watch.leave()


def wrapped(fn: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`fn` as a stage."""
    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def asynchronous(*arguments: Any, **named: Any) -> Any:
            with stage(name):
                return await fn(*arguments, **named)

        return asynchronous

    @functools.wraps(fn)
    def synchronous(*arguments: Any, **named: Any) -> Any:
        with stage(name):
            return fn(*arguments, **named)

    return synchronous


def wrap(path: str, name: str) -> bool:
    """Puts a stage around `module:attribute` (or `module:Class.attribute`). False where there is none."""
    module_name, _, attribute = path.partition(":")
    try:
        owner: Any = importlib.import_module(module_name)
        *outer, last = attribute.split(".")
        for part in outer:
            owner = getattr(owner, part)
        function = inspect.getattr_static(owner, last)
    except (ImportError, AttributeError):
        return False
    if isinstance(function, classmethod):
        setattr(owner, last, classmethod(wrapped(function.__func__, name)))
    else:
        setattr(owner, last, wrapped(function, name))
    return True


def in_endpoint(run: Callable[..., Any], hop: str, name: str) -> Callable[..., Any]:
    """`run_in_threadpool` as the stage `hop`, and the function that it runs as the stage `name`."""

    @functools.wraps(run)
    async def hopped(fn: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with stage(hop):
            return await run(wrapped(fn, name), *arguments, **named)

    return hopped


DATABASE = (
    ("sqlalchemy.engine.default:DefaultDialect.do_execute", "sql"),
    ("sqlalchemy.engine.default:DefaultDialect.do_executemany", "sql"),
    ("sqlalchemy.engine.default:DefaultDialect.do_commit", "commit"),
    ("sqlalchemy.engine.default:DefaultDialect.do_rollback", "pool"),
    ("sqlalchemy.engine.default:DefaultDialect.do_ping", "pool"),
    ("sqlalchemy.engine.base:Connection.execute", "sqlalchemy"),
    ("shared.precompiled:Precompiled.rows", "sqlalchemy"),
    ("shared.precompiled:Precompiled.execute", "sqlalchemy"),
    ("shared.precompiled:Precompiled.execute_many", "sqlalchemy"),
    ("shared.db:Database._transact_once", "sqlalchemy"),
)
BOOKING = (
    ("shared.web.call:read_access_token", "auth"),
    ("fastapi.routing:solve_dependencies", "validate"),
    ("functions.booking.service:reserve_slot", "use_case"),
    ("functions.booking.schemas:Booking.of", "serialise"),
    ("functions.booking.schemas:Booking.model_dump_json", "serialise"),
    ("functions.booking.service:priced", "quote"),
)


def install_http() -> None:
    """Stages of an HTTP request that books: everything else of the app is `framework`, of the endpoint `use_case`."""
    for path, name in DATABASE + BOOKING:
        wrap(path, name)
    import fastapi.routing

    fastapi.routing.run_in_threadpool = in_endpoint(fastapi.routing.run_in_threadpool, "thread", "use_case")  # type: ignore[attr-defined]
