"""JSON bodies as I-JSON (RFC 7493): UTF-8, no name twice, no NaN, no lone surrogate, no number beyond a double; and not deep.

Python's parser lets all of these through; what is wrong is said with the path of the field.
"""

import json
import math
from typing import Any

from shared.errors import Invalid

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
"""Beyond it neighbours are one number in most languages (RFC 7493, 2.2)."""


class _DuplicateNameError(Exception):
    """A name that comes twice in one object."""


class _HugeInteger:
    """Stands for an integer that is not read: converting 100,000 digits takes a while."""


def check_json(body: bytes) -> None:
    """Raises Invalid naming the field unless `body` is I-JSON of at most MAX_DEPTH levels."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid.one("body", f"must be UTF-8; byte {error.start} is not") from error
    try:
        document = json.loads(text, object_pairs_hook=_members, parse_int=_integer)
    except _DuplicateNameError as error:
        raise Invalid.one(str(error), "comes twice in one object") from error
    except RecursionError as error:
        raise Invalid.one("body", f"must not be nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise Invalid.one("body", f"the body is not valid JSON ({error})") from error
    _walk(document)


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


def _walk(document: Any) -> None:
    waiting: list[tuple[str, Any, int]] = [("", document, 1)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Invalid.one(path or "body", f"must not be nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            for name, member in value.items():
                member_path = f"{path}.{_shown(name)}" if path else _shown(name)
                _check_text(member_path, name)
                waiting.append((member_path, member, depth + 1))
        elif isinstance(value, list):
            waiting += [(f"{path}.{number}" if path else str(number), item, depth + 1) for number, item in enumerate(value)]
        else:
            _check_value(path or "body", value)


def _check_value(path: str, value: Any) -> None:
    if isinstance(value, str):
        _check_text(path, value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Invalid.one(path, "must be a finite number; NaN and Infinity are not JSON")
    elif isinstance(value, _HugeInteger) or (isinstance(value, int) and abs(value) > MAX_INTEGER):
        raise Invalid.one(path, f"must be between -{MAX_INTEGER} and {MAX_INTEGER}")


def _check_text(path: str, text: str) -> None:
    if text.isascii() and "\0" not in text:
        return
    if "\0" in text:
        raise Invalid.one(path, "must not contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid.one(path, f"must be Unicode text; character {error.start} is half of a surrogate pair") from error


def _shown(name: str) -> str:
    """A member's name as it may stand in an answer: short, and always Unicode."""
    return name[:64].encode("utf-8", "replace").decode()
