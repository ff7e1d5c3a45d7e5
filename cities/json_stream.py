"""JSON files of any size, object by object: lists, pages (`{"data": [...]}`), lists of pages, lines of objects, single objects,
packed or not. Memory holds one object.
"""

import codecs
import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import ijson  # type: ignore[import-untyped]

ENDINGS = (".json", ".json.gz", ".geojson", ".geojson.gz", ".jsonl", ".jsonl.gz")
LISTS = ("data", "_items", "features", "locations", "tariffs", "items", "results", "records", "value")
"""Members that exports keep their objects in; another counts where none of these is there."""
OWN = frozenset({"evses", "connectors", "coordinates", "elements", "geometry"})
"""Members by which an object is what is looked for itself, and no page of it."""
MAX_DEPTH = 100
EACH = "[]"
"""The step of a path from an array to its items; other steps are members."""
READ_EVERY = 256
STEPS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}
STARTS, ENDS = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
BUFFER = 256 * 1024
FAULTS = (ijson.JSONError, UnicodeDecodeError, EOFError, zlib.error, OSError, ValueError)

Path_ = tuple[str, ...]
ReadBytes = Callable[[int], None]
"""Takes how many bytes of the file were read so far."""


class BrokenError(ValueError):
    """A file that cannot be read on: it is no JSON from some place on, or packed data that ends too soon."""


def files(folder: Path) -> list[Path]:
    """The JSON files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS) and path.is_file())


def objects(path: Path, *, read: ReadBytes = lambda _: None) -> Iterator[Any]:
    """Each object of a file in turn, whatever JSON it is. Raises BrokenError after those that stand before the fault."""
    where = _where(path)
    with path.open("rb") as raw:
        for count, item in enumerate(_values(raw, where)):
            if count % READ_EVERY == 0:
                read(raw.tell())
            page = item.get("data") if isinstance(item, dict) and not OWN & item.keys() else None
            if isinstance(page, list):
                yield from page
            else:
                yield item


def _parsed(raw: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Events of the JSON in a file. Raises BrokenError, too where it is nested deeper than anything that is meant: what takes
    a byte a level in the file takes far more in memory."""
    depth = 0
    try:
        for event, value in ijson.basic_parse(_Bytes(raw), multiple_values=True, buf_size=BUFFER):
            step = STEPS.get(event)
            if step is not None:
                depth += step
                if depth > MAX_DEPTH:
                    raise BrokenError(f"it is nested deeper than {MAX_DEPTH} levels")
            elif event == "number":
                value = _number(value)
            yield event, value
    except BrokenError:
        raise
    except FAULTS as error:
        raise BrokenError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _number(value: Any) -> int | float:
    """A number as small as it can be held; nobody means one of a thousand digits, and Python takes long over it."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _values(raw: IO[bytes], where: Path_) -> Iterator[Any]:
    """The values that stand at a path."""
    path: list[str] = []
    events = _parsed(raw)
    for event, value in events:
        if event == "map_key":
            path[-1] = value
        elif event in ENDS:
            path.pop()
        elif tuple(path) == where:
            yield _built(event, value, events)
        elif event in STARTS:
            path.append(EACH if event == "start_array" else "")


def _built(event: str, value: Any, events: Iterator[tuple[str, Any]]) -> Any:
    """The value that begins with an event; those up to its end are taken. ijson's own builder takes four times as long."""
    if event not in STARTS:
        return value
    top: Any = [] if event == "start_array" else {}
    stack: list[tuple[Any, str]] = []
    key = ""
    for event, value in events:
        if event == "map_key":
            key = value
            continue
        step = STEPS.get(event)
        if step == -1:
            if not stack:
                return top
            top, key = stack.pop()
            continue
        item = value if step is None else [] if event == "start_array" else {}
        if type(top) is dict:
            top[key] = item
        else:
            top.append(item)
        if step is not None:
            stack.append((top, key))
            top = item
    return top


class _Bytes:
    """The file's text without a byte order mark, unpacked where it is packed, whatever its name says; what comes before a fault
    in packed data is read before the fault is met. Raises BrokenError."""

    def __init__(self, raw: IO[bytes]) -> None:
        head = raw.read(2)
        raw.seek(0)
        self._file: Any = raw
        if head == b"\x1f\x8b":
            self._file = gzip.GzipFile(fileobj=raw)
        mark = self._file.peek(4)[:4]
        if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BrokenError("it is UTF-16, and must be UTF-8")
        if mark.startswith(codecs.BOM_UTF8):
            self._file.read(3)

    def read(self, size: int) -> bytes:
        """Up to so many bytes; none at the end."""
        data: bytes = self._file.read1(size) if size else b""
        return data


def _where(path_: Path) -> Path_:
    """Where the objects of a file stand; () where the document itself is one. Of a broken file what can be said from what
    comes before the fault."""
    other: Path_ | None = None
    nested = False
    path: list[str] = []
    with path_.open("rb") as raw:
        try:
            for event, value in _parsed(raw):
                if event == "map_key":
                    path[-1] = value
                    if len(path) == 1 and value in OWN:
                        return ()
                elif event in ENDS:
                    path.pop()
                    if not path:
                        break
                elif event in STARTS:
                    place = tuple(path)
                    if event == "start_array":
                        if not place or (place[-1] in LISTS and place[:-1] in ((), ("data",))):
                            return (*place, EACH)
                    elif len(place) == 2 and place[1] == EACH:
                        other = other or place
                    nested = nested or (event == "start_map" and place == ("data",))
                    path.append(EACH if event == "start_array" else "")
        except BrokenError:
            pass  # `objects` meets it again, and says it
    return ("data",) if nested else other or ()
