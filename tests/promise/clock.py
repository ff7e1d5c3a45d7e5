"""A clock that several processes share and that leaps: the instant of a day, kept in a file."""

import struct
import time
from datetime import UTC, datetime
from pathlib import Path

_SECONDS = struct.Struct("d")


class LeapingClock:
    """Stands still between leaps; `monotonic` is the machine's, so that the deadlines of calls are real ones."""

    def __init__(self, path: Path) -> None:
        """`path`: the file that holds the instant."""
        self._path = path

    def now(self) -> datetime:
        """The instant, UTC."""
        return datetime.fromtimestamp(_SECONDS.unpack(self._path.read_bytes())[0], UTC)

    def monotonic(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def leap(self, to: datetime) -> None:
        """It is `to` now for every process."""
        new = self._path.with_suffix(".new")
        new.write_bytes(_SECONDS.pack(to.timestamp()))
        new.replace(self._path)  # whoever reads sees one or the other
