"""Events as stored messages: kept samples of each are still read and written alike, each has a subscriber, each a renderer."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.subscriptions import EVENTS, SUBSCRIPTIONS, TELL, dispatch
from functions.accounts.account_emails import ACCOUNT_EMAILS
from functions.notify.domain import NotifiedEvent
from functions.notify.promises import RENDERERS
from shared.events import Event
from shared.outbox import CHARGE_REQUESTS, NOTIFY, QUEUES
from shared.platform import Platform

SAMPLES = sorted((Path(__file__).parents[1] / "golden" / "events").glob("*.json"))
"""`<type>.v<version>.json`, recorded from real runs of the code of that version. A sample is never changed or removed."""


def _every_event(kind: type[Event] = Event) -> set[type[Event]]:
    own = {kind} if "TYPE" in vars(kind) else set()
    return own.union(*(_every_event(child) for child in kind.__subclasses__() if child.__module__.startswith("functions.")))


def _has_all_of(written: Any, kept: Any) -> bool:
    """Whether what is written has every member that was kept; members that came with a default since then are more."""
    if isinstance(kept, dict):
        return isinstance(written, dict) and all(name in written and _has_all_of(written[name], kept[name]) for name in kept)
    if isinstance(kept, list):
        return isinstance(written, list) and len(written) == len(kept) and all(map(_has_all_of, written, kept))
    return bool(written == kept)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_kept_sample_is_read_and_what_is_of_this_version_is_written_alike(path: Path) -> None:
    name, version = path.stem.rsplit(".v", 1)
    payload = json.loads(path.read_text())
    event = EVENTS[name].of_payload(payload)
    if int(version) == event.VERSION:
        assert _has_all_of(event.to_payload(), payload), "a member is written otherwise, or not at all"


def test_each_event_has_a_sample_of_its_version_and_a_subscriber() -> None:
    kept = {path.stem for path in SAMPLES}
    assert {f"{event.TYPE}.v{event.VERSION}" for event in SUBSCRIPTIONS} <= kept
    assert _every_event() == set(SUBSCRIPTIONS)
    assert len(EVENTS) == len(SUBSCRIPTIONS), "each has a type name of its own"


def test_each_handler_exists_and_each_queue_is_one_of_ours() -> None:
    for subscribed in SUBSCRIPTIONS.values():
        for queue, handler in subscribed:
            assert queue in QUEUES
            module, _, name = handler.function.partition(":")
            assert callable(getattr(importlib.import_module(module), name))


def test_each_event_that_notify_hears_has_a_renderer_and_no_renderer_is_left_over() -> None:
    heard = {event for event, subscribed in SUBSCRIPTIONS.items() if TELL in subscribed}
    assert all(issubclass(event, NotifiedEvent) for event in RENDERERS)
    assert not any(issubclass(event, NotifiedEvent) for event in ACCOUNT_EMAILS)
    assert heard == set(RENDERERS) | set(ACCOUNT_EMAILS)


@dataclass(frozen=True)
class Renamed(Event):
    """A second version: `words` was called `text`."""

    TYPE: ClassVar[str] = "renamed"
    VERSION: ClassVar[int] = 2
    words: str

    @classmethod
    def upgraded(cls, payload: dict[str, Any], version: int) -> dict[str, Any]:
        return payload | {"words": payload["text"]} if version == 1 else payload


def test_an_earlier_version_is_brought_forward_and_a_later_one_refused() -> None:
    assert Renamed.of_payload({"text": "a"}) == Renamed("a")
    assert Renamed("a").to_payload() == {"words": "a", "version": 2}
    assert Renamed.of_payload(Renamed("a").to_payload()) == Renamed("a")
    with pytest.raises(ValueError, match="version 3 is newer than this code's 2"):
        Renamed.of_payload({"words": "a", "version": 3})


def test_what_nobody_subscribes_to_is_not_published(platform: Platform) -> None:
    with pytest.raises(RuntimeError, match="nobody subscribes to renamed"):
        platform.transact(lambda tx: tx.publish(Renamed("a")))


@pytest.mark.parametrize(
    ("queue", "event_type", "payload"),
    [
        (NOTIFY, "nonsense", {}),
        (CHARGE_REQUESTS, "booking_reserved", {}),
        (CHARGE_REQUESTS, "charge_requested", {}),
        (CHARGE_REQUESTS, "charge_requested", {"charge_request_id": "no id"}),
    ],
)
def test_a_message_that_is_no_event_of_its_queue_is_refused(
    platform: Platform, queue: str, event_type: str, payload: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"is not an event|validation error"):
        dispatch(platform, queue=queue, message_id="m", event_type=event_type, payload=payload)
