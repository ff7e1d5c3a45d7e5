"""What a training run is made of."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from functions.optimizer.core.features import FEATURE_HASH


@dataclass(frozen=True)
class Args:
    """What a run is made of. Numbers of days, steps and updates are those of the default budget and grow with it."""

    seed: int = 1
    """of everything that is drawn, days included"""
    out: Path = Path(".data/training")
    """folder of checkpoints, log, curve and result"""
    start: Path | None = None
    """an exported model.onnx that is gone on from: it runs the first round's days, and its weights are where learning begins"""
    budget: float = 10.0
    """minutes on two cores that nobody else uses, about"""
    workers: int = 2
    """processes that run days; 0: this one alone"""
    threads: int = 1
    """of torch while it learns"""
    scenarios: tuple[str, ...] = ("busy", "overload", "slack")
    """learnt from and chosen by; city:FOLDER:NAME is a city folder's"""
    varied: int = 20
    """small cities of their own learnt from beside them"""
    rounds: int = 2
    """DAgger rounds: run days by the policy so far (the bid price at first), label, regress on all labels"""
    label_days: int = 56
    """days a reference scenario and round"""
    city_days: int = 8
    """days a city folder's scenario and round: they are longer"""
    varied_days: int = 4
    """days a varied city and round"""
    quiet_days: int = 16
    """days of slack a round: where nothing is scarce it is to be learnt that greedy is right"""
    table_days: int = 24
    """days whose optimum makes a scenario's climatology, and which the Q-learning runs; of a city folder half, of a varied
    city a third"""
    share: float = 0.5
    """of requests that are labelled"""
    best: int = 8
    """rows labelled of a request, the best by the policy"""
    others: int = 5
    """rows labelled beside them, about"""
    unusual: float = 0.25
    """of a round's jobs whose days are not like those of their climatology"""
    gains: tuple[float, ...] = (0.5, 0.7, 1.0, 1.4)
    """by which A may be multiplied in a scenario: whichever costs least on training days multiplies its labels; one: none"""
    gain_days: int = 8
    """training days a scenario on which they are compared; of a city folder half"""
    refit_steps: int = 1500
    """gradient steps of the regression on labels whose gains have changed"""
    half_days: float = 0.25
    """of a round's days whose labels are also found by the midpoint rule; 0: no correction"""
    half_weight: float = 0.5
    """of the correction: 0.5 was best of 0.5, 1 and 1.5 on validation days"""
    half_share: float = 0.1
    """of their requests that are labelled"""
    half_steps: int = 1500
    """gradient steps of the correction's regression"""
    steps: int = 3000
    """gradient steps of a round's regression"""
    batch_requests: int = 384
    """requests of a step of the regression, with all their rows"""
    learning_rate: float = 2e-3
    """of the regression (AdamW, one cycle)"""
    hidden: int = 128
    """units of each of the two hidden layers"""
    iterations: int = 1
    """of the Q-learning: run days, then learn"""
    run_days: int = 4
    """days a scenario and iteration of the Q-learning"""
    updates: int = 200
    """gradient steps an iteration"""
    batch_decisions: int = 256
    """decisions of a Q-learning step"""
    n_step: int = 10
    """requests between a decision and its bootstrap"""
    shaping: str = "potential"
    """potential, charge (without refund) or none"""
    keep: float = 1.0
    """weight of the regression loss in the Q-learning"""
    q_weight: float = 0.05
    """weight of the Q-learning's loss beside it"""
    value_first: float = 0.5
    """share of an iteration's updates in which only V learns, so that what it does not know yet is not blamed on A"""
    q_rate: float = 3e-5
    """learning rate of A in the Q-learning (Adam)"""
    value_rate: float = 1e-3
    """learning rate of V"""
    explore: float = 0.05
    """share of random choices among nearly as good rows"""
    target: float = 0.01
    """how far the target network follows at each step (Polyak)"""
    validation_days: int = 10
    """days a reference scenario on which the policy that ships is chosen"""
    city_validation_days: int = 2
    """days a city folder's scenario, likewise"""

    @property
    def names(self) -> tuple[str, ...]:
        """All scenarios learnt from."""
        return (*self.scenarios, *(f"varied-{number}" for number in range(self.varied)))

    def scaled(self, count: int) -> int:
        """A number of days or steps by the budget, at least 1."""
        return max(1, round(count * min(6.0, self.budget / Args.budget)))

    def days_of(self, name: str) -> int:
        """Days a scenario is labelled a round."""
        if name.startswith("city:"):
            return self.scaled(self.city_days)
        if name not in self.scenarios:
            return self.scaled(self.varied_days)
        return self.scaled(self.quiet_days if name == "slack" else self.label_days)

    def judged(self, name: str) -> int:
        """Validation days of a scenario."""
        return self.city_validation_days if name.startswith("city:") else self.validation_days

    def identity(self) -> str:
        """A hash of all that decides the result."""
        own = {name: value for name, value in asdict(self).items() if name not in ("out", "workers", "threads")}
        return hashlib.sha256(json.dumps([own, FEATURE_HASH], sort_keys=True, default=str).encode()).hexdigest()
