"""Domain events: what has happened, as frozen dataclasses that travel as JSON. Who listens is said in app/subscriptions.py."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Self

from pydantic import BaseModel, TypeAdapter


@dataclass(frozen=True)
class Event:
    """Something that has happened. A subclass adds what a listener needs to know of it, as it was then.

    Events are stored and delivered later, perhaps by older or newer code: a new field has a default, and a change that
    default cannot bridge raises VERSION and adds to `upgraded`.
    """

    TYPE: ClassVar[str]
    """The event's name on the wire; it never changes."""
    VERSION: ClassVar[int] = 1

    def to_payload(self) -> dict[str, Any]:
        """The event as JSON values. The version travels from 2 on."""
        payload: dict[str, Any] = _plain(self)
        return payload if self.VERSION == 1 else payload | {"version": self.VERSION}

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> Self:
        """The event of a stored payload of this or an earlier version. Raises ValueError for what is none."""
        version = payload.get("version", 1)
        if not isinstance(version, int) or version > cls.VERSION:
            raise ValueError(f"{cls.TYPE}: version {version!r} is newer than this code's {cls.VERSION}")
        event: Self = _adapter(cls).validate_python(cls.upgraded(dict(payload), version))
        return event

    @classmethod
    def upgraded(cls, payload: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003
        """A payload of an earlier version as one of this version."""
        return payload


_adapters: dict[type[Event], TypeAdapter[Any]] = {}


def _adapter(kind: type[Event]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | None) and not isinstance(value, Enum):
        return value
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        stored = getattr(value, "stored", None)  # a document that leaves out what code of before would refuse
        return value.model_dump(mode="json") if stored is None else stored()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    return [_plain(element) for element in value]
