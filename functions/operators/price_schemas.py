"""Answers about dynamic prices."""

import uuid
from datetime import datetime

from pydantic import Field

from functions.stations.domain import Location
from functions.stations.price_rules import PriceRule
from functions.stations.prices import PriceWeek
from functions.tariffs.price_steps import PriceStep
from shared.web.conditions import etag_of
from shared.web.fields import Output


class PriceRuleOut(Output):
    """The price rule of a location; null: energy and time cost what the tariffs say."""

    price_rule: PriceRule | None
    etag: str = Field(description="Send it as If-Match with an edit; also the header ETag", examples=['"3"'])

    @classmethod
    def of(cls, location: Location) -> "PriceRuleOut":
        """Of a location."""
        return cls(price_rule=location.price_rule, etag=etag_of(location.version))


class ClassPrices(Output):
    """By what energy and time cost more or less at the points of a power class: each factor from an instant until the next."""

    power_class: str
    steps: list[PriceStep]


class PriceWeekOut(Output):
    """The factors of the coming week. A class that is absent, and what is further ahead, costs what its tariff says."""

    location_id: uuid.UUID
    worked_out_at: datetime | None = Field(
        description="null: there is no rule, or its factors are older than 15 minutes and do not count"
    )
    classes: list[ClassPrices]

    @classmethod
    def of(cls, week: PriceWeek) -> "PriceWeekOut":
        """Of what counts at a location."""
        classes = [
            ClassPrices(power_class=power_class, steps=steps.to_freeze())
            for power_class, steps in sorted(week.by_class.items())
        ]
        return cls(location_id=week.location.id, worked_out_at=week.worked_out_at, classes=classes)
