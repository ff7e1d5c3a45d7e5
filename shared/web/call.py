"""What routes share: the call (who, in which transaction, idempotent), pages and their cursors, field types."""

import functools
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from shared.audit import AUDITED_ROLES
from shared.db import insert_new
from shared.errors import Forbidden, IdempotencyKeyReused, TokenExpired, TooManyRequests, Unauthenticated
from shared.platform import Platform
from shared.tx import Actor, Tx
from shared.web.auth import STATION_KEY, is_station_key, read_access_token, station_key_hash
from shared.web.failures import raises
from shared.web.idempotency import _STORE, _STORED, idempotency_key

PREFIX = "/api/v1"
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


_bearer = HTTPBearer(auto_error=False, description="The access_token of accounts/login")
_station_bearer = HTTPBearer(
    auto_error=False, scheme_name="StationKey", description="A key of stations/locations/{location_id}/keys"
)


@dataclass
class Call:
    """One HTTP call: the platform, who calls, and the ways to run its use case."""

    platform: Platform
    actor: Actor
    route: str
    body: bytes
    idempotency_key: str | None
    operation: str = "unknown"
    """The domain and name of the route, as its OpenAPI operationId has them: `stations.approve_location`."""
    user_agent: str = ""

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs a read."""
        return self.platform.read(fn, actor=self.actor)

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs a write; the answer is made after its commit. One by an owner or administrator leaves an audit entry."""
        return self.platform.transact(lambda tx: self._audited(tx, fn), actor=self.actor)

    def _audited(self, tx: Tx, fn: Callable[[Tx], T]) -> T:
        """Runs `fn`; where it wrote no audit entry of its own and an owner or administrator calls, the call itself is
        recorded: what was called, on what, and which fields were sent (no values: they may be secrets)."""
        result = fn(tx)
        if self.actor.role in AUDITED_ROLES and not tx.audited:
            ids = _UUID.findall(self.route)
            object_id = uuid.UUID(ids[-1]) if ids else self.actor.id
            if object_id is not None:
                said = {"call": self.route, "fields": _members(self.body)}
                tx.audit(self.operation[:64], object_type="call", object_id=object_id, after=said)
        return result

    def create(self, fn: Callable[[Tx], BaseModel], *, status: int = 201, location: str | None = None) -> Response:
        """Runs a use case that creates or charges: with an Idempotency-Key it has its effect once, and a repeat gets the
        first answer (header `Idempotency-Replayed`). `location` is a path under the prefix with `{id}`.

        Raises IdempotencyKeyReused when the key came before with another body. Failures roll back and are not kept.
        """
        if self.idempotency_key is None:
            made = self.write(fn)
            return _answer(made.model_dump_json(), status, _location(location, made))
        once = functools.partial(self._create_once, fn=fn, status=status, location=location)
        return self.platform.transact(once, actor=self.actor)

    def _create_once(self, tx: Tx, fn: Callable[[Tx], BaseModel], status: int, location: str | None) -> Response:
        key = {"user_id": self.actor.id or uuid.UUID(int=0), "route": self.route, "key": self.idempotency_key}
        body_hash = hashlib.sha256(self.body).hexdigest()
        # The row comes first: a concurrent twin waits on it, then finds the stored answer.
        new = insert_new(
            tx.conn, idempotency_key, **key, body_hash=body_hash, status=0, location=None, body="", created_at=tx.now
        )
        if not new:
            (stored,) = _STORED.rows(tx.conn, **key)
            if stored.body_hash != body_hash:
                raise IdempotencyKeyReused("Idempotency-Key: used before with a different body on this path")
            return _answer(stored.body, stored.status, stored.location, replayed=True)
        made = self._audited(tx, fn)
        body, path = made.model_dump_json(), _location(location, made)
        _STORE.execute(tx.conn, **key, status=status, location=path, body=body)
        return _answer(body, status, path)


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _members(body: bytes) -> list[str]:
    """The names of the members of a JSON object, at most 50; none for other bodies."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return sorted(name[:64] for name in found)[:50] if isinstance(found, dict) else []


def _location(template: str | None, made: BaseModel) -> str | None:
    return None if template is None else f"{PREFIX}/{template.format(id=made.id)}"  # type: ignore[attr-defined]


def _answer(body: str, status: int, location: str | None, *, replayed: bool = False) -> Response:
    headers = {"Location": location} if location else {}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(body, status, headers, media_type="application/json")


def client_address(request: Request) -> str | None:
    """The connection's address. On Functions there is none (`request.client` is None): then what the platform's front end
    wrote last in X-Forwarded-For. What clients write into that header themselves is never believed."""
    if request.client is not None:
        return request.client.host
    last = request.headers.get("x-forwarded-for", "").rsplit(",", 1)[-1].strip()
    if last.startswith("["):
        return last[1:].split("]")[0][:64]
    return (last.rsplit(":", 1)[0] if last.count(":") == 1 else last)[:64] or None


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Visible ASCII of your choice; a repeat with the same key and body gets the first answer, no second effect",
    ),
]


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
StationCredentials = Annotated[HTTPAuthorizationCredentials | None, Security(_station_bearer)]


@raises(Unauthenticated, TokenExpired, Forbidden)
async def public(request: Request, credentials: Credentials, key: IdempotencyKey = None) -> Call:
    """A call that needs no token; where one comes it counts (an owner sees his own locations before they are approved)."""
    if credentials is None:
        return await _call(request, Actor("anonymous", address=client_address(request)), key)
    return await _call(request, _actor(request, credentials), key)


def _actor(request: Request, credentials: HTTPAuthorizationCredentials) -> Actor:
    if is_station_key(credentials.credentials):
        raise Forbidden("A station key may only report and read the states of its location's EVSEs.")
    platform: Platform = request.app.state.get_platform()
    return read_access_token(
        credentials.credentials,
        keys=platform.settings.verification_keys,
        clock=platform.clock,
        address=client_address(request),
    )


def allow(*roles: str) -> Callable[..., Any]:
    """A dependency: a call with a valid token of one of `roles` (none given: any role)."""

    @raises(Unauthenticated, TokenExpired, Forbidden)
    async def authorised(request: Request, credentials: Credentials, key: IdempotencyKey = None) -> Call:
        if credentials is None:
            raise Unauthenticated("Send `Authorization: Bearer <access_token>`; accounts/login gives one.")
        actor = _actor(request, credentials)
        if roles and actor.role not in roles:
            raise Forbidden(f"This needs the role {' or '.join(roles)}; yours is {actor.role}.")
        return await _call(request, actor, key)

    return authorised


@raises(Unauthenticated, TokenExpired, Forbidden)
async def station(request: Request, credentials: StationCredentials) -> Call:
    """A call with a station key. Its form is checked here, without the database; whether there is such a key, and of which
    location, is found out by the use case (`functions.stations.feed.service`) in the transaction of its effect."""
    if credentials is None:
        raise Unauthenticated("Send `Authorization: Bearer <station key>`; the location's owner makes one.")
    if not is_station_key(credentials.credentials):
        raise Forbidden(f"This needs a station key; yours is the token of a {_actor(request, credentials).role}.")
    key_hash = station_key_hash(credentials.credentials)
    return await _call(request, Actor(STATION_KEY, address=client_address(request), key_hash=key_hash), None)


@raises(Unauthenticated, TokenExpired, Forbidden)
async def owner_or_station(request: Request, credentials: Credentials, key: StationCredentials) -> Call:
    """A call with the token of an owner or administrator, or with a station key."""
    if key is not None and is_station_key(key.credentials):
        return await station(request, key)
    found: Call = await allow("owner", "admin")(request, credentials)
    return found


async def _call(request: Request, actor: Actor, key: str | None) -> Call:
    route = f"{request.method} {request.url.path}"
    domain = request.url.path.removeprefix(f"{PREFIX}/").split("/")[0]
    operation = f"{domain}.{getattr(request.scope.get('endpoint'), '__name__', 'unknown')}"
    agent = request.headers.get("user-agent", "")[:255]
    return Call(request.app.state.get_platform(), actor, route[:128], await request.body(), key, operation, agent)


def limited(scope: str) -> Any:
    """What a route lists under `dependencies` to be rate limited by address (shared/ratelimit.py names the scopes)."""

    @raises(TooManyRequests)
    def count(request: Request) -> None:
        platform: Platform = request.app.state.get_platform()
        platform.limits.hit(scope, client_address(request) or "unknown")

    return Depends(count)


Public = Annotated[Call, Depends(public)]
SignedIn = Annotated[Call, Depends(allow())]
Owner = Annotated[Call, Depends(allow("owner", "admin"))]
Admin = Annotated[Call, Depends(allow("admin"))]
Station = Annotated[Call, Depends(station)]
OwnerOrStation = Annotated[Call, Depends(owner_or_station)]


def limited_caller(scope: str) -> Any:
    """What a signed-in route lists under `dependencies` to be rate limited by its caller, wherever he calls from."""

    @raises(TooManyRequests)
    def count(call: SignedIn) -> None:
        call.platform.limits.hit(scope, str(call.actor.id))

    return Depends(count)
