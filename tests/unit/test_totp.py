"""Codes of an authenticator app against RFC 6238's own figures, and recovery codes."""

import base64
from datetime import UTC, datetime

import pytest

from functions.accounts import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_a_code_is_that_of_the_standard(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_of(SECRET, totp.step_at(now)) == code
    assert totp.matching_step(SECRET, code, now=now, after=None) == totp.step_at(now)


def test_a_step_is_not_matched_again_nor_an_earlier_one() -> None:
    now = datetime(2026, 3, 2, 8, tzinfo=UTC)
    step = totp.step_at(now)
    codes = {number: totp.code_of(SECRET, step + number) for number in range(-2, 3)}
    found = {number: totp.matching_step(SECRET, code, now=now, after=None) for number, code in codes.items()}
    assert found == {-2: None, -1: step - 1, 0: step, 1: step + 1, 2: None}
    assert [totp.matching_step(SECRET, codes[number], now=now, after=step) for number in (-1, 0, 1)] == [None, None, step + 1]


def test_secrets_and_recovery_codes_are_long_and_all_different() -> None:
    assert len({totp.new_secret() for _ in range(50)}) == 50
    assert len(base64.b32decode(totp.new_secret())) == 20
    codes = {totp.new_recovery_code() for _ in range(200)}
    assert len(codes) == 200
    assert {len(code.replace("-", "")) for code in codes} == {24}


def test_how_a_recovery_code_is_typed_does_not_matter() -> None:
    code = totp.new_recovery_code()
    typed = (code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')}\n")
    assert {totp.recovery_code_hash(text) for text in typed} == {totp.recovery_code_hash(code)}


def test_the_address_and_its_picture_carry_the_secret() -> None:
    address = totp.uri(SECRET, email="ada+1@example.org")
    assert address == f"otpauth://totp/evcharging:ada%2B1%40example.org?secret={SECRET}&issuer=evcharging"
    picture = totp.qr_svg(address)
    assert picture.startswith("<svg ")
    assert picture.endswith("</svg>")
    assert "<?xml" not in picture
