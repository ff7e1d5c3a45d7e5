"""HTTP of stations that report sessions and ask whom to let in. The paths are the stations'."""

import uuid

from fastapi import APIRouter, Response

from functions.booking import access, metering
from functions.booking.charging import Authorisation
from functions.booking.station_schemas import Admitted, Entry, SessionRef, SessionReport, SessionTaken
from shared.errors import Conflict
from shared.tx import Tx
from shared.web.call import Station
from shared.web.failures import errors

router = APIRouter(prefix="/stations", tags=["stations"])


@router.put("/evses/{evse_id}/sessions/{ref}", response_model=SessionTaken, responses=errors(Conflict))
def put_session(evse_id: uuid.UUID, ref: SessionRef, session: SessionReport, call: Station) -> Response:
    """Reports a charging session at an EVSE, by station key: when it begins, while it runs, and when it has ended. The meter's
    kWh are what is billed. Reports count in the order of `last_updated`; sending one again is safe."""

    def take(tx: Tx) -> SessionTaken:
        reported = metering.report_session(tx=tx, evse_id=evse_id, ref=ref, report=session.report())
        return SessionTaken.of(reported)

    # The answer is valid by construction; checking it again would cost more than a statement.
    return Response(call.write(take).model_dump_json(), media_type="application/json")


@router.post("/evses/{evse_id}/authorize", response_model=Admitted)
def authorize(evse_id: uuid.UUID, entry: Entry, call: Station) -> Admitted:
    """Asks whether who entered an access code, or whose plate was read, may charge at an EVSE now, by station key. Five wrong
    values end a booking's entry by them."""
    method = Authorisation(entry.method.value)
    return call.write(lambda tx: Admitted(**vars(access.authorize(tx=tx, evse_id=evse_id, method=method, value=entry.value))))
