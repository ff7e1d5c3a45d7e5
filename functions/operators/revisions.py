"""A location as a document of what people decide, and what differs between two of them, field by field. No I/O.

EVSE states are left out: a feed reports those, nobody edits them.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from functions.stations.domain import Location, Photo
from functions.stations.enums import EvseStatus
from functions.tariffs.domain import Tariff

LocationDocument = dict[str, Any]
FieldChange = dict[str, Any]
"""`field` (a dotted path), `before` and `after`; null where it was or is not there."""
PLAIN = (
    "name",
    "address",
    "city",
    "country",
    "latitude",
    "longitude",
    "time_zone",
    "currency",
    "status",
    "status_reason",
    "free_of_charge",
)


def location_document(location: Location, tariffs: Mapping[uuid.UUID, Tariff], photos: Iterable[Photo]) -> LocationDocument:
    """Everything an owner or administrator has said of a location, as JSON values by names that stay the same."""
    uids = {evse.id: evse.uid for evse in location.evses}
    hours = location.opening_times
    return {
        **{name: getattr(location, name) for name in PLAIN},
        "proposed": dict(location.proposed or {}),
        "opening_times": None if hours is None else hours.model_dump(mode="json"),
        "booking_terms": location.booking_terms.model_dump(mode="json"),
        "evses": {
            evse.uid: {plug.connector_id: _without(vars(plug), "connector_id") for plug in evse.connectors}
            for evse in location.evses
            if evse.status != EvseStatus.REMOVED
        },
        "tariffs": {
            f"{standard} {group}": tariffs[tariff_id].model_dump(mode="json", exclude_none=True)
            for (standard, group), tariff_id in sorted(location.tariff_ids.items())
        }
        | {
            f"{standard} {group} {number}": tariffs[tariff_id].model_dump(mode="json", exclude_none=True)
            for (standard, group), others in sorted(location.other_tariff_ids.items())
            for number, tariff_id in enumerate(others, 2)
        },
        "blocked_times": {
            str(blocked.id): {
                "evse_uid": None if blocked.evse_id is None else uids[blocked.evse_id],
                "period_begin": blocked.period_begin.isoformat(),
                "period_end": blocked.period_end.isoformat(),
                "reason": blocked.reason,
            }
            for blocked in location.blocked
        },
        "price_rule": None if location.price_rule is None else location.price_rule.model_dump(mode="json"),
        "photos": {str(photo.id): {"caption": photo.caption, "pixels": f"{photo.width} x {photo.height}"} for photo in photos},
    }


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def differences(before: LocationDocument, after: LocationDocument) -> list[FieldChange]:
    """What to read to know what changed, in order of the field."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    return [
        {"field": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else ((str(index), element) for index, element in enumerate(value))
        for name, member in items:
            yield from _leaves(f"{path}.{name}" if path else name, member)
    elif not isinstance(value, dict | list):
        yield path, value


def merge_changes(steps: Iterable[Iterable[FieldChange]]) -> list[FieldChange]:
    """The changes of several versions as one: the first `before` and the last `after` of each field."""
    merged: dict[str, FieldChange] = {}
    for changes in steps:
        for change in changes:
            first = merged.setdefault(change["field"], dict(change))
            first["after"] = change["after"]
    return [merged[field] for field in sorted(merged) if merged[field]["before"] != merged[field]["after"]]
