"""The offline bound: what perfect foresight would have cost, by linear and integer programming (HiGHS through highspy).

x[request, row] in [0, 1]; each request once or rejected; in each pool and slot at most its EVSEs. The linear
relaxation bounds every policy from below; its dual prices say what five minutes of an EVSE was worth. LEARNING.md, Bound.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np

from functions.optimizer.core.candidates import EVERY_OFFSET, START_OFFSETS, Candidates, candidates_in_window
from functions.optimizer.core.objective import REJECTION_COST
from functions.optimizer.core.occupancy import Occupancy
from functions.optimizer.core.requests import Requests
from training.problem.scenario import Scenario

EVERY_ROW = 1 << 20
WHOLE = ("pool", "start", "length")
OF_ROWS = (*WHOLE, "cost", "wait_min", "price", "duration_min")
"""What a column has of its row; the first are whole numbers."""
CHUNK = 128
"""Requests whose rows are made at once."""


@dataclass(frozen=True)
class AssignmentColumns:
    """The rows of many requests end to end, X in all: the columns of the assignment's programme."""

    requests: int
    """how many requests there are, with or without rows"""
    request: np.ndarray
    """whose row it is, [X]"""
    pool: np.ndarray
    """where it charges, [X]"""
    start: np.ndarray
    """first slot, [X]"""
    length: np.ndarray
    """slots, [X]"""
    cost: np.ndarray
    """by the objective, [X]"""
    wait_min: np.ndarray
    """from the arrival to the start, [X]"""
    price: np.ndarray
    """of the session, in the city's currency, [X]"""
    duration_min: np.ndarray
    """minutes of charging, [X]"""

    def keep(self, which: np.ndarray) -> "AssignmentColumns":
        """The columns at a mask or at indices."""
        arrays = {name: value[which] for name, value in vars(self).items() if name != "requests"}
        return replace(self, **arrays)

    @classmethod
    def of(cls, rows: Candidates) -> "AssignmentColumns":
        """The columns of a batch of candidates."""
        request, row = np.nonzero(rows.mask)
        cells = (request, row)
        arrays = {name: getattr(rows, name)[cells] for name in OF_ROWS}
        return cls(len(rows.mask), request, **arrays)


def assignment_columns(
    scenario: Scenario, requests: Requests, occupancy: Occupancy | None = None, *, offsets: Sequence[int] = START_OFFSETS
) -> AssignmentColumns:
    """Every row that each request could be given in an occupancy (else an empty one), without the limit of 256; what costs
    as much as a rejection is left out. With EVERY_OFFSET also starts that are never offered."""
    if occupancy is None:
        occupancy = Occupancy(np.zeros((1, *scenario.shape), dtype=np.int64), scenario.open[None], scenario.minute_of_day)
    parts = []
    for first in range(0, len(requests), CHUNK):
        batch = requests.take(np.arange(first, min(first + CHUNK, len(requests))))
        batch = replace(batch, env=np.zeros(len(batch), dtype=np.int64))
        rows, _, _ = candidates_in_window(scenario.city, batch, occupancy, scenario.rates, rows=EVERY_ROW, offsets=offsets)
        part = AssignmentColumns.of(rows)
        parts.append(replace(part, request=part.request + first))
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return AssignmentColumns(0, none, **{name: none if name in WHOLE else np.zeros(0) for name in OF_ROWS})
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("request", *OF_ROWS)}
    columns = AssignmentColumns(len(requests), **arrays)
    return columns.keep(columns.cost < REJECTION_COST)


@dataclass(frozen=True)
class Solution:
    """`cost` of all requests together, the rejected ones included; `price` of a slot of each pool [P, T], in cost
    (zeros for an integer solution); `share` of each column taken [X]; `proven` lower bound (equal to cost for an LP)."""

    cost: float
    price: np.ndarray
    share: np.ndarray
    proven: float


class NotSolvedError(Exception):
    """HiGHS found no optimum; the text has its status."""


