"""Payloads of the waitlist: what somebody waits for, and when."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from functions.optimizer.payloads import RecommendationRequest
from functions.waitlist.domain import QUIET_FROM, QUIET_UNTIL
from shared.errors import Invalid
from shared.web.fields import Input, Instant

Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Window(Input):
    """When a driver may charge: they set out at its start at the earliest and are done by its end."""

    start: Instant = Field(examples=["2026-03-02T16:00:00Z"])
    end: Instant = Field(examples=["2026-03-02T20:00:00Z"])

    @model_validator(mode="after")
    def _in_order(self) -> "Window":
        if self.end <= self.start:
            raise ValueError("end: must be after start")
        return self


class WaitlistJoin(Input):
    """A wish and its window. The wish's own earliest_departure and latest_finish are those of the window."""

    wish: RecommendationRequest
    window: Window
    quiet_from: Clock = Field(QUIET_FROM, description="Nothing is offered from then on, by the place's clock ...")
    quiet_until: Clock = Field(QUIET_UNTIL, description="... until then, unless the window begins before. Equal: never")

    def request(self, now: datetime) -> RecommendationRequest:
        """The wish in its window. Raises Invalid for a window that is over."""
        if self.window.end <= now:
            raise Invalid.one("window.end", f"must be in the future: it is {now.isoformat(timespec='seconds')}")
        begin = max(self.window.start, now)
        return self.wish.model_copy(update={"earliest_departure": begin, "latest_finish": self.window.end})
