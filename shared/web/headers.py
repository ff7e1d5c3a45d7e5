"""What every answer says to browsers and caches: the strictest, wherever a route did not say otherwise itself."""

from collections.abc import Iterable, Mapping

Headers = list[tuple[bytes, bytes]]
YEARS_TWO = 63_072_000
ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
HTTPS = {b"strict-transport-security": f"max-age={YEARS_TWO}; includeSubDomains".encode()}
PERSONAL, PUBLIC = {b"cache-control": b"no-store"}, {b"cache-control": b"no-cache"}


def completed(headers: Iterable[tuple[bytes, bytes]], *, personal: bool, https: bool) -> Headers:
    """The headers of an answer with the defaults that it does not set. `personal` answers are stored by no cache."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    defaults: Mapping[bytes, bytes] = ALWAYS | (PERSONAL if personal else PUBLIC) | (HTTPS if https else {})
    return given + [(name, value) for name, value in defaults.items() if name not in names]


def is_personal(method: str, request_headers: Iterable[tuple[bytes, bytes]], status: int) -> bool:
    """Whether an answer may be somebody's own: to a call with a token or cookie, to a write, or a failure."""
    names = {name.lower() for name, _ in request_headers}
    return method not in ("GET", "HEAD") or status >= 400 or b"authorization" in names or b"cookie" in names
