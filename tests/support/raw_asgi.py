"""Requests as a server would hand them to the app, message by message: with what no well-behaved client sends."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.types import Message

DISCONNECT: Message = {"type": "http.disconnect"}


@dataclass
class RawAnswer:
    """What the app sent, and how much of the request it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    received: int
    """Messages that were taken."""

    def json(self) -> Any:
        """The body's document."""
        return json.loads(self.body)


def part(body: bytes, *, more: bool = False) -> Message:
    """A part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def request(
    app: FastAPI, method: str, path: str, messages: Sequence[Message], headers: dict[str, str], *, scheme: str = "http"
) -> RawAnswer:
    """Sends `messages` one by one; after the last the connection is gone."""
    waiting, sent, received = [*messages], [], 0

    async def receive() -> Message:
        nonlocal received
        received += 1
        return waiting.pop(0) if waiting else DISCONNECT

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path.partition("?")[0],
        "raw_path": path.partition("?")[0].encode(),
        "query_string": path.partition("?")[2].encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode("latin-1")) for name, value in ({"host": "testserver"} | headers).items()
        ],
        "client": ("192.0.2.1", 4711),
        "server": ("testserver", 80),
        "state": {},
    }
    asyncio.run(app(scope, receive, send))
    (start,) = [message for message in sent if message["type"] == "http.response.start"]
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return RawAnswer(start["status"], answered, body, received)
