"""Scenarios by name."""

from functools import lru_cache
from pathlib import Path

from training.problem.scenario import Scenario
from training.scenarios.random_city import random_city
from training.scenarios.recorded_city import city_scenario
from training.scenarios.reference import SIZES, reference


@lru_cache(maxsize=64)
def named(name: str) -> Scenario:
    """`slack`, `busy`, `overload`, `varied-N`, or `city:FOLDER:NAME` of a city folder. Raises ValueError for another name,
    Invalid for a folder that is none."""
    if name.startswith("city:"):
        folder, _, own = name.removeprefix("city:").rpartition(":")
        return city_scenario(Path(folder), own)
    if name in SIZES:
        return reference(name)
    kind, _, number = name.partition("-")
    if kind == "varied" and number.isdigit():
        return random_city(int(number))
    raise ValueError(f"scenario: must be one of {', '.join(SIZES)} or varied-N, not {name!r}")
