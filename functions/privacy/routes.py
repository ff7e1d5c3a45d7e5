"""HTTP of privacy: parse, one service call, answer. The paths are the account's."""

from fastapi import APIRouter, Response

from functions.privacy import service
from functions.privacy.schemas import Deletion
from shared.errors import BadCredentials, Conflict, FreshSignInNeeded, WrongState
from shared.web.call import SignedIn
from shared.web.failures import errors

router = APIRouter(prefix="/accounts", tags=["accounts"])


@router.get(
    "/me/export",
    response_class=Response,
    responses={200: {"description": "A ZIP of JSON files", "content": {"application/zip": {}}}},
)
def export_me(call: SignedIn) -> Response:
    """Everything we hold about you, as a ZIP of JSON files."""
    content = call.read(lambda tx: service.export(tx=tx))
    headers = {"Content-Disposition": 'attachment; filename="evcharging-export.zip"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/zip", headers=headers)


@router.post("/me/deletion", status_code=204, responses=errors(BadCredentials, FreshSignInNeeded, Conflict, WrongState))
def delete_me(deletion: Deletion, call: SignedIn) -> None:
    """Deletes your account. 409 lists what stands in the way; open bookings are cancelled where you say so."""
    service.delete(
        platform=call.platform, actor=call.actor, password=deletion.password, cancel_bookings=deletion.cancel_bookings
    )
