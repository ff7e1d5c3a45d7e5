"""Photos of locations: cleaned, stored in Blob, counted, deleted. The row is the truth; bytes without a row are swept."""

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from functions.operators import repository, service
from functions.operators.image_sanitizer import Picture
from functions.stations import service as stations
from functions.stations.domain import APPROVED, Location, Photo
from shared.adapters.blobs import BlobStore
from shared.db import new_id
from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed, PreconditionRequired, Unavailable
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)
PER_LOCATION = 10
SIZES = ("full", "thumbnail")
PREFIX = "photos/"
ORPHANED_AFTER = timedelta(hours=24)


def blob_name(photo_id: uuid.UUID, size: str) -> str:
    """Where a photo's bytes lie: a name of ours, nothing of the uploader's."""
    return f"{PREFIX}{photo_id}/{size}.jpg"


def headers_of(location: Location, photo_id: uuid.UUID, size: str) -> dict[str, str]:
    """What goes with a picture: browsers take it for a picture and nothing else, caches keep only what everybody may see.
    Bytes never change under an id, so that the id is the ETag."""
    public = location.status == APPROVED
    return {
        "ETag": f'"{photo_id}-{size}"',
        "Cache-Control": "public, max-age=3600" if public else "private, no-store",
        "Content-Disposition": f'inline; filename="{photo_id}.jpg"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }


def check_room(*, tx: Tx, location_id: uuid.UUID, if_match: str | None) -> None:
    """Whether the caller may add a photo now: asked before its bytes are decoded."""
    location = stations.get_managed(tx=tx, location_id=location_id)
    service.check_version(tx, location, if_match)
    _room(tx, location)


def _room(tx: Tx, location: Location) -> None:
    if len(repository.photos(tx, location.id, limit=PER_LOCATION)) >= PER_LOCATION:
        raise Conflict(f"{location.name} has {PER_LOCATION} photos, which is the most; delete one first", limit=PER_LOCATION)


def store(blobs: BlobStore, photo_id: uuid.UUID, picture: Picture) -> None:
    """Puts the bytes in Blob, before the row that makes them a photo."""
    blobs.write(blob_name(photo_id, "full"), picture.full)
    blobs.write(blob_name(photo_id, "thumbnail"), picture.thumbnail)


@contextmanager
def stored(blobs: BlobStore, picture: Picture) -> Iterator[uuid.UUID]:
    """The id of bytes in Blob, which are deleted where the row is refused. Where it is not known whether it was stored
    they stay, and the sweep finds out."""
    photo_id = new_id()
    store(blobs, photo_id, picture)
    try:
        yield photo_id
    except (Conflict, Invalid, NotFound, PreconditionFailed, PreconditionRequired):
        forget(blobs, [photo_id])
        raise


def forget(blobs: BlobStore, photo_ids: Iterable[uuid.UUID]) -> None:
    """Deletes the bytes of photos that have no row (any more). What fails is swept later."""
    for photo_id in photo_ids:
        for size in SIZES:
            try:
                blobs.delete(blob_name(photo_id, size))
            except Unavailable as away:
                log.warning("photo %s waits for the sweep: %s", photo_id, away.detail)


def add_photo(
    *, tx: Tx, location_id: uuid.UUID, photo_id: uuid.UUID, picture: Picture, caption: str | None, if_match: str | None
) -> tuple[Location, Photo]:
    """Makes stored bytes a photo of the location. Raises Conflict where it has the most it may."""
    photo = Photo(photo_id, location_id, caption, picture.width, picture.height, tx.now)

    def change(location: Location) -> None:
        _room(tx, location)
        repository.add_photo(tx, photo)

    return service.edit(tx=tx, location_id=location_id, if_match=if_match, action="photo.create", change=change), photo


def remove_photo(*, tx: Tx, location_id: uuid.UUID, photo_id: uuid.UUID, if_match: str | None) -> Location:
    """Takes a photo away; the caller deletes its bytes after the commit."""

    def change(location: Location) -> None:
        _find(tx, location.id, photo_id)
        repository.remove_photos(tx, [photo_id])

    return service.edit(tx=tx, location_id=location_id, if_match=if_match, action="photo.delete", change=change)


def _find(tx: Tx, location_id: uuid.UUID, photo_id: uuid.UUID) -> Photo:
    for photo in repository.photos(tx, location_id, limit=PER_LOCATION):
        if photo.id == photo_id:
            return photo
    raise NotFound(f"The location has no photo {photo_id}.")


def list_photos(*, tx: Tx, location_id: uuid.UUID, after: uuid.UUID | None, limit: int) -> list[Photo]:
    """The photos of a location that the caller may see."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    return repository.photos(tx, location.id, after=after, limit=limit)


def get_visible(*, tx: Tx, location_id: uuid.UUID, photo_id: uuid.UUID) -> tuple[Location, Photo]:
    """A photo, where the caller may see its location. Raises NotFound."""
    location = stations.get_visible(tx=tx, location_id=location_id)
    return location, _find(tx, location.id, photo_id)


def sweep_photos(platform: Platform) -> int:
    """Deletes bytes that have had no row for a day: uploads that failed, deletions that did not reach Blob. Returns how
    many photos. The age is in the id (UUIDv7)."""
    old = platform.clock.now() - ORPHANED_AFTER
    photo_ids = {_id_in(name) for name in platform.blobs.names(PREFIX)} - {None}
    aged = sorted(photo_id for photo_id in photo_ids if photo_id is not None and _created_at(photo_id) < old)
    count = 0
    for begin in range(0, len(aged), 500):
        batch = aged[begin : begin + 500]
        there = platform.read(lambda tx, batch=batch: repository.photos_there(tx, batch))  # type: ignore[misc]
        orphans = [photo_id for photo_id in batch if photo_id not in there]
        forget(platform.blobs, orphans)
        count += len(orphans)
    return count


def _id_in(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name.removeprefix(PREFIX).split("/")[0])
    except ValueError:
        log.warning("blob %s is no photo of ours", name)
        return None


def _created_at(photo_id: uuid.UUID) -> datetime:
    return datetime.fromtimestamp((photo_id.int >> 80) / 1000, UTC)
