"""Where policies come from: the champion and the challenger of a store, proven before they serve, refreshed in the
background; and the version that ships with the project."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from functions.optimizer.models.climatology import Tables
from functions.optimizer.models.manifest import (
    CLIMATOLOGY,
    MANIFEST,
    MODEL,
    POLICY,
    POLICY_NAME,
    Challenger,
    Champion,
    Expected,
    Manifest,
    Refused,
    challenger_path,
    champion_path,
    check_sha256,
    version_path,
)
from functions.optimizer.models.policy import LoadedModel, check_rule, open_model
from shared.adapters.blobs import BlobStore
from shared.clock import Clock
from shared.errors import Conflict, Unavailable

log = logging.getLogger(__name__)
REFRESH_S = 60.0
SHIPPED = Path(__file__).parents[1] / "shipped"
"""The version that ships with the project, laid out as in the store."""

Reader = Callable[[str], bytes | None]
"""Reads a file of a version by its name; None where there is none."""


def open_version(read: Reader, version: str, *, now: datetime, etag: str = "", expected: Expected = POLICY) -> LoadedModel:
    """Opens and proves a version: manifest, hashes, graph, canary, climatology. Raises Refused."""
    text = _needed(read, version, MANIFEST)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(f"manifest.json, {'.'.join(map(str, first['loc'])) or 'whole'}: {first['msg']}") from error
    session = None
    if manifest.kind == "rule":
        check_rule(manifest, expected)
    else:
        session = open_model(_needed(read, version, MODEL), manifest, expected)
    if manifest.version != version:
        raise Refused(f"its manifest is of {manifest.name} {manifest.version}, not of {expected.name} {version}")
    tables = None
    if manifest.climatology_sha256 is not None:
        data = _needed(read, version, CLIMATOLOGY)
        check_sha256("the climatology", data, manifest.climatology_sha256)
        tables = Tables.of_bytes(data)
    return LoadedModel(manifest, session, etag, now, tables)


def _needed(read: Reader, version: str, file: str) -> bytes:
    content = read(file)
    if content is None:
        raise Refused(f"version {version} is not complete: it lacks {file}")
    return content


def stored(blobs: BlobStore, version: str, name: str = POLICY_NAME) -> Reader:
    """A version's files in a store."""

    def read(file: str) -> bytes | None:
        stored_file = blobs.read(version_path(version, file, name))
        return None if stored_file is None else stored_file[0]

    return read


def in_folder(folder: Path) -> Reader:
    """A version's files in a folder of its own."""

    def read(file: str) -> bytes | None:
        path = folder / file
        return path.read_bytes() if path.exists() else None

    return read


class _Pointed:
    """What one pointer of the store points at: the model that last proved itself, and why a later one did not."""

    def __init__(self, blobs: BlobStore, clock: Clock, expected: Expected, kind: type[Champion] | type[Challenger]) -> None:
        self._blobs, self._clock, self._expected, self._kind = blobs, clock, expected, kind
        self._path = champion_path(expected.name) if kind is Champion else challenger_path(expected.name)
        self.model: LoadedModel | None = None
        self.refusal: str | None = None
        self._refused: tuple[str, str] | None = None

    def look(self) -> None:
        """Reads the pointer, and what it points at where that is new. Raises nothing: `refusal` says what is wrong."""
        etag = ""
        try:
            pointer = self._blobs.read(self._path)
            if pointer is None:
                self._nothing()
                return
            content, etag = pointer
            if self._refused is not None and etag == self._refused[0]:
                self.refusal = self._refused[1]
                return
            if self.model is None or etag != self.model.etag:
                self._load(content, etag)
            self.refusal = self._refused = None
        except (Unavailable, OSError) as error:
            self.refusal = error.detail if isinstance(error, Unavailable) else f"the store cannot be read: {error}"
            log.warning("%s: the store is away: %s", self._path, self.refusal)
        except Refused as error:
            self.refusal, self._refused = str(error), (etag, str(error))
            log.error("%s: refused, what was loaded stays: %s", self._path, error)

    def _nothing(self) -> None:
        if self._kind is Champion:
            self.refusal = "there is no champion in the store"
        else:
            self.model = self.refusal = None

    def _load(self, pointer: bytes, etag: str) -> None:
        try:
            version = self._kind.model_validate_json(pointer).version
        except ValidationError as error:
            name = self._path.rpartition("/")[2]
            raise Refused(f"{name} is not readable: {error.errors()[0]['msg']}") from error
        if version is None:
            self.model = None
            return
        read = stored(self._blobs, version, self._expected.name)
        self.model = open_version(read, version, now=self._clock.now(), etag=etag, expected=self._expected)
        log.info("%s: %s is loaded", self._path, version)


