"""Waiting for what other threads do: on a condition, with a deadline."""

import threading
from collections.abc import Callable

import pytest


def until(holds: Callable[[], bool], what: str, *, seconds: float = 20.0) -> None:
    """Returns once `holds()`, asked twenty times a second; fails the test with `what` when it never does."""
    pause = threading.Event()
    for _ in range(int(seconds * 20)):
        if holds():
            return
        pause.wait(0.05)
    pytest.fail(f"{what} did not come within {seconds:.0f} s")
