"""One-time codes of an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 s) and recovery codes. Pure; pyotp computes."""

import base64
import hashlib
import hmac
import io
import secrets
from datetime import datetime

ISSUER = "evcharging"
STEP_S = 30
WINDOW = 1
"""Steps before and after the present one whose codes are good: clocks differ, and people type slowly."""
RECOVERY_CODES = 10
_CODE_BYTES = 15
"""Of a recovery code: 120 bits, enough for a plain hash (ASVS 6.5.2)."""
_GROUP = 6


def new_secret() -> str:
    """160 random bits in base32."""
    import pyotp

    return pyotp.random_base32()


def uri(secret: str, *, email: str) -> str:
    """The `otpauth://` address that an authenticator app takes up, as a link or as a QR code."""
    import pyotp

    return str(pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=email, issuer_name=ISSUER))


def qr_svg(address: str) -> str:
    """A QR code of an address: one SVG element."""
    import segno

    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(out, kind="svg", scale=4, xmldecl=False, nl=False)
    return out.getvalue().decode()


def step_at(now: datetime) -> int:
    """The number of the 30 seconds that `now` lies in."""
    return int(now.timestamp()) // STEP_S


def code_of(secret: str, step: int) -> str:
    """The six digits of a step."""
    import pyotp

    return str(pyotp.TOTP(secret, interval=STEP_S).generate_otp(step))


def matching_step(secret: str, code: str, *, now: datetime, after: int | None) -> int | None:
    """The step whose code this is, within WINDOW of now; None where it is none, or not later than `after`, the last one used.

    Every step is compared, in constant time.
    """
    present, matching = step_at(now), None
    for step in range(present - WINDOW, present + WINDOW + 1):
        is_this = hmac.compare_digest(code_of(secret, step).encode(), code.encode())
        if is_this and (after is None or step > after):
            matching = step
    return matching


def new_recovery_code() -> str:
    """24 letters and digits in groups of six."""
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
    return "-".join(text[begin : begin + _GROUP] for begin in range(0, len(text), _GROUP))


def recovery_code_hash(code: str) -> str:
    """What is stored of a recovery code; how it is grouped and whether in capitals does not matter."""
    return hashlib.sha256("".join(code.lower().split()).replace("-", "").encode()).hexdigest()
