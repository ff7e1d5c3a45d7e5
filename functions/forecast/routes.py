"""HTTP of forecasts: parse, one service call, answer."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from functions.forecast import service
from functions.forecast.features import HORIZONS
from functions.forecast.schemas import LocationForecast, Reliability
from shared.web.call import Admin, Public

router = APIRouter(prefix="/optimizer", tags=["optimizer"])


@router.get("/forecasts/reliability", response_model=Reliability)
def get_forecast_reliability(call: Admin, weeks: Annotated[int, Query(ge=1, le=26)] = 4) -> Reliability:
    """What was forecast in the last weeks against what came true."""
    return service.reliability(platform=call.platform, weeks=weeks)


@router.get("/forecasts/{location_id}", response_model=LocationForecast)
def get_forecast(
    location_id: uuid.UUID,
    call: Public,
    horizon: Annotated[
        int | None,
        Query(ge=HORIZONS[0], le=HORIZONS[-1], multiple_of=HORIZONS[0], description="Minutes ahead: 15, 30, 45 or 60"),
    ] = None,
) -> LocationForecast:
    """The chance that a point of each power class is free, and the expected occupancy, up to an hour ahead."""
    return call.read(lambda tx: service.forecast_of(tx=tx, location_id=location_id, horizon=horizon))