def _solver() -> Any:
    """HiGHS greets a process on its standard output, before it can be told not to; what is printed there must be ours."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        return highspy.Highs()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def solve(
    columns: AssignmentColumns,
    capacity: np.ndarray,
    *,
    integer: bool = False,
    interior: bool = False,
    limit_s: float | None = None,
    gap: float = 1e-4,
) -> Solution:
    """Solves the assignment; `capacity` [P, T] is what is free. Raises NotSolvedError.

    `interior`: by interior points without crossover, sooner where thousands of rows bind; cost and prices are then optimal to
    HiGHS's tolerance, the prices from the middle of those that are.
    An integer problem that meets its time limit answers with its best solution, and `proven` says how far it may be off.
    """
    pools, slots = capacity.shape
    size, requests = len(columns.cost), columns.requests
    if not size:
        return Solution(REJECTION_COST * requests, np.zeros((pools, slots)), np.zeros(0), REJECTION_COST * requests)
    total = int(columns.length.sum())
    offset = np.cumsum(columns.length) - columns.length
    cells = (
        np.arange(total) - np.repeat(offset, columns.length) + np.repeat(columns.pool * slots + columns.start, columns.length)
    )
    demand = np.bincount(cells, minlength=pools * slots)
    # A slot whose columns all together fit cannot bind, and needs no row.
    binding = demand > capacity.ravel()
    row_of = np.cumsum(binding) - 1 + requests
    tight = binding[cells]
    entries = np.repeat(np.arange(size), columns.length)[tight]
    count = 1 + np.bincount(entries, minlength=size)
    starts = np.concatenate([[0], np.cumsum(count)])
    index = np.empty(int(starts[-1]), dtype=np.int32)
    index[starts[:-1]] = columns.request
    within = np.arange(len(entries)) - np.repeat(np.cumsum(count - 1) - (count - 1), count - 1)
    index[np.repeat(starts[:-1] + 1, count - 1) + within] = row_of[cells[tight]]

    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = size, requests + int(binding.sum())
    model.col_cost_ = columns.cost - REJECTION_COST
    model.col_lower_, model.col_upper_ = np.zeros(size), np.ones(size)
    model.row_lower_ = np.full(model.num_row_, -highspy.kHighsInf)
    model.row_upper_ = np.concatenate([np.ones(requests), capacity.ravel()[binding].astype(np.float64)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = starts.astype(np.int32), index
    model.a_matrix_.value_ = np.ones(len(index))
    model.offset_ = REJECTION_COST * requests
    if integer:
        model.integrality_ = [highspy.HighsVarType.kInteger] * size
    solver = _solver()
    solver.setOptionValue("log_to_console", False)
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    if interior:
        solver.setOptionValue("solver", "ipm")
        solver.setOptionValue("run_crossover", "off")
    if integer:
        solver.setOptionValue("mip_rel_gap", gap)
        if limit_s is not None:
            solver.setOptionValue("time_limit", limit_s)
    solver.passModel(model)
    solver.run()
    status = solver.getModelStatus()
    fine = {highspy.HighsModelStatus.kOptimal}
    if integer:
        fine.add(highspy.HighsModelStatus.kTimeLimit)
    info = solver.getInfo()
    if status not in fine or not np.isfinite(info.objective_function_value):
        raise NotSolvedError(f"HiGHS: {solver.modelStatusToString(status)}")
    answer = solver.getSolution()
    price = np.zeros(pools * slots)
    if not integer:
        price[binding] = np.maximum(0.0, -np.asarray(answer.row_dual)[requests:])
    proven = info.mip_dual_bound if integer else info.objective_function_value
    return Solution(
        float(info.objective_function_value), price.reshape(pools, slots), np.asarray(answer.col_value), float(proven)
    )


def open_capacity(scenario: Scenario) -> np.ndarray:
    """EVSEs of each pool in each slot, none where it is closed: [P, T]."""
    return np.where(scenario.open, scenario.city.capacity[:, None], 0)


def offline(scenario: Scenario, requests: Requests, *, integer: bool = False) -> tuple[Solution, AssignmentColumns]:
    """The bound of a day, on the finest grid, and the columns it was found over."""
    columns = assignment_columns(scenario, requests, offsets=EVERY_OFFSET)
    return solve(columns, open_capacity(scenario), integer=integer), columns


def busy_evses(columns: AssignmentColumns, share: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """EVSEs busy in each pool and slot by a solution: [P, T]."""
    pools, slots = shape
    taken = share > 1e-9
    length = columns.length[taken]
    offset = np.cumsum(length) - length
    begin = np.repeat(columns.pool[taken] * slots + columns.start[taken], length)
    cells = np.arange(int(length.sum())) - np.repeat(offset, length) + begin
    busy: np.ndarray = np.bincount(cells, weights=np.repeat(share[taken], length), minlength=pools * slots)
    return busy.reshape(pools, slots)


def prices(columns: AssignmentColumns, price: np.ndarray) -> np.ndarray:
    """What each column's session is worth at the prices of its slots: [X]."""
    sums = np.zeros((price.shape[0], price.shape[1] + 1))
    np.cumsum(price, axis=1, out=sums[:, 1:])
    worth: np.ndarray = sums[columns.pool, columns.start + columns.length] - sums[columns.pool, columns.start]
    return worth
