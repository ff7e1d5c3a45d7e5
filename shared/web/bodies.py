"""Bodies: what of them may come, by what the head says, and how they are read: whole and as long as was said, or not at all.

A body is read here, before any route is asked, so that nothing is carried out whose request did not arrive to its end.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.types import Receive, Scope

from shared.errors import AppError, BadRequest, PayloadTooLarge, Unavailable, UnsupportedMediaType
from shared.settings import Settings
from shared.web.call import PREFIX
from shared.web.json_body import check_json

WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
NEED_MEDIA_TYPE = ("POST", "PUT", "PATCH")
JSON: tuple[str, ...] = ("application/json",)
PICTURES: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp")
PHOTO_UPLOAD = re.compile(rf"{PREFIX}/stations/locations/[^/]+/photos")
"""The one path whose body is no JSON; what the bytes are is looked at there, not believed here."""
SMALL = 16_384
"""Bytes of a body that may come without a valid token; more than any route needs that takes none."""
CHECKS_AT_ONCE = 2
"""Large JSON bodies that are parsed at a time, each in a thread of its own."""
HELD_BYTES = 128 * 1024 * 1024
"""Bytes of bodies larger than SMALL that a process holds at a time: eight of the largest photos."""


@dataclass(frozen=True)
class ExpectedBody:
    """What the head of a request says of its body."""

    limit: int
    """Bytes that may come."""
    length: int | None
    """Bytes that will come, where it is said."""
    media_types: tuple[str, ...]
    """Those that the path takes."""
    needs_media_type: bool
    """Whether a body must be of one of them; those of methods that have none are read by nobody."""
    headers: Mapping[bytes, bytes]
    """By their names in small letters."""

    @property
    def media_type(self) -> str:
        """In small letters; empty where none is said."""
        return self.headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")

    @property
    def is_large(self) -> bool:
        """Whether more than SMALL may come; a body without a length may."""
        return self.limit > SMALL and (self.length is None or self.length > SMALL)

    def check_media_type(self) -> None:
        """Raises UnsupportedMediaType of a body that this path does not take."""
        encoding = self.headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding != "identity":  # no body is ever unpacked, so none can grow
            raise UnsupportedMediaType.one("Content-Encoding", f"send the body as it is, not {encoding[:40]!r}")
        if self.needs_media_type and self.media_type not in self.media_types:
            wanted = " or ".join(self.media_types)
            raise UnsupportedMediaType.one("Content-Type", f"must be {wanted}, not {self.media_type[:80] or 'absent'}")
        charset = _charset(self.headers.get(b"content-type", b""))
        if self.media_type == "application/json" and charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType.one("Content-Type", f"JSON is UTF-8, not {charset[:40]!r}")


def expected_body(scope: Scope, settings: Settings) -> ExpectedBody:
    """What is expected by the head. Refuses what cannot be right: BadRequest, PayloadTooLarge, UnsupportedMediaType."""
    media_types, limit = JSON, settings.max_body_bytes
    if scope["method"] == "POST" and PHOTO_UPLOAD.fullmatch(scope["path"]):
        media_types, limit = PICTURES, settings.max_photo_bytes
    headers = {key.lower(): value for key, value in scope["headers"]}
    expected = ExpectedBody(limit, _length(headers, limit), media_types, scope["method"] in NEED_MEDIA_TYPE, headers)
    if scope["method"] in WITH_BODY and (expected.length or b"transfer-encoding" in headers):
        expected.check_media_type()
    return expected


def _length(headers: Mapping[bytes, bytes], limit: int) -> int | None:
    length = headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit():
        raise BadRequest.one("Content-Length", "must be a number")
    if len(length) > 15 or int(length) > limit:
        raise too_large(limit)
    return int(length)


def _charset(content_type: bytes) -> str:
    for part in content_type.decode("latin-1").lower().split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return ""


class BodyReader:
    """Reads bodies; large JSON is parsed in a few threads of its own, so that others wait neither for it nor for a thread.

    Of large bodies no more than `held_bytes` are in memory at a time, those that are still coming and those whose requests are
    being answered together.
    """

    def __init__(self, *, held_bytes: int = HELD_BYTES) -> None:
        self._large, self._room = CapacityLimiter(CHECKS_AT_ONCE), held_bytes

    @asynccontextmanager
    async def held(self, receive: Receive, expected: ExpectedBody, *, no_large: AppError | None) -> AsyncIterator[bytes]:
        """The whole body, JSON checked, for as long as its request takes. `no_large` is raised where it is larger than SMALL:
        its caller has no valid token.

        Raises PayloadTooLarge, BadRequest where less or more came than was said, UnsupportedMediaType, Invalid of JSON that is
        none of ours, and Unavailable where others' large bodies leave no room.
        """
        limit = expected.limit
        above: AppError = too_large(limit)
        if no_large is not None and expected.is_large:
            if expected.length is not None:
                raise no_large  # before a byte of it is read
            limit, above = SMALL, no_large
        held, body = 0, bytearray()
        try:
            async for part in _parts(receive, limit, above):
                body += part
                more = len(body) - held if len(body) > SMALL else 0
                held, self._room = held + more, self._room - more
                if held and self._room < 0:
                    raise Unavailable("Too much is being sent at this moment; send it again.", retry_after_s=5)
            whole = bytes(body)
            body.clear()
            if expected.length is not None and len(whole) != expected.length:
                raise BadRequest.one("Content-Length", f"says {expected.length} bytes; {len(whole)} came")
            await self._check(whole, expected)
            yield whole
        finally:
            self._room += held

    async def _check(self, body: bytes, expected: ExpectedBody) -> None:
        if body and expected.needs_media_type:
            expected.check_media_type()
        if body and expected.media_type == "application/json":
            if len(body) > SMALL:
                await run_sync(check_json, body, limiter=self._large)
            else:
                check_json(body)


async def _parts(receive: Receive, limit: int, above: AppError) -> AsyncIterator[bytes]:
    received_bytes, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # nobody will hear this answer
            raise BadRequest("The connection ended before the body did; nothing was done.")
        part = message.get("body", b"")
        received_bytes += len(part)
        if received_bytes > limit:
            raise above
        yield part
        more = message.get("more_body", False)


def too_large(limit: int) -> PayloadTooLarge:
    """The refusal of a body of more than `limit` bytes."""
    return PayloadTooLarge.one("body", f"may have at most {limit} bytes", limit_bytes=limit)


def too_large_without_token() -> PayloadTooLarge:
    """The refusal of a large body of which nobody says whose it is."""
    return PayloadTooLarge.one("body", f"may have at most {SMALL} bytes without a bearer token", limit_bytes=SMALL)
