"""How tokens reach the caller: in the body, or (browsers, `X-Session: cookie`) the refresh token in a cookie no script reads.

The cookie is sent to accounts alone and to no other site. Beside that, whoever asks for it or uses it must come from a page
of ours (`Origin`), in JSON, which no form can send: so no foreign page refreshes, or signs somebody in as another.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request, Response

from functions.accounts.domain import IDLE_LIFETIME
from functions.accounts.schemas import Tokens
from functions.accounts.second_factor_schemas import SecondFactorChallenge
from shared.errors import BadCredentials, Forbidden, Invalid
from shared.settings import Settings
from shared.web.call import PREFIX
from shared.web.failures import raises

COOKIE = "__Secure-refresh"
PATH = f"{PREFIX}/accounts"
LOOPBACK = ("127.0.0.1", "localhost", "::1")

SessionBy = Annotated[
    Literal["cookie"] | None,
    Header(
        alias="X-Session",
        description="`cookie` (browsers, with an `Origin` of ours): the refresh token goes by HttpOnly cookie, not in the body",
    ),
]


def is_own_origin(origin: str, *, host: str, settings: Settings) -> bool:
    """Whether a page of this origin is ours: of PUBLIC_URL, of WEB_ORIGINS, or of the very host that was called.

    The called host counts over https, and over http on this machine alone.
    """
    public = urlsplit(settings.public_url)
    if origin in settings.allowed_origins or origin == f"{public.scheme}://{public.netloc}":
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:  # what no browser sends: a bracket that is not closed, letters that stand for others
        return False
    return (
        bool(host)
        and origin == f"{parts.scheme}://{host}"
        and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
    )


@dataclass(frozen=True)
class Handing:
    """One call's way of handing tokens over."""

    by_cookie: bool
    """Whether the refresh token goes into the cookie."""
    cookies: tuple[str, ...]
    """The values of our cookie that came: more than one where somebody planted another."""
    is_own: bool
    """Whether the call came from a page of ours."""

    def presented(self, in_body: str | None) -> str:
        """The refresh token that came: the body's, else the cookie's. Raises Invalid, Forbidden, BadCredentials."""
        if in_body is not None:
            return in_body
        if not self.by_cookie and not self.cookies:
            raise Invalid.one("refresh_token", "send it in the body, or by cookie with `X-Session: cookie`")
        self.check_origin()
        if len(self.cookies) != 1:
            raise BadCredentials(f"{'No' if not self.cookies else 'More than one'} {COOKIE} cookie came; log in.")
        return self.cookies[0]

    def over(self, tokens: Tokens | SecondFactorChallenge, *, by_cookie: bool = False) -> Response:
        """The answer with tokens, or (202) with the challenge of a second factor. Whoever came by cookie gets a cookie."""
        if isinstance(tokens, SecondFactorChallenge):
            return Response(tokens.model_dump_json(), 202, media_type="application/json")
        if not (self.by_cookie or by_cookie):
            return Response(tokens.model_dump_json(), media_type="application/json")
        assert tokens.refresh_token is not None
        in_body = tokens.model_copy(update={"refresh_token": None})
        response = Response(in_body.model_dump_json(), media_type="application/json")
        _set(response, tokens.refresh_token, max_age=int(IDLE_LIFETIME.total_seconds()))
        return response

    def check_origin(self) -> None:
        """Raises Forbidden for a page that is not ours."""
        if not self.is_own:
            raise Forbidden("A session by cookie needs an Origin of ours (PUBLIC_URL, WEB_ORIGINS).")


def clear(response: Response) -> None:
    """Makes the browser forget the cookie."""
    _set(response, "", max_age=0)


def clear_with(error: BadCredentials) -> None:
    """Has the answer of a refused refresh make the browser forget its cookie, which is good for nothing any more."""
    response = Response()
    clear(response)
    error.headers["Set-Cookie"] = response.headers["set-cookie"]


def _set(response: Response, value: str, *, max_age: int) -> None:
    response.set_cookie(COOKIE, value, max_age=max_age, path=PATH, secure=True, httponly=True, samesite="strict")


@raises(Forbidden)
def _handing(request: Request, session_by: SessionBy = None) -> Handing:
    """Refuses a foreign page before anything is done for it."""
    settings: Settings = request.app.state.get_platform().settings
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    pairs = (pair.partition("=") for line in request.headers.getlist("cookie") for pair in line.split(";"))
    cookies = tuple(value.strip() for name, _, value in pairs if name.strip() == COOKIE)
    handing = Handing(session_by == "cookie", cookies, is_own_origin(origin, host=host, settings=settings))
    if handing.by_cookie:
        handing.check_origin()
    return handing


HandingOver = Annotated[Handing, Depends(_handing)]
