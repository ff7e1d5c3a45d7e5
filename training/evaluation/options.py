"""What an evaluation is asked for, and the scenario and days that this means."""

from dataclasses import dataclass, replace
from pathlib import Path

from functions.optimizer.models.registry import SHIPPED
from training.problem.scenario import SPLIT_SEEDS, Scenario, Split
from training.scenarios.recorded_city import RecordedDemand, city_scenario
from training.scenarios.registry import named

TEST_DAYS = 20


@dataclass(frozen=True)
class EvaluationOptions:
    """What to judge on what."""

    scenario: str = "busy"
    """slack, busy or overload; without a city also varied-N, with one also recorded"""
    city: Path | None = None
    """a city folder; None: the reference city"""
    policies: str = "fast"
    """comma separated: rules by name, folders of training runs or exported versions"""
    days: int = TEST_DAYS
    """test days"""
    seeds: int = 5
    """independent runs of what is random"""
    requests: int | None = None
    """requests a day, else the scenario's own"""
    locations: int | None = None
    """of a city so many around its centre, else the scenario's own"""
    table_days: int = 24
    """training days that the climatology is the mean of"""
    decline: bool = False
    """a second table in which a policy may decline"""
    own_weights: bool = False
    """every driver has weights of their own"""
    rough: bool = False
    """all disturbances happen, at assumed rates"""
    lateness: int = 0
    """in the four worlds: minutes by which arrivals are off; charging times too"""
    stays: str = "energy"
    """in the four worlds: how long cars keep their EVSE without a platform, until full or as recorded"""
    no_tables: bool = False
    """in the four worlds: the platform knows no history of the city"""
    as_learnt: bool = False
    """networks are not calibrated by training days of the city"""
    store: Path = SHIPPED
    """the store whose champion is judged"""
    out: Path = Path(".data/evaluation")
    """folder for tables, pictures and kept bounds"""
    workers: int = 0
    """processes; 0: this one alone"""

    def check(self) -> None:
        """Raises ValueError naming the first number that is too small."""
        for name in ("days", "seeds", "requests", "locations", "table_days"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name.replace('_', '-')}: must be at least 1, not {value}")
        if self.locations is not None and self.city is None:
            raise ValueError("locations: needs --city; the reference city is as PROBLEM.md has it")
        if self.workers < 0:
            raise ValueError(f"workers: must be at least 0, not {self.workers}")


def scenario_of(options: EvaluationOptions) -> Scenario:
    """The scenario that is judged. Raises ValueError or AppError saying what is wrong with the name or the folder."""
    if options.city is not None:
        return city_scenario(options.city, options.scenario, requests=options.requests, locations=options.locations)
    scenario = named(options.scenario)
    return scenario if options.requests is None else replace(scenario, requests_a_day=options.requests)


def test_days(scenario: Scenario, days: int) -> list[int]:
    """Seeds of the test days. Raises ValueError where the city has fewer days that training never saw."""
    available = SPLIT_SEEDS
    if isinstance(scenario.demand, RecordedDemand):
        available = len(scenario.demand.days[Split.TEST])
    if days > available:
        what = "recorded days that training never sees" if available < SPLIT_SEEDS else "test days"
        raise ValueError(f"days: {days} are asked for, {scenario.city.name} has {available} {what}")
    return [Split.TEST.seed(number) for number in range(days)]
