"""HTTP of accounts: parse, one service call, answer. Answers with tokens are never stored for idempotency."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from functions.accounts import consents, oidc, phones, recovery, service, sessions, user_management
from functions.accounts.domain import UserStatus
from functions.accounts.events import PasswordForgotten, VerificationWanted
from functions.accounts.legal_texts import Document, current
from functions.accounts.passwords import HASHING, check_password, hash_password
from functions.accounts.refresh_cookie import HandingOver, clear, clear_with
from functions.accounts.schemas import (
    Account,
    AccountSession,
    AddressIn,
    Asked,
    Consent,
    ConsentGiven,
    EmailChange,
    EmailConfirm,
    LegalTexts,
    Login,
    Me,
    OidcFinish,
    OidcStart,
    PasswordChange,
    PhoneAsked,
    PhoneCode,
    PhoneIn,
    Refresh,
    Register,
    ResetIn,
    Role,
    TextVersion,
    Tokens,
    User,
    UserUpdate,
    Vehicle,
    VehicleCreate,
    VehicleUpdate,
    VerifyIn,
)
from functions.accounts.second_factor_schemas import SecondFactorChallenge
from shared.errors import (
    BadCredentials,
    Conflict,
    Forbidden,
    FreshSignInNeeded,
    IdempotencyKeyReused,
    NotFound,
    TermsChanged,
    TooManyRequests,
    WrongState,
)
from shared.web.bulkhead import apart
from shared.web.call import Admin, Anonymous, SettingUp, SignedIn, limited
from shared.web.failures import Responses, errors
from shared.web.pagination import Page, PageSize, cursor_id, page

router = APIRouter(prefix="/accounts", tags=["accounts"])

Cursor = Annotated[str | None, Query(max_length=200)]
MAILED = [limited("mail_address")]
TRIED = [limited("sign_in_address")]
CHALLENGE: Responses = {202: {"model": SecondFactorChallenge, "description": "A second factor is asked for"}}


@router.post("/register", status_code=202, response_model=Asked, dependencies=MAILED, responses=errors(TermsChanged))
@apart(HASHING)
def register(register_in: Register, call: Anonymous) -> Asked:
    """Asks for an account of a driver or a station owner. The link in the e-mail opens it; the answer is the same where the
    address has an account, whose holder is told."""
    check_password(register_in.password, email=register_in.email, name=register_in.name)
    hashed = hash_password(register_in.password)
    call.write(lambda tx: service.register(tx=tx, register_in=register_in, password_hash=hashed))
    return Asked()


@router.post("/verification", status_code=202, response_model=Asked, dependencies=MAILED)
def ask_for_verification(address: AddressIn, call: Anonymous) -> Asked:
    """Asks for the link that verifies an address once more."""
    call.write(lambda tx: recovery.ask_for(tx=tx, kind=VerificationWanted, email=address.email))
    return Asked()


@router.post("/verify", response_model=Tokens, dependencies=TRIED, responses=CHALLENGE | errors(BadCredentials, Forbidden))
@apart(HASHING)
def verify(verify_in: VerifyIn, call: Anonymous, handing: HandingOver) -> Response:
    """Verifies the address by the mailed token and the password chosen at registration, and signs in."""
    tokens = recovery.verify(
        platform=call.platform,
        actor=call.actor,
        token=verify_in.token,
        password=verify_in.password,
        user_agent=call.user_agent,
    )
    return handing.over(tokens)


@router.post("/login", response_model=Tokens, dependencies=TRIED, responses=CHALLENGE | errors(BadCredentials, Forbidden))
@apart(HASHING)
def log_in(login: Login, call: Anonymous, handing: HandingOver) -> Response:
    """Gives an access token for 15 minutes and a refresh token that works once; or, of an account with a second factor,
    the challenge that `accounts/login/second-factor` takes with a code."""
    tokens = sessions.log_in(
        platform=call.platform, actor=call.actor, email=login.email, password=login.password, user_agent=call.user_agent
    )
    return handing.over(tokens)


@router.post("/refresh", response_model=Tokens, responses=errors(BadCredentials))
def refresh(refresh_in: Refresh, call: Anonymous, handing: HandingOver) -> Response:
    """Exchanges the refresh token for new tokens. A token used twice, later than 20 seconds after the
    first time, ends the whole session. By cookie the call needs an `Origin` of ours, and the new token comes by cookie too."""
    try:
        presented = handing.presented(refresh_in.refresh_token)
        tokens = call.write(lambda tx: sessions.refresh(tx=tx, refresh_token=presented, user_agent=call.user_agent))
        if tokens is None:
            raise BadCredentials("This refresh token was used before; the session has been ended. Log in.")
    except BadCredentials as error:
        if refresh_in.refresh_token is None:
            clear_with(error)
        raise
    return handing.over(tokens, by_cookie=refresh_in.refresh_token is None)


@router.post("/logout", status_code=204)
def log_out(call: SettingUp, response: Response) -> None:
    """Ends the session at once: its refresh tokens, its access tokens, and the cookie where there is one."""
    call.write(lambda tx: sessions.log_out(tx=tx))
    clear(response)


@router.post("/password/forgot", status_code=202, response_model=Asked, dependencies=MAILED)
def forgot_password(address: AddressIn, call: Anonymous) -> Asked:
    """Asks for a link to set a new password. The answer is the same whether or not there is an account."""
    call.write(lambda tx: recovery.ask_for(tx=tx, kind=PasswordForgotten, email=address.email))
    return Asked()


@router.post("/password/reset", status_code=204, dependencies=TRIED, responses=errors(BadCredentials))
@apart(HASHING)
def reset_password(reset_in: ResetIn, call: Anonymous) -> None:
    """Sets a new password by the mailed token. Every session ends."""
    recovery.reset(platform=call.platform, actor=call.actor, token=reset_in.token, password=reset_in.password)


@router.post("/email/confirm", status_code=204, dependencies=TRIED, responses=errors(BadCredentials, Conflict))
def confirm_email(confirm_in: EmailConfirm, call: Anonymous) -> None:
    """Gives an account the address that the link was mailed to."""
    call.write(lambda tx: recovery.confirm_email(tx=tx, token=confirm_in.token))


@router.post("/oidc/start", response_model=OidcStart, dependencies=TRIED, responses=errors(NotFound))
def start_oidc(
    call: Anonymous, fresh: Annotated[bool, Query(description="Ask anew, for what is sensitive")] = False
) -> OidcStart:
    """Begins to sign in by the identity provider: send the browser to `authorization_url`, keep `binding`."""
    return oidc.start(platform=call.platform, actor=call.actor, fresh=fresh)


@router.post(
    "/oidc/finish",
    response_model=Tokens,
    dependencies=TRIED,
    responses=CHALLENGE | errors(BadCredentials, Conflict, Forbidden, NotFound),
)
def finish_oidc(finish_in: OidcFinish, call: Anonymous, handing: HandingOver) -> Response:
    """Signs in with the `code` and `state` that the provider sent the browser back with."""
    tokens = oidc.finish(platform=call.platform, actor=call.actor, finish_in=finish_in, user_agent=call.user_agent)
    return handing.over(tokens)


@router.get("/legal", response_model=LegalTexts)
def list_legal_texts(call: Anonymous) -> LegalTexts:
    """The versions of terms, privacy notice and imprint that hold now."""
    return LegalTexts(items=[TextVersion.model_validate(current(call.platform.settings, document)) for document in Document])


@router.get("/me", response_model=Me)
def get_me(call: SettingUp) -> Me:
    """Your account, and the legal texts that you have not accepted yet."""
    me, texts = call.read(lambda tx: (service.get_me(tx=tx), consents.to_accept(tx=tx)))
    return Me(**dict(User.model_validate(me)), to_accept=[TextVersion.model_validate(text) for text in texts])


@router.post("/me/consents", status_code=201, response_model=Consent, responses=errors(TermsChanged))
def accept_text(consent_in: ConsentGiven, call: SignedIn) -> Consent:
    """Accepts the present version of the terms or the privacy notice."""
    document = Document(consent_in.document)
    return Consent.model_validate(call.write(lambda tx: consents.accept(tx=tx, document=document, version=consent_in.version)))


@router.patch("/me", response_model=User)
def update_me(update: UserUpdate, call: SignedIn) -> User:
    """Changes your name."""
    return User.model_validate(call.write(lambda tx: service.update_me(tx=tx, update=update)))


@router.post("/me/password", status_code=204, responses=errors(BadCredentials, FreshSignInNeeded))
@apart(HASHING)
def change_password(change: PasswordChange, call: SignedIn) -> None:
    """Changes your password; your other sessions end."""
    recovery.change_password(platform=call.platform, actor=call.actor, current=change.current_password, new=change.new_password)


@router.post("/me/email", status_code=202, response_model=Asked, responses=errors(BadCredentials, FreshSignInNeeded))
@apart(HASHING)
def change_email(change: EmailChange, call: SignedIn) -> Asked:
    """Asks for a link at another address; your account has it once the link is followed."""
    recovery.ask_for_email(platform=call.platform, actor=call.actor, email=change.email, password=change.password)
    return Asked()


@router.post(
    "/me/phone",
    status_code=202,
    response_model=PhoneAsked,
    dependencies=[limited("phone_address")],
    responses=errors(BadCredentials, FreshSignInNeeded, TooManyRequests),
)
@apart(HASHING)
def ask_for_phone(phone_in: PhoneIn, call: SignedIn) -> PhoneAsked:
    """Sends a code of six digits to a mobile number; your account has it once the code is confirmed, and until then keeps the
    one it has."""
    return PhoneAsked.model_validate(phones.ask(platform=call.platform, actor=call.actor, phone_in=phone_in))


@router.post("/me/phone/confirm", response_model=User, dependencies=TRIED, responses=errors(WrongState))
def confirm_phone(confirm_in: PhoneCode, call: SignedIn) -> User:
    """Proves the number by its code: from now on it gets your text messages. Another account that had it loses it."""
    return User.model_validate(phones.confirm(platform=call.platform, actor=call.actor, code=confirm_in.code))


@router.delete("/me/phone", status_code=204)
def remove_phone(call: SignedIn) -> None:
    """Takes your number off your account: no more text messages."""
    call.write(lambda tx: phones.remove(tx=tx))


@router.get("/me/sessions", response_model=Page[AccountSession])
def list_sessions(call: SignedIn, cursor: Cursor = None, limit: PageSize = 20) -> Page[AccountSession]:
    """Where you are signed in, latest log-in first."""
    signed_in = call.read(lambda tx: sessions.list_sessions(tx=tx, before=cursor_id(cursor), limit=limit + 1))
    current_id = call.actor.session_id
    return page(
        signed_in,
        limit,
        lambda session: AccountSession.model_validate(session).model_copy(update={"current": session.id == current_id}),
    )


@router.delete("/me/sessions", status_code=204)
def revoke_other_sessions(call: SignedIn) -> None:
    """Ends all of your sessions but this one, at once."""
    call.write(lambda tx: sessions.revoke_others(tx=tx))


@router.delete("/me/sessions/{session_id}", status_code=204)
def revoke_session(session_id: uuid.UUID, call: SignedIn) -> None:
    """Ends one of your sessions at once."""
    call.write(lambda tx: sessions.revoke(tx=tx, session_id=session_id))


@router.get("/me/vehicles", response_model=Page[Vehicle])
def list_vehicles(call: SignedIn, cursor: Cursor = None, limit: PageSize = 20) -> Page[Vehicle]:
    """Your vehicles."""
    vehicles = call.read(lambda tx: service.list_vehicles(tx=tx, after=cursor_id(cursor), limit=limit + 1))
    return page(vehicles, limit, Vehicle.model_validate)


@router.post("/me/vehicles", status_code=201, response_model=Vehicle, responses=errors(IdempotencyKeyReused))
def add_vehicle(vehicle_in: VehicleCreate, call: SignedIn) -> Response:
    """Adds a vehicle."""
    return call.create(lambda tx: Vehicle.model_validate(service.add_vehicle(tx=tx, vehicle_in=vehicle_in)))


@router.patch("/me/vehicles/{vehicle_id}", response_model=Vehicle)
def update_vehicle(vehicle_id: uuid.UUID, update: VehicleUpdate, call: SignedIn) -> Vehicle:
    """Changes a vehicle; what is booked keeps the figures it was booked with."""
    vehicle = call.write(lambda tx: service.update_vehicle(tx=tx, vehicle_id=vehicle_id, update=update))
    return Vehicle.model_validate(vehicle)


@router.delete("/me/vehicles/{vehicle_id}", status_code=204)
def delete_vehicle(vehicle_id: uuid.UUID, call: SignedIn) -> None:
    """Removes a vehicle."""
    call.write(lambda tx: service.delete_vehicle(tx=tx, vehicle_id=vehicle_id))


@router.get("/users", response_model=Page[Account])
def list_users(
    call: Admin,
    role: Role | None = None,
    status: UserStatus | None = None,
    email: Annotated[str | None, Query(max_length=254, description="How the address begins")] = None,
    q: Annotated[str | None, Query(min_length=2, max_length=80, description="Stands in the name or the address")] = None,
    cursor: Cursor = None,
    limit: PageSize = 20,
) -> Page[Account]:
    """All accounts, oldest first, by role, status, address, or what stands in name or address."""
    users = call.read(
        lambda tx: user_management.list_users(
            tx=tx, role=role, status=status and status.value, email=email, words=q, after=cursor_id(cursor), limit=limit + 1
        )
    )
    return page(users, limit, Account.model_validate)


@router.get("/users/{user_id}", response_model=Account)
def get_user(user_id: uuid.UUID, call: Admin) -> Account:
    """One account."""
    return Account.model_validate(call.read(lambda tx: service.get_user(tx=tx, user_id=user_id)))
