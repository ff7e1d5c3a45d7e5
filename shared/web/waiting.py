"""Waiting for what is not there yet: `Prefer: wait` (RFC 7240) instead of asking again and again."""

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Header
from starlette.concurrency import run_in_threadpool

MOST_S = 10
"""No answer waits longer: what stands between may give up on it."""
LOOKS_EVERY_S = 0.25
T = TypeVar("T")

Prefer = Annotated[
    str | None,
    Header(alias="Prefer", max_length=200, description=f"`wait=N`: the answer waits up to N seconds, at most {MOST_S}"),
]
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", re.IGNORECASE)


def seconds_of(prefer: str | None) -> int | None:
    """How long the header asks to wait, bounded; None where it does not. Other preferences are nobody's mistake."""
    asked = _WAIT.search(prefer or "")
    return None if asked is None else min(int(asked.group(1)), MOST_S)


async def waited_for(read: Callable[[], T], *, done: Callable[[T], bool], prefer: str | None) -> tuple[T, int | None]:
    """What `read` gives once it is `done`, or after the time that `Prefer` asks for; and that time, None without one.

    `read` runs in a thread of its own each time: no thread and no connection waits between.
    """
    seconds, loop = seconds_of(prefer), asyncio.get_running_loop()
    deadline = loop.time() + (seconds or 0)
    while True:
        answer = await run_in_threadpool(read)
        left = deadline - loop.time()
        if done(answer) or left <= 0:
            return answer, seconds
        await asyncio.sleep(min(LOOKS_EVERY_S, left))
