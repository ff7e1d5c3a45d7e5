"""Blob stores: a folder and Azurite with the real SDK keep the same promises; a policy is served from both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.stack.azurite import Azurite
from functions.optimizer.models.registry import ModelRegistry, install_shipped
from shared.adapters.blobs import AzureBlobs, BlobStore, FolderBlobs
from shared.clock import ManualClock
from shared.db import new_id
from shared.errors import Conflict, Unavailable


@pytest.fixture(params=["folder", "azurite"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "folder":
        yield FolderBlobs(tmp_path)
        return
    server: Azurite = request.getfixturevalue("azurite")
    store = AzureBlobs(server.connection_string, f"test-{new_id()}")
    yield store
    store.close()


def test_what_is_written_is_read_with_its_tag(blobs: BlobStore) -> None:
    assert blobs.read("a/b.txt") is None
    assert blobs.etag("a/b.txt") is None
    tag = blobs.write("a/b.txt", b"one")
    assert blobs.read("a/b.txt") == (b"one", tag)
    assert blobs.etag("a/b.txt") == tag
    assert blobs.write("a/b.txt", b"two") != tag


def test_conditions_hold(blobs: BlobStore) -> None:
    tag = blobs.write("x", b"one", if_none_match=True)
    with pytest.raises(Conflict):
        blobs.write("x", b"two", if_none_match=True)
    second = blobs.write("x", b"two", if_match=tag)
    with pytest.raises(Conflict):
        blobs.write("x", b"three", if_match=tag)
    assert blobs.read("x") == (b"two", second)


def test_what_is_deleted_is_gone_and_may_be_deleted_again(blobs: BlobStore) -> None:
    blobs.write("x/1", b"one")
    blobs.delete("x/1")
    assert blobs.read("x/1") is None
    blobs.delete("x/1")
    assert blobs.names("x/") == []


def test_names_are_listed_by_prefix(blobs: BlobStore) -> None:
    for name in ("a/2/x", "a/1/y", "b/1"):
        blobs.write(name, b"1")
    assert blobs.names("a/") == ["a/1/y", "a/2/x"]
    assert blobs.names("") == ["a/1/y", "a/2/x", "b/1"]
    assert blobs.names("c") == []


def test_a_policy_is_installed_and_served(blobs: BlobStore, clock: ManualClock) -> None:
    assert install_shipped(blobs)
    assert not install_shipped(blobs)
    source = ModelRegistry(blobs, clock)
    assert source.current() is not None, source.refusal
    assert source.refusal is None


def test_a_folder_cannot_be_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves the store"):
        FolderBlobs(tmp_path / "in").read("../out")


def test_a_store_that_is_away_is_unavailable() -> None:
    away = AzureBlobs("DefaultEndpointsProtocol=http;AccountName=x;AccountKey=eA==;BlobEndpoint=http://127.0.0.1:1/x;", "c")
    with pytest.raises(Unavailable):
        away.read("a")
    with pytest.raises(Unavailable):
        away.delete("a")
