"""HTTP of what owners read over several locations: figures, calendars, feeds. The paths are booking's and the stations'."""

import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from functions.booking.schemas import From, To
from functions.operators import several, summaries
from functions.operators.summaries import SummaryBy
from functions.operators.summary_schemas import Calendars, FeedHealth, Feeds, SummaryOut
from shared.errors import NotFound
from shared.web.call import Owner
from shared.web.failures import errors
from shared.web.fields import Day

router = APIRouter(prefix="/booking", tags=["booking"])
feeds_router = APIRouter(prefix="/stations", tags=["stations"])

LocationIds = Annotated[Sequence[uuid.UUID], Query(max_length=20, description="One or several; none: all that you run")]


@router.get("/hosted/summary", response_model=SummaryOut, responses=errors(NotFound))
def get_summary(
    call: Owner,
    from_: Annotated[Day, Query(alias="from", description="The first day, in each location's own time")],
    to: Annotated[Day, Query(description="The day after the last")],
    location_id: LocationIds = (),
    by: SummaryBy = SummaryBy.DAY,
) -> SummaryOut:
    """What came of days at your locations: utilisation, frozen minutes, revenue, no-shows, overstay; in all, by location, and
    by day, by hour of the day, or by hour of the weekday. Today is as far as it has come."""
    summary = call.read(lambda tx: summaries.summarise(tx=tx, location_ids=location_id, first=from_, until=to, by=by))
    return SummaryOut.of(summary, by)


@router.get("/calendars", response_model=Calendars, responses=errors(NotFound))
def get_calendars(call: Owner, location_id: LocationIds = (), from_: From = None, to: To = None) -> Calendars:
    """The calendars of several of your locations over one period, by default all (at most 20) for the next 24 hours."""
    return Calendars(items=call.read(lambda tx: several.calendars(tx=tx, location_ids=location_id, start=from_, end=to)))


@feeds_router.get("/feeds", response_model=Feeds)
def list_feeds(call: Owner) -> Feeds:
    """How the feeds of all your locations do, in one call, the silent ones first."""
    health = call.read(lambda tx: several.feeds(tx=tx))
    return Feeds(
        items=[FeedHealth.model_validate(item) for item in health],
        silent_after_s=call.platform.settings.feed_silent_after_s,
    )
