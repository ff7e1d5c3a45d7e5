"""The app with two faults, for the test of the load run: every seventh search is a 500, and it leaks 16 MB a second."""

import asyncio
import itertools
from typing import Any

from function_app import api as app

_searches = itertools.count(1)
_kept: list[bytes] = []
_leaking: list[asyncio.Task[None]] = []


async def _leak() -> None:
    while True:
        _kept.append(bytes(b"x" * 4_000_000))
        await asyncio.sleep(0.25)


async def api(scope: Any, receive: Any, send: Any) -> None:
    """Answers as the app does, mostly."""
    if not _leaking:
        _leaking.append(asyncio.get_running_loop().create_task(_leak()))
    if scope["path"].endswith("/stations/locations") and next(_searches) % 7 == 0:
        body = b'{"code": "INTERNAL"}'
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})
        return
    await app(scope, receive, send)
