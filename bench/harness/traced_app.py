"""The app with a stopwatch around each request, for measurements: `uvicorn bench.harness.traced_app:api`.

GET /bench/stages answers the mean seconds of each stage since it was last asked.
"""

import json
from typing import Any

from bench.harness import tracing

tracing.install_http()

from function_app import api as app  # noqa: E402 - the stages must be there before names are imported from modules

_total: dict[str, float] = {}
_count = 0


async def api(scope: Any, receive: Any, send: Any) -> None:
    """Answers as the app does, and counts."""
    global _count
    if scope.get("path") == "/bench/stages":
        content = json.dumps({name: value / max(1, _count) for name, value in _total.items()}).encode()
        _total.clear()
        _count = 0
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(content)).encode())]})
        await send({"type": "http.response.body", "body": content})
        return
    with tracing.watching() as watch, tracing.stage("framework"):
        await app(scope, receive, send)
    _count += 1
    for name, value in watch.seconds.items():
        _total[name] = _total.get(name, 0.0) + value
