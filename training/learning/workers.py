"""Both cores: jobs in worker processes, or in this one (`workers` 0), with the same answers in the same order."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for, and would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


class Workers:
    """Runs functions of plain values. With `count` 0 in this process, one after the other."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        if count:
            # One thread a worker: they are as many as there are cores.
            before = {name: os.environ.get(name) for name in THREADS}
            os.environ.update(dict.fromkeys(THREADS, "1"))
            self._pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _end_with_parent)
            self._before = before
            for future in [self._pool.submit(os.getpid) for _ in range(count)]:
                future.result()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def map(
        self, job: Callable[..., T], arguments: list[tuple[Any, ...]], done: Callable[[int], None] = lambda _: None
    ) -> list[T]:
        """`job(*arguments)` for each, in order; `done(number)` after each that has ended."""
        if self._pool is None:
            results = []
            for number, values in enumerate(arguments):
                results.append(job(*values))
                done(number)
            return results
        futures: list[Future[T]] = [self._pool.submit(job, *values) for values in arguments]
        results = []
        for number, future in enumerate(futures):
            results.append(future.result())
            done(number)
        return results

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Workers that end with the block."""
    pool = Workers(count)
    try:
        yield pool
    finally:
        pool.close()
