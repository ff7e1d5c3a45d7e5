"""HTTP of staff: parse, one service call, answer. The paths are the stations'."""

import uuid

from fastapi import APIRouter

from functions.operators import staff
from functions.operators.staff_schemas import StaffList, StaffOut, StaffPlace, StaffPlaces, StaffPut
from shared.errors import NotFound
from shared.web.call import Owner
from shared.web.failures import errors

router = APIRouter(prefix="/stations", tags=["stations"])


@router.get("/locations/{location_id}/staff", response_model=StaffList, responses=errors(NotFound))
def list_staff(location_id: uuid.UUID, call: Owner) -> StaffList:
    """Who was invited to help run your location, and who has accepted."""
    return StaffList(
        items=[StaffOut.of(item) for item in call.read(lambda tx: staff.list_staff(tx=tx, location_id=location_id))]
    )


@router.put("/locations/{location_id}/staff", response_model=StaffList, responses=errors(NotFound))
def put_staff(location_id: uuid.UUID, staff_in: StaffPut, call: Owner) -> StaffList:
    """Replaces who helps to run your location. By their address: an owner's account of that address is told and accepts, and
    its right counts from then on. Only the owner and administrators decide who helps."""
    wanted = staff_in.wanted()
    listed = call.write(lambda tx: staff.put_staff(tx=tx, location_id=location_id, wanted=wanted))
    return StaffList(items=[StaffOut.of(item) for item in listed])


@router.get("/staff-places", response_model=StaffPlaces)
def list_staff_places(call: Owner) -> StaffPlaces:
    """Where others asked you to help run their location, and where you do."""
    return StaffPlaces(items=[StaffPlace.of(*item) for item in call.read(lambda tx: staff.list_places(tx=tx))])


@router.post("/staff-places/{location_id}/accept", response_model=StaffPlace, responses=errors(NotFound))
def accept_staff_place(location_id: uuid.UUID, call: Owner) -> StaffPlace:
    """You help to run a location from now on."""
    return StaffPlace.of(*call.write(lambda tx: staff.accept(tx=tx, location_id=location_id)))


@router.delete("/staff-places/{location_id}", status_code=204, responses=errors(NotFound))
def leave_staff_place(location_id: uuid.UUID, call: Owner) -> None:
    """You decline, or help no longer."""
    call.write(lambda tx: staff.leave(tx=tx, location_id=location_id))
