"""The challenger's shadow: what it would have chosen, and never a delay beyond the budget or an error."""

import logging
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from functions.optimizer.models import shadow
from functions.optimizer.models.shadow import AT_ONCE, watch
from tests.unit.optimizer.test_explanations import rows

THREE = rows({"cost": 0.5}, {"cost": 0.6}, {"cost": 0.9})


def test_its_choice_beside_the_champions() -> None:
    found = watch("2", lambda: np.array([0.1, 0.3, 0.2]), THREE, chosen=0, budget_s=5)
    assert found is not None
    assert (found.version, found.row, found.cost, found.agrees) == ("2", 1, 0.6, False)
    assert found.score == pytest.approx(0.3)
    agreed = watch("2", lambda: np.array([0.1, 0.3, 0.2]), THREE, chosen=1, budget_s=5)
    assert agreed is not None
    assert agreed.agrees


def fails() -> np.ndarray:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    "score", [fails, lambda: np.array([1.0, np.nan, 0.0]), lambda: np.zeros(2)], ids=["fails", "NaN", "too few"]
)
def test_what_goes_wrong_is_only_logged(score: Callable[[], np.ndarray], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert watch("2", score, THREE, chosen=0, budget_s=5) is None
    assert "challenger 2" in caplog.text


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened at the end, so that no thread outlives its test by much."""
    event = threading.Event()
    yield event
    event.set()


def test_one_that_hangs_is_left_behind_and_does_not_gather_threads(gate: threading.Event) -> None:
    def hangs() -> np.ndarray:
        gate.wait(60)
        return np.zeros(3)

    before = threading.active_count()
    for _ in range(AT_ONCE + 3):
        assert watch("2", hangs, THREE, chosen=0, budget_s=0.01) is None
    assert threading.active_count() <= before + AT_ONCE
    assert watch("2", lambda: np.zeros(3), THREE, chosen=0, budget_s=5) is None, "no place is left"
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "challenger":
            thread.join(10)
    assert watch("2", lambda: np.zeros(3), THREE, chosen=0, budget_s=5) is not None


@pytest.mark.parametrize("budget", [0.0, -0.1])
def test_with_no_time_left_nobody_is_asked(budget: float) -> None:
    assert watch("2", fails, THREE, chosen=0, budget_s=budget) is None
    assert shadow._places._value == AT_ONCE
