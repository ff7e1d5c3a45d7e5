"""HTTP of drivers: parse, one service call, answer. The paths are the account's."""

from typing import Annotated

from fastapi import APIRouter, Query

from functions.drivers import service
from functions.drivers.schemas import DriverMonthOut, DriverStats
from functions.stations.schemas import TimeZone
from shared.web.call import SignedIn
from shared.web.fields import Day

router = APIRouter(prefix="/accounts", tags=["accounts"])


@router.get("/me/stats", response_model=DriverStats)
def get_stats(
    call: SignedIn,
    from_: Annotated[Day, Query(alias="from", description="A day of the first month")],
    to: Annotated[Day, Query(description="The day after the last one wanted; its month counts whole")],
    time_zone: Annotated[TimeZone, Query(description="Whose months: IANA", examples=["Europe/Amsterdam"])] = "UTC",
) -> DriverStats:
    """Your own figures by whole months: sessions, energy, cost, minutes waited, and minutes saved against the nearest place."""
    total, months = call.read(lambda tx: service.by_month(tx=tx, first=from_, until=to, time_zone=time_zone))
    items = [DriverMonthOut(month=item.month, **vars(item.figures)) for item in months]
    return DriverStats(months=items, **vars(total))
