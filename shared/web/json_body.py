"""JSON bodies as I-JSON (RFC 7493): UTF-8, no name twice, no NaN, no lone surrogate, no number beyond a double; not deep, and
of a bounded number of values.

Python's parser lets all of these through; what is wrong is said with the path of the field, which is put together for an error
alone: with every value's path 242 kB of JSON took 245 MB.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from shared.errors import Invalid

MAX_DEPTH = 32
MAX_ITEMS = 10_000
"""Values in a body, those inside others too; a week's tariffs of a large location have some hundreds."""
MAX_INTEGER = 2**53 - 1
"""Beyond it neighbours are one number in most languages (RFC 7493, 2.2)."""


class _DuplicateNameError(Exception):
    """A name that comes twice in one object."""


class _WrongValueError(Exception):
    """A value that is none of ours; the way to it is put together on the way up."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.steps: list[str] = []


class _HugeInteger:
    """Stands for an integer that is not read: converting 100,000 digits takes a while."""


def check_json(body: bytes) -> None:
    """Raises Invalid naming the field unless `body` is I-JSON of at most MAX_DEPTH levels and MAX_ITEMS values."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid.one("body", f"must be UTF-8; byte {error.start} is not") from error
    if _has_too_many_items(body):
        raise Invalid.one("body", f"must not have more than {MAX_ITEMS} values")
    try:
        document = json.loads(text, object_pairs_hook=_members, parse_int=_integer)
    except _DuplicateNameError as error:
        raise Invalid.one(str(error), "comes twice in one object") from error
    except RecursionError as error:
        raise Invalid.one("body", f"must not be nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise Invalid.one("body", f"the body is not valid JSON ({error})") from error
    try:
        _check(document, 1)
    except _WrongValueError as wrong:
        raise Invalid.one(".".join(reversed(wrong.steps)) or "body", str(wrong)) from wrong


def _has_too_many_items(body: bytes) -> bool:
    """Whether there are more than MAX_ITEMS values, told by the commas and brackets, before anything is made of them."""
    if _marks(body) < MAX_ITEMS:
        return False
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
    return sum(map(_marks, unescaped.split(b'"')[::2])) >= MAX_ITEMS  # every second part stands outside of strings


def _marks(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _DuplicateNameError(_shown(name))
            seen.add(name)
    return members


def _integer(text: str) -> Any:
    return int(text) if len(text) <= 17 else _HugeInteger()


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _WrongValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
    members: Iterable[tuple[str | int, Any]]
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    else:
        _check_value(value)
        return
    for name, member in members:
        try:
            if isinstance(name, str):
                _check_text(name)
            _check(member, depth + 1)
        except _WrongValueError as wrong:
            wrong.steps.append(_shown(str(name)))
            raise


def _check_value(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _WrongValueError("must be a finite number; NaN and Infinity are not JSON")
    elif isinstance(value, _HugeInteger) or (isinstance(value, int) and abs(value) > MAX_INTEGER):
        raise _WrongValueError(f"must be between -{MAX_INTEGER} and {MAX_INTEGER}")


def _check_text(text: str) -> None:
    if text.isascii() and "\0" not in text:
        return
    if "\0" in text:
        raise _WrongValueError("must not contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _WrongValueError(f"must be Unicode text; character {error.start} is half of a surrogate pair") from error


def _shown(name: str) -> str:
    """A member's name as it may stand in an answer: short, and always Unicode."""
    return name[:64].encode("utf-8", "replace").decode()
