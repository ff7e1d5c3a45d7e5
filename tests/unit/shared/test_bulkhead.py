"""Bulkheads: few at a time, a short queue, an answer for whoever does not fit in, and a place free again afterwards."""

import asyncio
import contextvars
import threading

import pytest

from shared.errors import Unavailable
from shared.web.bulkhead import Bulkhead, apart


def bulkhead(*, threads: int = 1, waiting: int = 2) -> Bulkhead:
    return Bulkhead("tests", threads=threads, waiting=waiting, busy="Too many.", retry_after_s=7)


def test_who_does_not_fit_in_is_told_when_to_come_again_and_nobody_else() -> None:
    go_on, running, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        go_on.wait(30)
        with lock:
            running -= 1
        return number

    async def rush() -> list[int | BaseException]:
        small = bulkhead(threads=2, waiting=3)
        tasks = [asyncio.ensure_future(small.run(lambda number=number: work(number))) for number in range(9)]
        while sum(task.done() for task in tasks) < 4:
            await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(rush())
    assert answers[:5] == [0, 1, 2, 3, 4]
    assert most == 2
    for refused in answers[5:]:
        assert isinstance(refused, Unavailable)
        assert refused.details == {"retry_after_s": 7}


def test_a_place_is_free_again_after_errors_and_callers_who_went_away() -> None:
    small = bulkhead(threads=1, waiting=1)
    go_on = threading.Event()

    def fail() -> None:
        raise KeyError("x")

    async def visit() -> str:
        for _ in range(5):
            with pytest.raises(KeyError):
                await small.run(fail)
        first, second = (asyncio.ensure_future(small.run(lambda: go_on.wait(30))) for _ in range(2))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.ensure_future(small.run(lambda: "in"))
        await asyncio.sleep(0)
        go_on.set()
        await first
        return await third

    assert asyncio.run(visit()) == "in"


def test_the_context_of_the_caller_goes_along_and_the_signature_stays() -> None:
    name = contextvars.ContextVar("name", default="nobody")

    @apart(bulkhead())
    def who(greeting: str) -> str:
        """Says who."""
        return f"{greeting} {name.get()}"

    async def ask() -> str:
        name.set("Ada")
        return await who("hello")

    assert asyncio.run(ask()) == "hello Ada"
    assert (who.__name__, who.__doc__) == ("who", "Says who.")