class ModelRegistry:
    """The champion and the challenger of a store among the models of a name, loaded at first use and refreshed in the
    background: the pointers are looked at no more often than once a minute, and a version that does not prove itself leaves
    the old one serving."""

    def __init__(self, blobs: BlobStore, clock: Clock, expected: Expected = POLICY) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._champion = _Pointed(blobs, clock, expected, Champion)
        self._challenger = _Pointed(blobs, clock, expected, Challenger)
        self._checked_at = float("-inf")

    @property
    def refusal(self) -> str | None:
        """Why the latest look found no new champion to serve, None where all was well."""
        return self._champion.refusal

    @property
    def challenger(self) -> LoadedModel | None:
        """The version that scores in the champion's shadow, as `current` last found it; never the champion itself."""
        champion, challenger = self._champion.model, self._challenger.model
        same = champion is not None and challenger is not None and champion.manifest.version == challenger.manifest.version
        return None if same else challenger

    @property
    def challenger_refusal(self) -> str | None:
        """Why the challenger's pointer is not followed."""
        return self._challenger.refusal

    def current(self) -> LoadedModel | None:
        """The champion; None where there is none that may serve. The first call loads it, later ones do not wait, not
        even for a store that was away."""
        if self._checked_at == float("-inf"):
            with self._lock:
                if self._checked_at == float("-inf"):
                    self._refresh()
        elif self._due() and self._lock.acquire(blocking=False):
            threading.Thread(target=self._refresh_and_release, name="policy-refresh", daemon=True).start()
        return self._champion.model

    def _due(self) -> bool:
        return self._clock.monotonic() - self._checked_at >= REFRESH_S

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._lock.release()

    def refresh(self) -> None:
        """Looks now, in this thread."""
        with self._lock:
            self._refresh()

    def _refresh(self) -> None:
        self._checked_at = self._clock.monotonic()
        self._champion.look()
        try:
            self._challenger.look()
        except Exception:
            log.exception("looking for a challenger failed; the champion serves on")


def install_shipped(blobs: BlobStore, expected: Expected = POLICY) -> bool:
    """Puts the version that ships in a store, the pointer last, where there is no champion, or one that nobody published:
    the untrained network, or one whose features this code does not compute. True if it did."""
    name = expected.name
    pointer = blobs.read(champion_path(name))
    root = SHIPPED / "models" / name
    version = json.loads((root / "champion.json").read_text())["version"]
    if pointer is not None and not _gives_way(blobs, pointer[0], root / version, expected):
        return False
    for file in (MODEL, CLIMATOLOGY, MANIFEST):
        path = root / version / file
        if path.exists():
            blobs.write(version_path(version, file, name), path.read_bytes())
    conditions: dict[str, Any] = {"if_none_match": True} if pointer is None else {"if_match": pointer[1]}
    try:
        blobs.write(champion_path(name), (root / "champion.json").read_bytes(), **conditions)
    except Conflict:
        return False
    return True


def _gives_way(blobs: BlobStore, pointer: bytes, shipped: Path, expected: Expected) -> bool:
    """Whether the champion in the store is the untrained network or a network of other features, and not what ships."""
    try:
        text = stored(blobs, Champion.model_validate_json(pointer).version, expected.name)(MANIFEST)
        document = None if text is None else json.loads(text)
    except ValueError:
        return False
    if not isinstance(document, dict) or document.get("kind") == "rule" or text == (shipped / MANIFEST).read_bytes():
        return False
    return not document.get("trained", True) or document.get("feature_hash") not in expected.feature_hashes


def describe(registry: ModelRegistry) -> dict[str, Any]:
    """What serves and what is watched, for `GET optimizer/model` and its usage."""
    model, challenger = registry.current(), registry.challenger
    watched = {
        "refused": registry.refusal,
        "challenger": None if challenger is None else challenger.manifest.version,
        "challenger_refused": registry.challenger_refusal,
    }
    if model is None:
        nothing = {"version": None, "kind": "rule", "trained": False, "loaded_at": None, "metrics": None}
        return watched | nothing | {"name": "greedy", "climatology_pools": 0}
    manifest = model.manifest
    return watched | {
        "name": manifest.name,
        "version": manifest.version,
        "kind": manifest.kind,
        "trained": manifest.trained,
        "loaded_at": model.loaded_at,
        "metrics": manifest.metrics,
        "climatology_pools": 0 if model.tables is None else len(model.tables.keys),
    }
