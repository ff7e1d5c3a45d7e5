"""Access tokens whose claims are not what they should be: refused, and never a failure of ours."""

import base64
import json
from typing import Any

import jwt
import pytest

from shared.clock import ManualClock, numeric_date
from shared.db import new_id
from shared.errors import TokenExpired, Unauthenticated
from shared.web.auth import ALGORITHM, AUDIENCE, ISSUER, TYPE, key_id, read_access_token

KEY = "a key of the tests that is long enough"
ODD: tuple[Any, ...] = ("1772438400", True, None, float("nan"), float("inf"), -1, 10**400, [1], {})


def signed(clock: ManualClock, **changes: Any) -> str:
    now = int(clock.now().timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(new_id()),
        "role": "driver",
        "sid": str(new_id()),
        "iat": now,
        "exp": now + 900,
    }
    return jwt.encode(claims | changes, KEY, ALGORITHM, headers={"kid": key_id(KEY), "typ": TYPE})


def read(clock: ManualClock, token: str) -> Any:
    return read_access_token(token, keys=[KEY], clock=clock)


def test_a_good_token_is_read(clock: ManualClock) -> None:
    assert read(clock, signed(clock)).role == "driver"
    with pytest.raises(TokenExpired):
        read(clock, signed(clock, exp=int(clock.now().timestamp())))


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_a_claim_that_is_no_instant_is_refused(clock: ManualClock, claim: str, value: Any) -> None:
    with pytest.raises(Unauthenticated):
        read(clock, signed(clock, **{claim: value}))


@pytest.mark.parametrize("claim", ["sub", "sid", "role", "aud"])
@pytest.mark.parametrize("value", [7, True, None, "", [], {"a": 1}, float("inf")])
def test_a_claim_of_another_type_is_refused(clock: ManualClock, claim: str, value: Any) -> None:
    with pytest.raises(Unauthenticated):
        read(clock, signed(clock, **{claim: value}))


def _part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header",
    [
        "[" * 100_000,
        '{"alg": "HS256", "kid": 1e400}',
        '{"alg": "HS256", "kid": ["x"], "typ": {}}',
        '{"alg": 7}',
        "[]",
        "null",
        json.dumps({"alg": "none", "kid": key_id(KEY), "typ": TYPE}),
        json.dumps({"alg": "HS256", "kid": key_id(KEY), "typ": TYPE, "crit": ["x"]}),
    ],
    ids=["deep", "number", "list", "alg", "array", "null", "none", "crit"],
)
def test_a_header_that_is_none_is_refused(clock: ManualClock, header: str) -> None:
    with pytest.raises(Unauthenticated):
        read(clock, f"{_part(header)}.{_part('{}')}.{_part('x')}")


@pytest.mark.parametrize("value", ODD)
def test_what_is_no_numeric_date(value: Any) -> None:
    with pytest.raises(ValueError, match="seconds since 1970"):
        numeric_date(value)


@pytest.mark.parametrize("value", [0, 1_772_438_400, 1_772_438_400.5])
def test_a_numeric_date_is_whole_or_not(value: float) -> None:
    assert numeric_date(value) == value
