"""The call: who calls a route, with which right, and how its use case runs: in a transaction, once per Idempotency-Key."""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from shared.audit import AUDITED_ROLES
from shared.errors import AppError, Forbidden, SecondFactorNeeded, TokenExpired, TooManyRequests, Unauthenticated
from shared.platform import Platform
from shared.tx import Actor, Tx
from shared.web.address import CALLER, client_address
from shared.web.auth import STATION_KEY, is_station_key, read_access_token, station_key_hash
from shared.web.failures import raises
from shared.web.idempotency import (
    ROUTE_LENGTH,
    KeyOfCaller,
    StoredAnswer,
    find,
    is_decided,
    keep_refusal,
    remember,
    replay,
    request_hash,
)
from shared.web.query import check_query

PREFIX = "/api/v1"
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


_bearer = HTTPBearer(auto_error=False, description="The access_token of accounts/login")
_station_bearer = HTTPBearer(
    auto_error=False, scheme_name="StationKey", description="A key of stations/locations/{location_id}/keys"
)


class _TakenBack(Exception):
    """Ends a transaction that is only looked at."""

    def __init__(self, answer: Any) -> None:
        super().__init__("taken back")
        self.answer = answer


@dataclass
class Call:
    """One HTTP call: the platform, who calls, and the ways to run its use case."""

    platform: Platform
    """The process's platform."""
    actor: Actor
    """Who calls."""
    route: str
    """Method and path."""
    body: bytes
    """The request body as it came."""
    query: bytes
    """The query string as it came."""
    idempotency_key: str | None
    """The header, where it was sent."""
    operation: str = "unknown"
    """The domain and name of the route, as its OpenAPI operationId has them: `stations.approve_location`."""
    user_agent: str = ""
    """The header, at most 255 characters."""

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs a read."""
        return self.platform.read(fn, actor=self.actor)

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs a write; the answer is made after its commit. One by an owner or administrator leaves an audit entry."""
        try:
            return self.platform.transact(lambda tx: self._audited(tx, fn), actor=self.actor)
        except AppError as error:
            self._complete(error)
            raise

    def _complete(self, error: AppError) -> bool:
        """Looks up what is left to say of a refusal, now that nothing is locked any more. Returns whether anything was."""
        if error.completion is None:
            return False
        completion, error.completion = error.completion, None
        error.details |= self.platform.read(completion)
        return True

    def preview(self, fn: Callable[[Tx], T]) -> T:
        """Runs a write and takes it all back: what it would have answered, or the refusal that it would have raised."""

        def taken_back(tx: Tx) -> None:
            raise _TakenBack(fn(tx))

        try:
            self.platform.transact(taken_back, actor=self.actor)
        except _TakenBack as preview:
            answer: T = preview.answer
        return answer

    def _audited(self, tx: Tx, fn: Callable[[Tx], T]) -> T:
        """Runs `fn`; where an owner or administrator calls and `fn` wrote no audit entry, the call itself is recorded.

        Recorded are what was called, on what, and the names of the fields sent, without values: they may be secrets.
        """
        result = fn(tx)
        if self.actor.role in AUDITED_ROLES and not tx.audited:
            ids = _UUID.findall(self.route)
            object_id = uuid.UUID(ids[-1]) if ids else self.actor.id
            if object_id is not None:
                recorded = {"call": self.route[:128], "fields": _member_names(self.body)}
                tx.audit(self.operation[:64], object_type="call", object_id=object_id, after=recorded)
        return result

    def create(self, fn: Callable[[Tx], BaseModel], *, status: int = 201, location: str | None = None) -> Response:
        """Runs a use case that creates or charges. `location` is a path under the prefix with `{id}`.

        With an Idempotency-Key it has its effect once, and a repeat gets the first answer (header `Idempotency-Replayed`),
        also where that was a refusal for what there is (`is_decided`). Such a one is kept once its own transaction is rolled
        back and nothing is locked, unless a twin of the request was answered meanwhile: then that is the answer. Other failures
        are not kept. Raises IdempotencyKeyReused when the key came before with another body or query.
        """
        if self.idempotency_key is None:
            return _response(_answer(self.write(fn), status, location))
        key = self._key(self.idempotency_key)

        def create_once(tx: Tx) -> Response:
            first_answer = replay(tx, key, sent_hash=self._sent_hash())
            if first_answer is not None:
                return _response(first_answer, replayed=True)
            answer = _answer(self._audited(tx, fn), status, location)
            remember(tx, key, answer)
            return _response(answer)

        try:
            return self.platform.transact(create_once, actor=self.actor)
        except AppError as error:
            if error.replayed or not is_decided(error):
                raise
            self._complete(error)
            refusal = error  # `error` ends with this block
            kept = self.platform.transact(lambda tx: keep_refusal(tx, key, refusal, sent_hash=self._sent_hash()))
            if kept is None:
                raise
            return _response(kept, replayed=True)

    def check(self, fn: Callable[[Tx], object]) -> Response | None:
        """Runs a read that may refuse before costly work, and before `create`; its refusals count as those of `create`.

        Returns the answer where the Idempotency-Key has one already. Raises as `create`.
        """
        if self.idempotency_key is None:
            self.read(fn)
            return None
        key, sent_hash = self._key(self.idempotency_key), self._sent_hash()
        first_answer = self.read(lambda tx: find(tx, key, sent_hash=sent_hash))
        if first_answer is not None:
            return _response(first_answer, replayed=True)
        try:
            self.read(fn)
        except AppError as error:
            refusal = error  # `error` ends with this block
            if not is_decided(error):
                raise
            return self.create(lambda _: _refuse(refusal))
        return None

    def is_repeat(self) -> bool:
        """Whether the Idempotency-Key has an answer already. Raises as `create`: the refusal that was the answer, and
        IdempotencyKeyReused."""
        if self.idempotency_key is None:
            return False
        key, sent_hash = self._key(self.idempotency_key), self._sent_hash()
        return self.read(lambda tx: find(tx, key, sent_hash=sent_hash)) is not None

    def _key(self, key: str) -> KeyOfCaller:
        return KeyOfCaller(self.actor.id or uuid.UUID(int=0), self.route[:ROUTE_LENGTH], key)

    def _sent_hash(self) -> str:
        return request_hash(route=self.route, query=self.query, body=self.body)


