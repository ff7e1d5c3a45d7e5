"""A location as a document of what people decide, and what differs between two of them, field by field. No I/O.

EVSE states are left out: a feed reports those, nobody edits them.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from functions.stations.domain import Location, Photo
from functions.stations.enums import EvseStatus
from functions.tariffs.domain import Tariff

Document = dict[str, Any]
Change = dict[str, Any]
"""`field` (a dotted path), `before` and `after`; null where it was or is not there."""
PLAIN = ("name", "address", "city", "country", "latitude", "longitude", "time_zone", "currency", "status", "status_reason")


def document(location: Location, tariffs: Mapping[uuid.UUID, Tariff], photos: Iterable[Photo]) -> Document:
    """Everything an owner or administrator has said of a location, as JSON values by names that stay the same."""
    uids = {item.id: item.uid for item in location.evses}
    hours = location.opening_times
    return {
        **{name: getattr(location, name) for name in PLAIN},
        "opening_times": None if hours is None else hours.model_dump(mode="json"),
        "booking_terms": location.booking_terms.model_dump(mode="json"),
        "evses": {
            evse.uid: {plug.connector_id: _without(vars(plug), "connector_id") for plug in evse.connectors}
            for evse in location.evses
            if evse.status != EvseStatus.REMOVED
        },
        "tariffs": {
            f"{standard} {group}": tariffs[id].model_dump(mode="json", exclude_none=True)
            for (standard, group), id in sorted(location.tariff_ids.items())
        },
        "blocked_times": {
            str(item.id): {
                "evse_uid": None if item.evse_id is None else uids[item.evse_id],
                "period_begin": item.period_begin.isoformat(),
                "period_end": item.period_end.isoformat(),
                "reason": item.reason,
            }
            for item in location.blocked
        },
        "photos": {str(item.id): {"caption": item.caption, "pixels": f"{item.width} x {item.height}"} for item in photos},
    }


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def differences(before: Document, after: Document) -> list[Change]:
    """What to read to know what changed, in order of the field."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    return [
        {"field": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else ((str(place), item) for place, item in enumerate(value))
        for name, item in items:
            yield from _leaves(f"{path}.{name}" if path else name, item)
    elif not isinstance(value, dict | list):
        yield path, value


def merged(steps: Iterable[Iterable[Change]]) -> list[Change]:
    """The changes of several versions as one: the first `before` and the last `after` of each field."""
    found: dict[str, Change] = {}
    for changes in steps:
        for item in changes:
            first = found.setdefault(item["field"], dict(item))
            first["after"] = item["after"]
    return [found[name] for name in sorted(found) if found[name]["before"] != found[name]["after"]]
