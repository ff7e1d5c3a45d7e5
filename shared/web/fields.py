"""What every payload has in common: instants, text in one form, numbers that are numbers. Pure; docs/input.md says why.

Text is normalised to NFC before its length is counted, in code points, as MariaDB's utf8mb4 columns count. What nobody sees
(direction marks, zero-width characters, as pasted from maps and office programs) is taken out; control characters and those
that turn text round are refused by name. JSON types are not converted: "60" is no number, and true is not 1.
"""

import re
import types
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SkipValidation,
    ValidationInfo,
    WrapSerializer,
    field_validator,
)

from shared.errors import Invalid

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROL = frozenset({"Cc", "Zl", "Zp", "Cs"})
_OVERRIDES = frozenset("\u202d\u202e")
"""LEFT-TO-RIGHT and RIGHT-TO-LEFT OVERRIDE: the text after them reads otherwise than it is written."""
_UNSEEN = frozenset("\u00ad\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u2060\u2066\u2067\u2068\u2069\ufeff")
"""Direction marks, embeddings and isolates, zero-width space and joiner of words, soft hyphen, byte order mark."""
_JOINERS = frozenset("\u200c\u200d")
"""ZERO WIDTH NON-JOINER and JOINER: Persian, Hindi, Tamil and family emoji are spelt with them, Latin text never is."""
_CONTROL_NAMES = {"\0": "NUL", "\t": "a tab", "\n": "a line break", "\r": "a line break", "\x1b": "ESC", "\x7f": "DEL"}
_JOINING_FROM = "\u0590"
"""From here on are the scripts, marks and pictures that joiners may follow."""


def _rfc_3339_text(value: Any) -> Any:
    """Only RFC 3339 text (or a datetime of ours): pydantic would take 1772445600 as well."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("must be a date and time with offset such as 2026-03-02T10:15:00Z (in a URL write + as %2B)")


def _in_range(value: datetime) -> datetime:
    if not EARLIEST - timedelta(days=1) <= value.replace(tzinfo=UTC) <= LATEST + timedelta(days=1):
        raise ValueError(f"must be between the years {EARLIEST.year} and {LATEST.year}")  # before UTC, which year 1 has not
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc_3339_text), AfterValidator(_in_range)]
"""A date and time with offset in the input (RFC 3339), UTC inside, of this century."""


def _day_in_range(value: date) -> date:
    if not EARLIEST.year <= value.year <= LATEST.year:
        raise ValueError(f"must be between the years {EARLIEST.year} and {LATEST.year}")
    return value


Day = Annotated[date, AfterValidator(_day_in_range)]
"""A day of this century."""


def one_line(text: str) -> str:
    """The text in NFC, without invisible characters. Raises ValueError where it has line breaks, other control characters, or
    overrides of direction."""
    return _clean(text, breaks=False)


def clean_texts(value: Any) -> Any:
    """A JSON value each of whose texts is `one_line`; OCPI's DisplayText (a member `text`) may have line breaks. For documents
    that are no `Plain`. Raises ValueError."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list):
        return [clean_texts(item) for item in value]
    if isinstance(value, dict):
        return {
            key: _clean(item, breaks=True) if key == "text" and isinstance(item, str) else clean_texts(item)
            for key, item in value.items()
        }
    return value


def _clean(text: str, *, breaks: bool) -> str:
    if text.isascii() and text.isprintable():
        return text
    if breaks:
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # as HTML forms and Windows write it
    kept: list[str] = []
    for position, char in enumerate(text):
        if char in _UNSEEN or (char in _JOINERS and not (kept and kept[-1] >= _JOINING_FROM and kept[-1] not in _JOINERS)):
            continue
        if (unicodedata.category(char) in _CONTROL and not (breaks and char in "\n\t")) or char in _OVERRIDES:
            raise ValueError(f"must not contain {_name(char)} (U+{ord(char):04X} at {position})")
        kept.append(char)
    if kept and kept[-1] in _JOINERS:
        kept.pop()
    return unicodedata.normalize("NFC", "".join(kept))


def _name(char: str) -> str:
    """What a character that is refused is called; control characters have no name in Unicode itself."""
    return _CONTROL_NAMES.get(char) or unicodedata.name(char, "") or "a control character"


@lru_cache(maxsize=2048)
def _field_types(model: type[BaseModel], name: str) -> frozenset[type]:
    return _plain_types(model.model_fields[name].annotation)


def _plain_types(annotation: Any) -> frozenset[type]:
    """The plain types a field may hold; unions and Annotated are looked into, containers are themselves."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain_types(get_args(annotation)[0])
    if origin is Union or isinstance(annotation, types.UnionType):
        return frozenset[type]().union(*(_plain_types(part) for part in get_args(annotation)))
    if origin is Literal:
        return frozenset(type(value) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return frozenset({str if issubclass(annotation, str) else annotation})
    return frozenset({annotation if isinstance(annotation, type) else object})


class Plain(BaseModel):
    """A payload whose values are taken as they are written: see the module. Subclasses name what differs."""

    several_lines: ClassVar[frozenset[str]] = frozenset()
    """Text fields that may have line breaks and tabs."""

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        if isinstance(value, str):
            field_types = _field_types(cls, name)
            if field_types and field_types <= {int, float, bool, types.NoneType}:
                raise ValueError("must be a number, not text" if bool not in field_types else "must be true or false, not text")
            if "password" in name or "token" in name:
                return value  # secrets are taken exactly as received (ASVS 6.2.8)
            return _clean(value, breaks=name in cls.several_lines)
        if isinstance(value, bool | int | float):
            field_types = _field_types(cls, name)
            if isinstance(value, bool) and bool not in field_types and field_types & {int, float}:
                raise ValueError("must be a number, not true or false")
            if not isinstance(value, bool) and bool in field_types and not field_types & {int, float}:
                raise ValueError("must be true or false, not a number")
        elif isinstance(value, list):
            return [one_line(item) if isinstance(item, str) else item for item in value]
        return value


class Input(Plain):
    """A payload: an unknown field is an error that names it; text and numbers as `shared/web/fields.py` says."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def old_names(**names: str) -> Callable[[dict[str, Any]], None]:
    """What a payload's `json_schema_extra` is where fields are taken by an old name still (old="new"): it marks them as
    deprecated. Their fields have `AliasChoices(new, old)`."""

    def document(schema: dict[str, Any]) -> None:
        for old, new in names.items():
            described = {"deprecated": True, "description": f"`{new}` by its old name"}
            kept = {key: value for key, value in schema["properties"][new].items() if key not in ("title", "examples")}
            schema["properties"][old] = kept | described

    return document


T = TypeVar("T")
AsStored = Annotated[T, SkipValidation(), WrapSerializer(lambda value, _: value)]
"""A stored JSON document that is answered to the letter; its type is told in the OpenAPI document alone."""


class Output(BaseModel):
    """An answer."""

    model_config = ConfigDict(from_attributes=True)


def by_either_name(name: str, value: T | None, old_name: str, old_value: T | None) -> T | None:
    """A query parameter that had another name once. Raises Invalid where both are sent."""
    if value is not None and old_value is not None:
        raise Invalid.one(old_name, f"is the old name of {name}; send one of them")
    return value if value is not None else old_value
