"""How much memory each process holds over a run, and whether it grew."""

import statistics
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.harness.stack import resident_mb

ALLOWED_SHARE, ALLOWED_MB = 0.05, 4.0
"""Over the second half of a run a process may grow by a twentieth of what it holds, and by as much as an allocator keeps."""


@dataclass(frozen=True)
class Growth:
    """A process's memory over the second half of a run."""

    name: str
    mb: float
    """At the half's begin."""
    mb_a_minute: float
    """Theil-Sen estimator: the median of all slopes."""
    grown_mb: float
    """Growth over the half at that pace."""

    @property
    def allowed_mb(self) -> float:
        """The bound."""
        return self.mb * ALLOWED_SHARE + ALLOWED_MB

    @property
    def leaks(self) -> bool:
        """Whether it grew by more than the bound."""
        return self.grown_mb > self.allowed_mb


def slope(points: list[tuple[float, float]], *, most: int = 200) -> float:
    """Theil-Sen estimator: the median slope of all pairs of (x, y), which single jumps do not move.

    Long series are thinned to `most` points; the slope of fewer than two is 0.0.
    """
    step = max(1, len(points) // most)
    thin = points[::step]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for index, a in enumerate(thin) for b in thin[index + 1 :] if b[0] > a[0]]
    return statistics.median(slopes) if slopes else 0.0


def growth(name: str, points: list[tuple[float, float]]) -> Growth:
    """A process's growth from its samples (seconds, MB), which must cover a run. Raises ValueError for fewer than four."""
    if len(points) < 4:
        raise ValueError(f"{name}: {len(points)} samples are too few to tell growth")
    middle = (points[0][0] + points[-1][0]) / 2
    half = [point for point in points if point[0] >= middle]
    rate = slope(half)
    return Growth(name, half[0][1], rate * 60, rate * (half[-1][0] - half[0][0]))


@dataclass
class MemoryWatch:
    """Samples of processes, taken in a thread of its own. Use it as a context manager."""

    pids: Mapping[str, int]
    every_s: float = 1.0
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    """Processes that were gone before the run was over."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._stop.wait(self.every_s):
            for name, pid in self.pids.items():
                try:
                    mb = resident_mb(pid)
                except OSError:
                    self.ended.add(name)
                    continue
                self.samples.setdefault(name, []).append((time.monotonic() - begun, mb))

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def growths(self) -> list[Growth]:
        """The growth of every process that was there."""
        return [growth(name, points) for name, points in self.samples.items()]