def _refuse(refusal: AppError) -> BaseModel:
    raise refusal


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _member_names(body: bytes) -> list[str]:
    """The names of the members of a JSON object, at most 50; none for other bodies."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return sorted(name[:64] for name in document)[:50] if isinstance(document, dict) else []


def _answer(created: BaseModel, status: int, location: str | None) -> StoredAnswer:
    path = None if location is None else f"{PREFIX}/{location.format(id=created.id)}"  # type: ignore[attr-defined]
    return StoredAnswer(status, path, created.model_dump_json())


def _response(answer: StoredAnswer, *, replayed: bool = False) -> Response:
    headers = {"Location": answer.location} if answer.location else {}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Visible ASCII of your choice; a repeat with the same key, query and body has no second effect "
        "and gets the first answer, also where that was a refusal (402, 404, 409, 412)",
    ),
]


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
StationCredentials = Annotated[HTTPAuthorizationCredentials | None, Security(_station_bearer)]


@raises(Unauthenticated, TokenExpired, Forbidden, SecondFactorNeeded)
async def public(request: Request, credentials: Credentials, key: IdempotencyKey = None) -> Call:
    """A call that needs no token; where one comes it counts (owners see their own locations before they are approved)."""
    if credentials is None:
        return await _call(request, Actor("anonymous", address=client_address(request)), key)
    return await _call(request, _actor(request, credentials), key)


async def anonymous(request: Request, key: IdempotencyKey = None) -> Call:
    """A call that needs no token and heeds none: an expired one must not keep anybody from getting another."""
    return await _call(request, Actor("anonymous", address=client_address(request)), key)


def _actor(request: Request, credentials: HTTPAuthorizationCredentials) -> Actor:
    if is_station_key(credentials.credentials):
        raise Forbidden(
            "A station key may only call what stations call: states, sessions, whom to let in, its location's feed."
        )
    platform: Platform = request.app.state.get_platform()
    return read_access_token(
        credentials.credentials,
        keys=platform.settings.verification_keys,
        clock=platform.clock,
        address=client_address(request),
    )


def allow(*roles: str, may_lack_factor: bool = False) -> Callable[..., Any]:
    """A dependency: a call with a valid token of one of `roles` (none given: any role).

    Who must have a second factor and has shown none is let in by `may_lack_factor` alone.
    """

    @raises(Unauthenticated, TokenExpired, Forbidden, *(() if may_lack_factor else (SecondFactorNeeded,)))
    async def authorised(request: Request, credentials: Credentials, key: IdempotencyKey = None) -> Call:
        if credentials is None:
            raise Unauthenticated("Send `Authorization: Bearer <access_token>`; accounts/login gives one.")
        actor = replace(_actor(request, credentials), may_lack_factor=may_lack_factor)
        if roles and actor.role not in roles:
            raise Forbidden(f"This needs the role {' or '.join(roles)}; yours is {actor.role}.")
        return await _call(request, actor, key)

    return authorised


@raises(Unauthenticated, TokenExpired, Forbidden)
async def station(request: Request, credentials: StationCredentials) -> Call:
    """A call with a station key, whose form is checked here, without the database.

    Whether there is such a key, and of which location, is found out by the use case (`functions.stations.feed.service`) in the
    transaction of its effect.
    """
    if credentials is None:
        raise Unauthenticated("Send `Authorization: Bearer <station key>`; the location's owner makes one.")
    if not is_station_key(credentials.credentials):
        raise Forbidden(f"This needs a station key; yours is the token of a {_actor(request, credentials).role}.")
    key_hash = station_key_hash(credentials.credentials)
    return await _call(request, Actor(STATION_KEY, address=client_address(request), key_hash=key_hash), None)


@raises(Unauthenticated, TokenExpired, Forbidden, SecondFactorNeeded)
async def owner_or_station(request: Request, credentials: Credentials, key: StationCredentials) -> Call:
    """A call with the token of an owner or administrator, or with a station key."""
    if key is not None and is_station_key(key.credentials):
        return await station(request, key)
    call: Call = await allow("owner", "admin")(request, credentials)
    return call


async def _call(request: Request, actor: Actor, key: str | None) -> Call:
    request.scope[CALLER] = actor
    await check_query(request)
    route = f"{request.method} {request.url.path}"
    domain = request.url.path.removeprefix(f"{PREFIX}/").split("/")[0]
    operation = f"{domain}.{getattr(request.scope.get('endpoint'), '__name__', 'unknown')}"
    return Call(
        platform=request.app.state.get_platform(),
        actor=actor,
        route=route,
        body=await request.body(),
        query=request.scope["query_string"],
        idempotency_key=key,
        operation=operation,
        user_agent=request.headers.get("user-agent", "")[:255],
    )


def limited(scope: str) -> Any:
    """What a route lists under `dependencies` to be rate limited by address (shared/ratelimit.py names the scopes)."""

    @raises(TooManyRequests)
    def count(request: Request) -> None:
        platform: Platform = request.app.state.get_platform()
        platform.limits.hit(scope, client_address(request) or "unknown")

    return Depends(count)


Public = Annotated[Call, Depends(public)]
Anonymous = Annotated[Call, Depends(anonymous)]
SignedIn = Annotated[Call, Depends(allow())]
SettingUp = Annotated[Call, Depends(allow(may_lack_factor=True))]
"""Somebody signed in who may be on the way to the second factor that their role must have."""
Owner = Annotated[Call, Depends(allow("owner", "admin"))]
Admin = Annotated[Call, Depends(allow("admin"))]
Station = Annotated[Call, Depends(station)]
OwnerOrStation = Annotated[Call, Depends(owner_or_station)]


def counted_caller(scope: str) -> Any:
    """What a signed-in route lists under `dependencies` to count against its caller's limit without being refused by it: who
    could not cancel would pay for it."""

    def count(call: SignedIn) -> None:
        call.platform.limits.count(scope, str(call.actor.id))

    return Depends(count)


def limited_anyone(scope: str) -> Any:
    """What a public route lists under `dependencies` to be rate limited: by account where somebody is signed in, else by
    address."""

    @raises(TooManyRequests)
    def count(call: Public) -> None:
        subject = call.actor.address if call.actor.id is None else str(call.actor.id)
        call.platform.limits.hit(scope, subject or "unknown")

    return Depends(count)


def limited_caller(scope: str) -> Any:
    """What a signed-in route lists under `dependencies` to be rate limited by its caller, wherever they call from. Above the
    limit a repeat still gets the answer that its Idempotency-Key has."""

    @raises(TooManyRequests)
    def count(call: SignedIn) -> None:
        try:
            call.platform.limits.hit(scope, str(call.actor.id))
        except TooManyRequests:
            if not call.is_repeat():
                raise

    return Depends(count)
