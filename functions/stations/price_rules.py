"""What an owner says of dynamic prices: by what factor energy and time cost more or less, by how busy a place is. Pure."""

from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from pydantic import ConfigDict, Field, model_validator

from shared.web.fields import Plain

CENT = Decimal("0.01")
LEAST, MOST = 0.2, 3.0
"""What any rule stays within."""


class OccupancyStep(Plain):
    """From which share of busy points on (0 to 1) energy and time cost so many times what the tariff says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    occupancy: float = Field(ge=0, le=1, allow_inf_nan=False, examples=[0.8])
    factor: float = Field(ge=LEAST, le=MOST, allow_inf_nan=False, examples=[1.2])


class PriceRule(Plain):
    """Steps by the forecast share of busy points of a power class; below the first step the factor is 1. No factor leaves
    [floor, ceiling]. Factors count to two decimals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: float = Field(ge=LEAST, le=1, allow_inf_nan=False, examples=[0.8])
    ceiling: float = Field(ge=1, le=MOST, allow_inf_nan=False, examples=[1.5])
    steps: tuple[OccupancyStep, ...] = Field(min_length=1, max_length=20, description="In order of occupancy")

    @model_validator(mode="after")
    def _in_order(self) -> "PriceRule":
        for lower, upper in pairwise(self.steps):
            if upper.occupancy <= lower.occupancy:
                raise ValueError("steps: each step's occupancy must be above the one before")
            if upper.factor < lower.factor:
                raise ValueError("steps: a busier place is not cheaper; each factor must be at least the one before")
        return self

    def factor_at(self, occupancy: float | None) -> Decimal:
        """The factor at an expected share of busy points; 1 where none is known."""
        if occupancy is None:
            return Decimal(1)
        reached = [step.factor for step in self.steps if step.occupancy <= occupancy]
        return self.held(Decimal(str(reached[-1] if reached else 1.0)))

    def held(self, factor: Decimal) -> Decimal:
        """A factor inside floor and ceiling, to two decimals."""
        bounded = min(max(factor, Decimal(str(self.floor))), Decimal(str(self.ceiling)))
        return bounded.quantize(CENT, ROUND_HALF_UP)
