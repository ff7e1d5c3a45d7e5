"""Numbers and local times as exports write them. What can be read two ways is read as the rest of its file is; where that says
nothing, it is refused."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

Order = Literal["DMY", "MDY", "YMD"]
Mark = Literal[".", ","]
"""What stands before the decimals of a number."""
FIRST_YEAR, LAST_YEAR = 1970, 2100
_EITHER = re.compile(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_DECIMAL_POINT = re.compile(r"[-+]?([1-9]\d{0,2}(,\d{3})+(\.\d+)?|\d*\.\d+|\d+\.)", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[-+]?(\d{1,3}((\.\d{3})*|\d*),\d+|[1-9]\d{0,2}(\.\d{3}){2,})", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_UNIT = re.compile(r"\s*kwh?\Z", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{2,4})", re.ASCII)
_TIME = re.compile(r"(\d{1,2})[:.](\d\d)(?:[:.](\d\d)(?:[.,]\d+)?)?\s*(?:([ap])\.?\s?m\.?)?", re.ASCII | re.IGNORECASE)


class AmbiguousError(ValueError):
    """What a text can be read as, more than one thing: `kind: the text`, to stand after the name of what it is of."""


def _bare(value: Any) -> str:
    return _UNIT.sub("", re.sub(r"(?<=\d)[\s'’](?=\d{3}\b)", "", str(value).strip()))


def _mark(text: str) -> Mark | None:
    """The decimal mark of a number by itself; None where it has none, or may have either."""
    if _EITHER.fullmatch(text):
        return None
    return "." if _DECIMAL_POINT.fullmatch(text) else "," if _DECIMAL_COMMA.fullmatch(text) else None


def decimal_mark(numbers: Iterable[Any], *, degrees: Iterable[Any] = ()) -> Mark | None:
    """The decimal mark of a file's numbers: that of all that can be read in one way alone; None where they have none, or not
    the same. `degrees` have no thousands, so every mark in them is a decimal one."""
    marks = {_mark(_bare(value)) for value in numbers}
    for value in degrees:
        signs = set(str(value)) & {".", ","}
        if len(signs) == 1:
            marks |= {"." if "." in signs else ","}
    return "." if marks - {None} == {"."} else "," if marks - {None} == {","} else None


def number(value: Any, mark: Mark | None = None) -> float:
    """A number as people write it: `1,012.4`, `1 012,4`, `12,5`, `7 kW`. `1,250` and `1.250` are read by `mark`, the decimal
    mark of their file, and raise AmbiguousError without; what is no number raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = _bare(value)
    if _EITHER.fullmatch(text) and mark is None:
        raise AmbiguousError(f"can be read two ways: {str(value)[:40]!r}")
    if (mark if _EITHER.fullmatch(text) else _mark(text)) == ",":
        text = text.replace(".", "").replace(",", ".")
    elif _DECIMAL_POINT.fullmatch(text):
        text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{str(value)[:40]!r} is not a number")
    return float(text)


def date_order(dates: Iterable[str]) -> Order:
    """In which order a file's dates have day, month and year: as those that can be read in one way alone have them, in doubt
    the day first. Dates with years of two digits say nothing: any part of them may be the year."""
    votes = {"DMY": 0, "MDY": 0}
    for text in dates:
        match = _DATE.match(text.strip())
        if match is not None and len(match[1]) < 3 and len(match[3]) > 2:
            first, second = int(match[1]), int(match[2])
            votes["DMY"] += first > 12 >= second
            votes["MDY"] += second > 12 >= first
    return "MDY" if votes["MDY"] > votes["DMY"] else "DMY"


def clock_time(date: str, time: str, order: Order, *, short_years: bool = False) -> datetime:
    """A local date and time, without a zone. A date that its file's order does not allow is read in the order that it allows
    itself. With `short_years` a year may have two digits, and stands where `order` has it: somebody must have said so. Raises
    AmbiguousError, ValueError."""
    match, clock = _DATE.fullmatch(date.strip()), _TIME.fullmatch(time.strip())
    if match is None or clock is None:
        raise ValueError(f"{date} {time}"[:60] + " is not a date and time")
    year, month, day = _date(match[1], match[2], match[3], order, short_years=short_years)
    hour, minute, seconds = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[4]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{time[:20]!r} is not a time")
        hour = hour % 12 + (12 if clock[4].lower() == "p" else 0)
    if not FIRST_YEAR <= year < LAST_YEAR:
        raise ValueError(f"{date[:20]!r} is not a date of our time")
    whole_day = (hour, minute, seconds) == (24, 0, 0)
    return datetime(year, month, day, 0 if whole_day else hour, minute, seconds) + timedelta(days=whole_day)


def _date(first: str, second: str, third: str, order: Order, *, short_years: bool) -> tuple[int, int, int]:
    """Year, month and day of the parts of a date. Raises AmbiguousError."""
    if len(first) > 2:
        return int(first), int(second), int(third)
    if len(third) == 2 and not short_years:
        raise AmbiguousError(f"has a year of two digits: {first}/{second}/{third}")
    if len(third) == 2 and order == "YMD":
        return 2000 + int(first), int(second), int(third)
    year = int(third) + (2000 if len(third) == 2 else 0)
    months = [(int(second), int(first)), (int(first), int(second))]
    if order == "YMD" and all(month <= 12 for month, _ in months) and first != second:
        raise AmbiguousError(f"has its year last, where it should be first: {first}/{second}/{third}")
    if order == "MDY":
        months.reverse()
    month, day = next((pair for pair in months if pair[0] <= 12), months[0])
    return year, month, day


def instant(text: str) -> datetime | None:
    """An instant with an offset, ISO 8601 or as HTTP writes it (RFC 5322); None for any other text."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            parsed = read(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if parsed.tzinfo is not None and FIRST_YEAR <= parsed.year < LAST_YEAR:
            return parsed
    return None


def between(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Two local times of one session with their offsets. Where a clock change makes a time happen twice, or not at all, it is
    the first, unless the session then ended before it began: a night that ends in the repeated hour."""
    pairs = [
        (start.replace(tzinfo=zone, fold=begun), end.replace(tzinfo=zone, fold=ended)) for begun in (0, 1) for ended in (0, 1)
    ]
    first, last = next((pair for pair in pairs if pair[1].astimezone(UTC) >= pair[0].astimezone(UTC)), pairs[0])
    # Times that a clock change leaves out have an offset that their zone never had there: as instants they are what is meant.
    return first.astimezone(UTC).astimezone(zone), last.astimezone(UTC).astimezone(zone)
