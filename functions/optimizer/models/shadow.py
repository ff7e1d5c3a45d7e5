"""The challenger in the champion's shadow: what it would have chosen, found within the time the decision has left."""

import contextvars
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from functions.optimizer.core.candidates import Candidates
from shared import telemetry

log = logging.getLogger(__name__)
AT_ONCE = 4
"""Challengers that may score at one time in a process; one that hangs must not gather threads."""
_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class ShadowChoice:
    """The challenger's choice: the row among the candidates, its cost, its score, and whether it is the champion's."""

    version: str
    row: int
    cost: float
    score: float
    agrees: bool


def watch(
    version: str, score: Callable[[], np.ndarray], rows: Candidates, *, chosen: int, budget_s: float
) -> ShadowChoice | None:
    """What a challenger chooses of one request's rows, `score` giving its scores [rows] and `chosen` being the champion's
    row; None where it fails or has not answered after `budget_s` seconds, which is all the time this takes."""
    count = int(rows.mask[0].sum())
    if budget_s <= 0 or not count:
        return None
    if not _places.acquire(blocking=False):
        log.warning("challenger %s still scores other requests; this one goes without", version)
        return None
    answer: list[np.ndarray] = []

    def answering() -> None:
        try:
            answer.append(score())
        except Exception:
            log.exception("challenger %s failed; the champion's decision stands", version)
        finally:
            _places.release()

    context = contextvars.copy_context()  # its log lines carry the invocation
    thread = threading.Thread(target=context.run, args=(answering,), name="challenger", daemon=True)
    thread.start()
    thread.join(budget_s)
    if not answer:
        if thread.is_alive():
            log.warning("challenger %s had not answered after %.0f ms", version, budget_s * 1000)
        return None
    scores = answer[0]
    if len(scores) != count or not np.isfinite(scores).all():
        log.error("challenger %s gave no score to each row", version)
        return None
    row = int(scores.argmax())
    choice = ShadowChoice(version, row, float(rows.cost[0, row]), float(scores[row]), row == chosen)
    telemetry.shadows.add(1, {"version": version, "agrees": choice.agrees})
    return choice
