"""Blobs with ETags: Azure Blob Storage (or Azurite) with the real SDK, or a folder."""

import hashlib
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from shared.errors import Conflict, Unavailable
from shared.identity import Identity
from shared.local_files import private_folder, write_private


class BlobStore(Protocol):
    """Named bytes with a tag that changes with the content. Raises Unavailable when the store is away."""

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Content and ETag, or None if there is no such blob."""
        ...

    def etag(self, name: str) -> str | None:
        """The ETag alone, or None."""
        ...

    def write(self, name: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Stores and returns the new ETag. Raises Conflict where the condition (tag equal, or not yet there) fails."""
        ...

    def delete(self, name: str) -> None:
        """Removes the blob; nothing happens where there is none."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The names of all blobs that begin with `prefix`, in order."""
        ...

    def close(self) -> None:
        """Ends connections, if there are any."""
        ...


class FolderBlobs:
    """A folder of files; the ETag is the content's hash. Writes are atomic, conditions hold within a process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def _path(self, name: str) -> Path:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise ValueError(f"name: {name!r} leaves the store")
        return path

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Content and hash."""
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        return data, _tag(data)

    def etag(self, name: str) -> str | None:
        """The content's hash."""
        blob = self.read(name)
        return blob[1] if blob else None

    def write(self, name: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Replaces the file in one step."""
        path = self._path(name)
        with self._lock:
            current = self.etag(name)
            if if_none_match and current is not None:
                raise Conflict(f"{name} exists already")
            if if_match is not None and current != if_match:
                raise Conflict(f"{name} has changed meanwhile")
            private_folder(path.parent)
            write_private(path, data)
        return _tag(data)

    def delete(self, name: str) -> None:
        """Removes the file."""
        with self._lock:
            self._path(name).unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """Every file below the folder; drafts are not blobs yet."""
        root = self._root.resolve()
        names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.name[0] != ".")
        return sorted(name for name in names if name.startswith(prefix))

    def close(self) -> None:
        """Nothing is open."""


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _client_by_key(connection_string: str, container: str, **options: Any) -> Any:
    from azure.storage.blob import ContainerClient

    return ContainerClient.from_connection_string(connection_string, container, **options)


def _client_by_identity(endpoint: str, container: str, identity: Identity, **options: Any) -> Any:
    from azure.storage.blob import ContainerClient

    return ContainerClient(endpoint, container, identity.credential, **options)


class AzureBlobs:
    """A container of Azure Blob Storage, made at first use. Short timeouts: a decision must not wait for a model."""

    API_VERSION = "2026-06-06"
    """The newest version Azurite 3.37 takes; pinned so that the tests and Azure speak alike."""

    def __init__(self, connection_string: str, container: str) -> None:
        """By a key; the container is made where there is none."""
        self._makes_container = True
        self._connect: Callable[..., Any] = partial(_client_by_key, connection_string, container)
        self._lock = threading.Lock()
        self._client: Any = None

    @classmethod
    def by_identity(cls, endpoint: str, container: str, identity: Identity) -> "AzureBlobs":
        """By the managed identity, whose rights are the container's: it must be there."""
        store = cls("", container)
        store._makes_container = False
        store._connect = partial(_client_by_identity, endpoint, container, identity)
        return store

    def _container(self) -> Any:
        with self._lock:
            if self._client is None:
                from azure.core.exceptions import ResourceExistsError

                client = self._connect(api_version=self.API_VERSION, connection_timeout=5, read_timeout=10, retry_total=1)
                if self._makes_container:
                    try:
                        client.create_container()
                    except ResourceExistsError:
                        client.get_container_properties()
                self._client = client
            return self._client

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Downloads the blob."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            download = self._container().download_blob(name)
            return download.readall(), download.properties.etag
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise Unavailable(f"Blob Storage: {error}") from error

    def etag(self, name: str) -> str | None:
        """Asks for the properties alone."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            tag: str = self._container().get_blob_client(name).get_blob_properties().etag
            return tag
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise Unavailable(f"Blob Storage: {error}") from error

    def write(self, name: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Uploads with If-Match or If-None-Match."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError

        conditions: dict[str, Any] = {}
        if if_match is not None:
            conditions = {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        try:
            reply = self._container().upload_blob(name, data, overwrite=not if_none_match, **conditions)
            tag: str = reply.get_blob_properties().etag
            return tag
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise Conflict(f"{name} has changed meanwhile") from error
        except AzureError as error:
            raise Unavailable(f"Blob Storage: {error}") from error

    def delete(self, name: str) -> None:
        """Deletes the blob."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            self._container().delete_blob(name)
        except ResourceNotFoundError:
            return
        except AzureError as error:
            raise Unavailable(f"Blob Storage: {error}") from error

    def names(self, prefix: str) -> list[str]:
        """Lists the container."""
        from azure.core.exceptions import AzureError

        try:
            return sorted(self._container().list_blob_names(name_starts_with=prefix))
        except AzureError as error:
            raise Unavailable(f"Blob Storage: {error}") from error

    def close(self) -> None:
        """Ends the connections; the next call makes new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
