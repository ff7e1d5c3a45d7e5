"""Pages of a list: their size, and the cursor that stands for a position in it."""

import base64
import binascii
import json
import math
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Query
from pydantic import Field

from shared.errors import BadCursor
from shared.web.call import T
from shared.web.fields import Output

Row = TypeVar("Row")


class Identified(Protocol):
    """A row with an id of our own."""

    @property
    def id(self) -> uuid.UUID: ...


IdentifiedRow = TypeVar("IdentifiedRow", bound=Identified)


class Page(Output, Generic[T]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


PageSize = Annotated[int, Field(ge=1, le=100, description="Items a page")]


def encode_cursor(*parts: str | int | float) -> str:
    """The position after the last item of a page, opaque to clients."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The parts of a cursor, checked to be of `kinds` (str, int, float, UUID, datetime). Raises BadCursor."""
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError("wrong number of parts")
        return tuple(_part(kind, part) for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise BadCursor.one("cursor", "was not made by this list") from error


def _part(kind: type, part: Any) -> Any:
    if kind is float and isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part):
        return float(part)
    if kind is int and isinstance(part, int) and not isinstance(part, bool) and abs(part) < 2**53:
        return part
    if isinstance(part, str) and kind in (str, uuid.UUID):
        return kind(part)
    if isinstance(part, str) and kind is datetime:
        instant = datetime.fromisoformat(part)
        if instant.tzinfo is None or not 2000 <= instant.year <= 2100:
            raise ValueError("no instant of this century")
        return instant
    raise ValueError(f"not a {kind.__name__}")


def cursor_id(cursor: str | None) -> uuid.UUID | None:
    """The id that a cursor of `page` stands for; None on the first page. Raises BadCursor."""
    return decode_cursor(cursor, uuid.UUID)[0] if cursor else None


def page(rows: Sequence[IdentifiedRow], limit: int, to_public: Callable[[IdentifiedRow], T]) -> Page[T]:
    """A page of a list in the order of its ids: `rows` are up to `limit + 1` of them, from the cursor's place on."""
    return page_by(rows, limit, to_public, position=lambda row: (str(row.id),))


def page_by(
    rows: Sequence[Row],
    limit: int,
    to_public: Callable[[Row], T],
    *,
    position: Callable[[Row], tuple[str | int | float, ...]],
) -> Page[T]:
    """As `page`, for a list in another order: `position` gives the parts of the cursor after a row."""
    next_cursor = encode_cursor(*position(rows[limit - 1])) if len(rows) > limit else None
    return Page(items=[to_public(row) for row in rows[:limit]], next_cursor=next_cursor)


Cursor = Annotated[
    str | None, Query(min_length=1, max_length=200, description="`next_cursor` of the page before; absent for the first page")
]
