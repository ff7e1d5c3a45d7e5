"""Answers to drivers: their own figures."""

from datetime import date

from pydantic import Field

from shared.web.fields import Output


class DriverFiguresOut(Output):
    """What your charging came to in a time."""

    sessions: int
    kwh: float
    minutes: float = Field(description="Of sessions")
    cost: dict[str, int] = Field(description="Sessions and fees with VAT, minor units by currency", examples=[{"EUR": 1234}])
    places: int = Field(description="Different locations that you charged at")
    canceled: int
    no_shows: int
    decided: int = Field(description="Charge requests that were given a slot")
    wait_minutes: float | None = Field(description="Mean from your arrival to the start of what those gave")
    saved_minutes: float | None = Field(
        description="Mean by which charging was over earlier than at the nearest place; below 0: later, for what mattered more"
    )


class DriverMonthOut(DriverFiguresOut):
    """A month of yours."""

    month: date = Field(description="Its first day")


class DriverStats(DriverFiguresOut):
    """Your figures, in all and by month."""

    months: list[DriverMonthOut]
