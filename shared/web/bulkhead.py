"""Bulkheads: what is slow or hungry runs on a few threads of its own, so that it neither starves the threads that serve
everybody nor takes more memory than planned for. Who finds the queue full is told to come again."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from shared.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Bulkhead:
    """`threads` threads and room for `waiting` more calls; `busy` is the sentence for whoever does not fit in."""

    def __init__(self, name: str, *, threads: int, waiting: int, busy: str, retry_after_s: int = 2) -> None:
        self.threads, self.waiting = threads, waiting
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free, self._lock = threads + waiting, threading.Lock()
        self._busy, self._retry_after_s = busy, retry_after_s

    @property
    def free(self) -> int:
        """How many more calls fit in now."""
        return self._free

    def _take(self, places: int) -> bool:
        with self._lock:
            if self._free < places:
                return False
            self._free -= places
            return True

    async def run(self, function: Callable[[], T]) -> T:
        """Runs a function on one of the threads and waits for it without holding a thread. Raises Unavailable where too
        many wait already. A caller that goes away frees its place when its work has ended, or before it has begun."""
        if not self._take(1):
            raise Unavailable(self._busy, retry_after_s=self._retry_after_s)
        try:
            future = self._pool.submit(contextvars.copy_context().run, function)
        except BaseException:
            self._take(-1)
            raise
        future.add_done_callback(lambda _: self._take(-1))
        return await asyncio.wrap_future(future)


def apart(bulkhead: Bulkhead) -> Callable[[Callable[P, T]], Callable[P, Coroutine[Any, Any, T]]]:
    """Makes a route's function run behind a bulkhead and not on the threads that all routes share. It stands under the
    router's decorator."""

    def decorate(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(function)
        async def behind(*args: P.args, **kwargs: P.kwargs) -> T:
            return await bulkhead.run(functools.partial(function, *args, **kwargs))

        return behind

    return decorate
