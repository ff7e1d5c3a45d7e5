"""HTTP of accounts: parse, one service call, answer. Answers with tokens are never stored for idempotency."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.accounts import service
from functions.accounts.passwords import hash_password
from functions.accounts.schemas import (
    Login,
    Refresh,
    Register,
    Tokens,
    User,
    UserUpdate,
    Vehicle,
    VehicleCreate,
    VehicleUpdate,
)
from shared.api import Page, PageSize, Public, SignedIn, decode_cursor, encode_cursor
from shared.errors import BadCredentials

router = APIRouter(prefix="/accounts", tags=["accounts"])


@router.post("/register", status_code=201, response_model=User)
def register(register_in: Register, call: Public) -> User:
    """Opens an account for a driver or a station owner. The e-mail address is the key that makes it happen once."""
    hashed = hash_password(register_in.password)
    made = call.write(lambda tx: service.register(tx=tx, register_in=register_in, password_hash=hashed))
    return User.model_validate(made)


@router.post("/login", response_model=Tokens)
def log_in(login: Login, call: Public) -> Tokens:
    """Gives an access token for 15 minutes and a refresh token that works once."""
    return service.log_in(platform=call.platform, email=login.email, password=login.password)


@router.post("/refresh", response_model=Tokens)
def refresh(refresh_in: Refresh, call: Public) -> Tokens:
    """Exchanges the refresh token for new tokens. A token used twice ends the whole session."""
    tokens = call.write(lambda tx: service.refresh(tx=tx, refresh_token=refresh_in.refresh_token))
    if tokens is None:
        raise BadCredentials("This refresh token was used before; the session has been ended. Log in.")
    return tokens


@router.post("/logout", status_code=204)
def log_out(call: SignedIn) -> None:
    """Ends the session: its refresh tokens are revoked."""
    call.write(lambda tx: service.log_out(tx=tx))


@router.get("/me", response_model=User)
def get_me(call: SignedIn) -> User:
    """Your account."""
    return User.model_validate(call.read(lambda tx: service.get_me(tx=tx)))


@router.patch("/me", response_model=User)
def update_me(update: UserUpdate, call: SignedIn) -> User:
    """Changes your name or phone number."""
    return User.model_validate(call.write(lambda tx: service.update_me(tx=tx, update=update)))


@router.get("/me/vehicles", response_model=Page[Vehicle])
def list_vehicles(
    call: SignedIn, cursor: Annotated[str | None, Query(max_length=200)] = None, limit: PageSize = 20
) -> Page[Vehicle]:
    """Your vehicles."""
    after = decode_cursor(cursor, uuid.UUID)[0] if cursor else None
    found = call.read(lambda tx: service.list_vehicles(tx=tx, after=after, limit=limit + 1))
    more = encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return Page(items=[Vehicle.model_validate(item) for item in found[:limit]], next_cursor=more)


@router.post("/me/vehicles", status_code=201, response_model=Vehicle)
def add_vehicle(vehicle_in: VehicleCreate, call: SignedIn) -> Response:
    """Adds a vehicle."""
    return call.create(lambda tx: Vehicle.model_validate(service.add_vehicle(tx=tx, vehicle_in=vehicle_in)))


@router.patch("/me/vehicles/{vehicle_id}", response_model=Vehicle)
def update_vehicle(vehicle_id: uuid.UUID, update: VehicleUpdate, call: SignedIn) -> Vehicle:
    """Changes a vehicle; what is booked keeps the figures it was booked with."""
    changed = call.write(lambda tx: service.update_vehicle(tx=tx, vehicle_id=vehicle_id, update=update))
    return Vehicle.model_validate(changed)


@router.delete("/me/vehicles/{vehicle_id}", status_code=204)
def delete_vehicle(vehicle_id: uuid.UUID, call: SignedIn) -> None:
    """Removes a vehicle."""
    call.write(lambda tx: service.delete_vehicle(tx=tx, vehicle_id=vehicle_id))
