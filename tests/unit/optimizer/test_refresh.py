"""Looking for a new champion: what is refused is told for as long as it is so, and no longer."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from functions.optimizer.models.manifest import champion_path
from functions.optimizer.models.registry import ModelRegistry
from shared.adapters.blobs import FolderBlobs
from shared.clock import ManualClock
from shared.errors import Unavailable
from tests.support import policies


class Switchable(FolderBlobs):
    """A folder store that can be away, and counts how often it is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.failure: Exception | None = None
        self.reads = 0

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Fails as told, else reads the file."""
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return super().read(name)


@pytest.fixture
def store(tmp_path: Path) -> Switchable:
    made = Switchable(tmp_path)
    policies.put(made, "1", policies.version("1"))
    return made


@pytest.fixture
def source(store: Switchable, clock: ManualClock) -> ModelRegistry:
    made = ModelRegistry(store, clock)
    assert made.current() is not None
    return made


def publish(store: Switchable, version: str) -> None:
    """Version 1 in another version's folder, its manifest still its own."""
    policies.put(store, version, policies.version("1"))


@pytest.mark.parametrize("failure", [Unavailable("Blob Storage: gone"), PermissionError("denied")])
def test_an_outage_is_told_until_the_store_is_back(source: ModelRegistry, store: Switchable, failure: Exception) -> None:
    store.failure = failure
    source.refresh()
    assert source.refusal is not None
    store.failure = None
    source.refresh()
    assert source.refusal is None, "the champion in the store is the one that serves"


def test_a_manifest_of_another_version_is_refused_until_the_pointer_goes_back(source: ModelRegistry, store: Switchable) -> None:
    pointer = store.read(champion_path())
    assert pointer is not None
    publish(store, "2")
    source.refresh()
    assert "charge-policy 1, not of charge-policy 2" in (source.refusal or "")
    store.write(champion_path(), pointer[0])
    source.refresh()
    assert source.refusal is None


def test_after_an_outage_a_refused_champion_is_refused_for_its_own_reason(source: ModelRegistry, store: Switchable) -> None:
    publish(store, "2")
    source.refresh()
    why = source.refusal
    store.failure = Unavailable("Blob Storage: gone")
    source.refresh()
    assert source.refusal == "Blob Storage: gone"
    store.failure = None
    source.refresh()
    assert source.refusal == why


def test_a_refused_champion_is_not_downloaded_again(source: ModelRegistry, store: Switchable) -> None:
    publish(store, "2")
    source.refresh()
    before = store.reads
    source.refresh()
    assert store.reads == before + 2, "the two pointers alone"


@pytest.mark.parametrize("version", ["../../elsewhere", "", "a/b", "x" * 65])
def test_a_pointer_out_of_the_folder_is_refused(source: ModelRegistry, store: Switchable, version: str) -> None:
    store.write(champion_path(), json.dumps({"version": version}).encode())
    source.refresh()
    assert "champion.json is not readable" in (source.refusal or "")
    assert source.current() is not None


def test_with_the_store_away_from_the_start_nobody_waits_for_it_twice_a_minute(store: Switchable, clock: ManualClock) -> None:
    store.failure = Unavailable("Blob Storage: gone")
    source = ModelRegistry(store, clock)
    before = store.reads
    assert source.current() is None
    assert source.current() is None
    assert store.reads == before + 2, "each pointer once"
    store.failure = None
    clock.advance(timedelta(seconds=61))
    source.current()  # starts the look in the background
    source.refresh()  # waits for it
    assert source.current() is not None
