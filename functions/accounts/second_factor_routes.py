"""HTTP of the second factor. Answers with secrets are never stored for idempotency."""

import uuid

from fastapi import APIRouter, Response

from functions.accounts import second_factor
from functions.accounts.passwords import HASHING
from functions.accounts.refresh_cookie import HandingOver
from functions.accounts.schemas import Tokens
from functions.accounts.second_factor_schemas import (
    ChallengeAnswer,
    RecoveryCodes,
    SecondFactorBegin,
    SecondFactorCode,
    SecondFactorEnrolment,
    SecondFactorProof,
    SecondFactorRemoval,
    SecondFactorState,
)
from shared.errors import BadCredentials, Conflict, Forbidden, FreshSignInNeeded, TooManyRequests, WrongState
from shared.web.bulkhead import apart
from shared.web.call import Admin, Anonymous, SettingUp, SignedIn, limited
from shared.web.failures import errors

router = APIRouter(prefix="/accounts", tags=["accounts"])

TRIED = [limited("sign_in_address")]
BY_CODE = errors(BadCredentials, TooManyRequests, WrongState)


@router.post(
    "/login/second-factor",
    response_model=Tokens,
    dependencies=TRIED,
    responses=errors(BadCredentials, Forbidden, TooManyRequests),
)
def answer_challenge(answer_in: ChallengeAnswer, call: Anonymous, handing: HandingOver) -> Response:
    """Ends a sign-in that answered a challenge, with a code of the app or a recovery code. Five wrong codes end it."""
    tokens = second_factor.answer(
        platform=call.platform,
        actor=call.actor,
        challenge=answer_in.challenge,
        proof=answer_in,
        user_agent=call.user_agent,
    )
    return handing.over(tokens)


@router.get("/me/second-factor", response_model=SecondFactorState)
def get_second_factor(call: SettingUp) -> SecondFactorState:
    """Whether your account has a second factor."""
    return call.read(lambda tx: second_factor.state(tx=tx))


@router.post(
    "/me/second-factor",
    response_model=SecondFactorEnrolment,
    responses=errors(BadCredentials, FreshSignInNeeded, TooManyRequests, WrongState),
)
@apart(HASHING)
def begin_second_factor(begin_in: SecondFactorBegin, call: SettingUp) -> SecondFactorEnrolment:
    """Begins to set up an authenticator app: its secret, shown this once. A code of it confirms it within the hour."""
    return second_factor.begin(platform=call.platform, actor=call.actor, password=begin_in.password)


@router.post("/me/second-factor/confirm", response_model=RecoveryCodes, responses=BY_CODE)
def confirm_second_factor(confirm_in: SecondFactorCode, call: SettingUp) -> RecoveryCodes:
    """Confirms the authenticator app by a first code: from now on sign-ins ask for one, and your other sessions end. The
    answer has ten recovery codes, shown this once."""
    return second_factor.confirm(platform=call.platform, actor=call.actor, code=confirm_in.code)


@router.post("/me/second-factor/recovery-codes", response_model=RecoveryCodes, responses=BY_CODE)
def renew_recovery_codes(code_in: SecondFactorCode, call: SignedIn) -> RecoveryCodes:
    """Gives ten new recovery codes, shown this once; earlier ones are void."""
    return second_factor.renew_codes(platform=call.platform, actor=call.actor, code=code_in.code)


@router.post("/me/second-factor/removal", status_code=204, responses=BY_CODE)
def remove_second_factor(proof: SecondFactorProof, call: SignedIn) -> None:
    """Takes your second factor away, by a code of it; your other sessions end, and you are told by e-mail."""
    second_factor.remove(platform=call.platform, actor=call.actor, proof=proof)


@router.post("/users/{user_id}/second-factor/removal", status_code=204, responses=errors(Conflict))
def remove_second_factor_of(user_id: uuid.UUID, removal: SecondFactorRemoval, call: Admin) -> None:
    """Takes the second factor of somebody who has lost it away; their sessions end, and they are told by e-mail."""
    call.write(lambda tx: second_factor.remove_of(tx=tx, user_id=user_id, reason=removal.reason))
