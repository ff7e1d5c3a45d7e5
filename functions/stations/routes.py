"""HTTP of stations: parse, one service call, answer. What their owners do is in functions/operators/routes.py."""

import uuid

from fastapi import APIRouter, Response

from functions.stations import service
from functions.stations.schemas import LocationOut
from shared.tx import Tx
from shared.web.call import Public

router = APIRouter(prefix="/stations", tags=["stations"])


@router.get("/locations/{location_id}", response_model=LocationOut)
def get_location(location_id: uuid.UUID, call: Public, response: Response) -> LocationOut:
    """A location with EVSEs, pools, tariffs, terms and opening times. Its ETag goes with every edit as If-Match."""

    def read(tx: Tx) -> LocationOut:
        location = service.get_visible(tx=tx, location_id=location_id)
        managed = service.manages(tx=tx, location=location)
        tariffs = service.tariffs_of(tx=tx, locations=[location])
        return LocationOut.of(location, tariffs, now=tx.now, managed=managed)

    location = call.read(read)
    response.headers["ETag"] = location.etag
    return location
