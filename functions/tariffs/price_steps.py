"""Dynamic prices: by what energy and time cost more or less than the tariff says, when. Fees, FLAT and PARKING_TIME stay.

A step function of time in factors of two decimals. It is frozen with the quote, so what is booked is settled by the factors of
then; after the booked end and its grace the tariff counts as it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from functions.tariffs.domain import PriceComponent, TariffDimensionType

ONE = Decimal(1)
DYNAMIC = frozenset({TariffDimensionType.ENERGY, TariffDimensionType.TIME})


class PriceStep(BaseModel):
    """From when on energy and time cost so many times what the tariff says, until the next step."""

    model_config = ConfigDict(frozen=True)

    start: datetime
    factor: float = Field(examples=[1.2])


@dataclass(frozen=True)
class PriceSteps:
    """Factors over time: (from when, factor) in order of time, no two neighbours alike. Before the first its factor counts;
    none at all is a factor of 1."""

    changes: tuple[tuple[datetime, Decimal], ...] = ()

    @classmethod
    def of(cls, steps: Iterable[tuple[datetime, Decimal]]) -> "PriceSteps":
        """Of steps in any order, those that change nothing left out."""
        changes: list[tuple[datetime, Decimal]] = []
        for start, factor in sorted(steps):
            if not changes or changes[-1][1] != factor:
                changes.append((start, factor))
        return cls() if [factor for _, factor in changes] == [ONE] else cls(tuple(changes))

    @classmethod
    def frozen(cls, steps: Sequence[PriceStep]) -> "PriceSteps":
        """Those of a quote."""
        return cls.of((step.start, Decimal(str(step.factor))) for step in steps)

    def to_freeze(self) -> list[PriceStep]:
        """As a quote keeps them."""
        return [PriceStep(start=start, factor=float(factor)) for start, factor in self.changes]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def factor_at(self, instant: datetime) -> Decimal:
        """The factor that counts at an instant."""
        factor = self.changes[0][1] if self.changes else ONE
        for start, value in self.changes:
            if start > instant:
                break
            factor = value
        return factor

    def within(self, start: datetime, end: datetime) -> "PriceSteps":
        """The steps of [start, end) alone: what counts at its start begins there, what counts at its end goes on."""
        if not self:
            return self
        inside = ((at, factor) for at, factor in self.changes if start < at < end)
        return PriceSteps.of([(start, self.factor_at(start)), *inside])

    def until(self, instant: datetime) -> "PriceSteps":
        """The same until an instant, from then on a factor of 1."""
        if not self:
            return self
        return PriceSteps.of([*(change for change in self.changes if change[0] < instant), (instant, ONE)])

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The instants within (start, end) at which the factor changes."""
        return (at for at, _ in self.changes[1:] if start < at < end)

    def applied(self, component: PriceComponent, instant: datetime) -> PriceComponent:
        """A price component as it counts at an instant."""
        if not self.changes or component.type not in DYNAMIC:
            return component
        factor = self.factor_at(instant)
        return component if factor == ONE else _scaled(component, factor)


@lru_cache(maxsize=20_000)
def _scaled(component: PriceComponent, factor: Decimal) -> PriceComponent:
    """One object a component and factor: lines of the same component are one line."""
    return component.model_copy(update={"price": component.price * factor})


AS_THE_TARIFF = PriceSteps()
"""A factor of 1 throughout."""
