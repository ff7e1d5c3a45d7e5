"""The cost of one way to charge (PROBLEM.md, version 2): 0.4 wait[h] + 0.3 price/unit + 0.2 km/10 + 0.1 duration[h]."""

import numpy as np

PROBLEM_VERSION = 2
QUARTERS_PROBLEM = 1
"""The version in which sessions were on quarter hours; the cost is the same."""
DEFAULT_WEIGHTS = (0.4, 0.3, 0.2, 0.1)
"""Weights of waiting, price, distance and duration."""
REJECTION_COST = 3.0
"""Cost of a request that is not served."""
TERMS = ("wait", "price", "distance", "duration")


def cost_terms(
    weights: np.ndarray,
    *,
    wait_h: np.ndarray,
    price: np.ndarray,
    km: np.ndarray,
    duration_h: np.ndarray,
    price_unit: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The four weighted terms. `weights` is [batch, 4]; the others [batch, ...] with as many axes each, which broadcast;
    `price` in major units, `km` by road."""
    extra = (slice(None),) + (None,) * (wait_h.ndim - 1)
    w = [weights[:, number][extra] for number in range(4)]
    return w[0] * wait_h, w[1] * (price / price_unit), w[2] * (km / 10.0), w[3] * duration_h


def total(terms: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The cost: the terms added left to right, the same to the last bit for every batch size."""
    return ((terms[0] + terms[1]) + terms[2]) + terms[3]
