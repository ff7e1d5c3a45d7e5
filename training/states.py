"""Recorded states: requests of a day replayed by the greedy rule, each with the book as it stood."""

from collections.abc import Iterator

import numpy as np

from functions.optimizer.candidates import Book, Candidates, Requests, candidates
from functions.optimizer.features import Climatology
from functions.optimizer.policy import RULES, choose
from training.scenarios import HORIZON, Scenario, day

State = tuple[Requests, Book, Candidates]


def replay(scenario: Scenario, seed: int, *, rule: str = "greedy", requests: int | None = None) -> Iterator[State]:
    """Each request of a day, the book before it, and its candidates; then the rule books its choice."""
    wishes = day(scenario, seed, requests=requests)
    pools = len(scenario.city.capacity)
    busy = np.zeros((1, pools, HORIZON), dtype=np.int64)
    opened = np.ones((1, pools, HORIZON), dtype=bool)
    for number in range(len(wishes)):
        wish = wishes.take(np.array([number]))
        book = Book(busy.copy(), opened)
        rows = candidates(scenario.city, wish, book, scenario.rates)
        yield wish, book, rows
        row = int(choose(RULES[rule], rows)[0])
        if row >= 0:
            start = int(rows.start[0, row])
            busy[0, rows.pool[0, row], start : start + int(rows.length[0, row])] += 1


def unknown(scenario: Scenario) -> Climatology:
    """No climatology: zeros of the scenario's shape."""
    return Climatology.unknown(len(scenario.city.capacity), HORIZON)
