"""What can be measured, by name, and what a subject is."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from bench.harness.results import Figure

Sample = dict[str, float]
"""What one round measured: numbers by name; the subject knows their units."""

NAMES = ("booking", "nearby", "charge_request", "decision", "simulator", "imports", "memory", "feed", "city_import", "growth")


class Subject(Protocol):
    """A module of this folder that measures one subject."""

    ROUNDS: int
    """How many rounds a run takes."""
    COSTS: dict[str, str]
    """What `--base` compares: names of samples that should be small, and what they are."""
    opened: Callable[[], AbstractContextManager[Callable[[], Sample]]]
    """Sets up what is measured, and yields the function that measures one round."""
    figures: Callable[[list[Sample]], dict[str, Figure]]
    """The figures that the rounds make."""


def subject(name: str) -> Subject:
    """A subject by name. Raises ValueError for one that is not there."""
    if name not in NAMES:
        raise ValueError(f"{name}: must be one of {', '.join(NAMES)}")
    module: Subject = importlib.import_module(f"bench.subjects.{name}")
    return module
