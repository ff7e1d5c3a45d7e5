"""The linear programme of a day by column generation: the same bound as `training.optimum.bound.solve`, ten times sooner.

Nearly all rows of a day are of no use to anybody. Prices found by ascent (training.optimum.duals) say which may be; the
programme over those is solved, every other row is looked at with the prices of its optimum, and those that would do better
join, until none would, or until what is proven lies within GAP of it. Source: Dantzig and Wolfe 1960; Lagrangian bounds,
Lasdon 1970.
"""

from dataclasses import replace

import numpy as np

from functions.optimizer.core.objective import REJECTION_COST
from training.optimum.bound import AssignmentColumns, NotSolvedError, Solution, prices, solve
from training.optimum.duals import Programme
from training.optimum.duals import prices as ascend

NEAR, JOIN = 0.1, 0.03
"""Rows within NEAR of their request's best at the first prices begin in the programme; later, those within JOIN join."""
GAP = 1e-4
"""How far, as a share, what is proven may stay below the optimum: a hundredth of a per cent."""
FEW = 100_000
"""Up to so many columns the simplex is quick, and its optimum exact."""
FIRST_STEPS, ROUNDS = 300, 20
NOTHING = 1e-9


def lagrangian(columns: AssignmentColumns, capacity: np.ndarray, price: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """What prices [P, T] prove: a lower bound of all requests' cost, each request's least cost with prices [R] (a
    rejection's at most), and each column's [X]."""
    priced = columns.cost + prices(columns, price)
    least = np.full(columns.requests, REJECTION_COST)
    np.minimum.at(least, columns.request, priced)
    return float(least.sum() - (price * capacity).sum()), least, priced


def solve_by_column_generation(columns: AssignmentColumns, capacity: np.ndarray) -> Solution:
    """The linear programme of the columns in `capacity` [P, T]. `proven` is a lower bound of it within GAP of `cost`.

    Raises NotSolvedError.
    """
    large = len(columns.cost) > FEW
    price = ascend(Programme.of(columns, capacity.shape), capacity, steps=FIRST_STEPS if large else None)
    proven, least, priced = lagrangian(columns, capacity, price)
    kept = priced <= least[columns.request] + NEAR
    for _ in range(ROUNDS):
        kept_indices = np.flatnonzero(kept)
        solution = solve(columns.keep(kept_indices), capacity, interior=large)
        bound, _, priced = lagrangian(columns, capacity, solution.price)
        proven = max(proven, bound)
        own = np.full(columns.requests, REJECTION_COST)
        np.minimum.at(own, columns.request[kept_indices], priced[kept_indices])
        better = ~kept & (priced < own[columns.request] - NOTHING)
        if not better.any() or solution.cost - proven <= GAP * abs(solution.cost):
            share = np.zeros(len(columns.cost))
            share[kept_indices] = solution.share
            return replace(solution, share=share, proven=min(proven, solution.cost))
        kept |= priced < own[columns.request] + (JOIN if large else -NOTHING)
    raise NotSolvedError(f"column generation: no optimum in {ROUNDS} rounds")
