"""Conditional writes: the ETag of a version, and If-Match (RFC 9110, 13.1.1) against it."""

import re
from typing import Annotated

from fastapi import Header

from shared.errors import PreconditionRequired

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="The ETag of what you read; `*` overwrites whatever is there. Without it 428, where it has changed 412.",
    ),
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", max_length=200, description="The ETag of what you have already")
]
_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag_of(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


def matches(if_match: str | None, version: int) -> bool:
    """Whether a write on `version` may go on. Raises PreconditionRequired without a header; weak tags never match."""
    if if_match is None or not if_match.strip():
        raise PreconditionRequired(
            "Send `If-Match` with the ETag of what you read, so that nobody's change is lost.", etag=etag_of(version)
        )
    if if_match.strip() == "*":
        return True
    return any(not weak and tag == str(version) for weak, tag in _TAG.findall(if_match))


def version_in(if_match: str) -> int | None:
    """The newest version that an If-Match header names, None where it names none of ours."""
    versions = [int(tag) for _, tag in _TAG.findall(if_match) if tag.isascii() and tag.isdigit() and len(tag) < 10]
    return max(versions, default=None)
