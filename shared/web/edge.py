"""The edge, around the whole app (`shared.web.cors` alone lies outside it): checks before a request is routed, telemetry around
it, every failure in one shape."""

import logging
import re
import uuid

from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.errors import AppError, BadRequest, Unauthenticated
from shared.platform import Platform
from shared.tx import Actor
from shared.web.address import CALLER, address_of
from shared.web.auth import STATION_KEY, is_station_key, read_access_token, station_key_hash
from shared.web.bodies import BodyReader, expected_body, too_large_without_token
from shared.web.call import PREFIX
from shared.web.headers import completed, is_personal
from shared.web.problems import problem_response

log = logging.getLogger(__name__)
REFUSED = frozenset({401, 403, 429})
REFUSAL = "evcharging.refusal"
"""Where a request's scope has the code of its refusal."""
LIMIT = "calls"
"""The limit of every call, whatever its path; routes may have further ones."""
BAD_KEYS = "bad_station_keys"
"""The limit of calls of stations, of which those alone count whose key turned out to be none: its form anybody can make."""
OF_STATIONS = re.compile(rf"{PREFIX}/stations/(evses/.+|locations/[^/]+/(status|heartbeat|feed))")
"""The paths that take a station key."""


class Edge:
    """The middleware around the whole app: invocation id, hosts, limits of calls and bodies, telemetry, headers, failures as
    problem documents.

    An exception that leaves the app would reach a Functions client as an empty 500. `hosts` are the names by which the API may
    be called; None where what stands before it looks after that.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None = None) -> None:
        self.app, self._hosts, self._bodies = app, hosts, BodyReader()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        invocation_id = scope.get("azure_functions.invocation_id") or str(uuid.uuid4())
        storage = scope.get("azure_functions.thread_local_storage")
        platform: Platform = scope["app"].state.get_platform()
        started_at, status, response_began = platform.clock.monotonic(), 500, False
        https = scope.get("scheme") == "https" or platform.settings.public_url.startswith("https://")

        async def watch(message: Message) -> None:
            nonlocal status, response_began
            if message["type"] == "http.response.start":
                status, response_began = message["status"], True
                headers = [*message.get("headers", []), (b"x-invocation-id", invocation_id.encode())]
                personal = is_personal(scope["method"], scope["headers"], status)
                message["headers"] = completed(headers, personal=personal, https=https)
            await send(message)

        with (
            telemetry.invocation(invocation_id, storage),
            telemetry.tracer.start_as_current_span(
                scope["method"], kind=SpanKind.SERVER, attributes={"faas.invocation_id": invocation_id}
            ) as span,
        ):
            try:
                no_large = await self._admit(scope, platform)
                async with self._bodies.held(receive, expected_body(scope, platform.settings), no_large=no_large) as body:
                    await self.app(scope, _replaying(body, receive), watch)
            except Exception as error:
                if response_began:
                    raise
                problem = error if isinstance(error, AppError) else AppError()
                if not isinstance(error, AppError):
                    log.exception("%s %s failed", scope["method"], scope["path"])
                scope[REFUSAL] = problem.code
                await problem_response(problem)(scope, receive, watch)
            route = getattr(scope.get("route"), "path", "unmatched")
            labels = {"route": route, "method": scope["method"], "status": status}
            telemetry.requests.add(1, labels)
            telemetry.request_ms.record((platform.clock.monotonic() - started_at) * 1000, labels)
            if status in REFUSED:
                _tell_of_refusal(scope, platform, route=route, status=status)
            if status == 401 and _is_of_station(scope):
                await run_in_threadpool(platform.limits.count, BAD_KEYS, _address(scope, platform))
            span.update_name(f"{scope['method']} {route}")  # by route: a path has ids in it
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

    async def _admit(self, scope: Scope, platform: Platform) -> AppError | None:
        """Why the body of a request must be small, where it must. Raises AppError of a request that may not go on."""
        if self._hosts is not None:
            _check_host(scope, self._hosts)
        caller, bad_token = _caller(scope, platform)
        if caller is not None:
            to_store = platform.limits.hit_in_memory(LIMIT, caller)
            if to_store is not None:
                await run_in_threadpool(to_store)
        else:
            platform.limits.refuse_above(BAD_KEYS, _address(scope, platform))
        return bad_token


def _tell_of_refusal(scope: Scope, platform: Platform, *, route: str, status: int) -> None:
    """A line of the security log: what was refused, to whom, from where. Of the path only its pattern: it may have ids."""
    actor = scope.get(CALLER)
    extra = {
        "method": scope["method"],
        "route": route,
        "status": status,
        "code": scope.get(REFUSAL),
        "user_id": str(actor.id) if actor is not None and actor.id is not None else None,
        "role": None if actor is None else actor.role,
        "address": address_of(scope, platform.settings.proxies),
    }
    telemetry.security.warning("refused", extra=extra)


def _check_host(scope: Scope, hosts: frozenset[str]) -> None:
    """A page of a name that somebody made to lead here (DNS rebinding) is of the same origin to a browser."""
    sent = [value.decode("latin-1").lower() for name, value in scope["headers"] if name.lower() == b"host"]
    if len(sent) != 1 or _name(sent[0]) not in hosts:
        raise BadRequest.one("Host", f"must be {' or '.join(sorted(hosts))}")


def _name(host: str) -> str:
    """The host without its port."""
    name, separator, port = host.rpartition(":")
    return name if separator and port.isdigit() else host


def _address(scope: Scope, platform: Platform) -> str:
    return address_of(scope, platform.settings.proxies) or "unknown"


def _is_of_station(scope: Scope) -> bool:
    """Whether a call has what looks like a station key, on a path that takes one."""
    actor = scope.get(CALLER)
    return actor is not None and actor.role == STATION_KEY and OF_STATIONS.fullmatch(scope["path"]) is not None


def _caller(scope: Scope, platform: Platform) -> tuple[str | None, AppError | None]:
    """Whom the call counts for, and why their bodies must be small where they must: the account of a valid token, else the
    address. None of a station on its own paths: what it sends is limited by its feed, once its key is known to be good.

    The scope has the caller from here on, so that the security log can name them.
    """
    header = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"), "")
    scheme, _, token = header.partition(" ")
    address = _address(scope, platform)
    if scheme.lower() != "bearer" or not token:
        return address, too_large_without_token()
    try:
        if is_station_key(token):
            station_key_hash(token)
            scope[CALLER] = Actor(STATION_KEY)
            return (None, None) if _is_of_station(scope) else (address, too_large_without_token())
        actor = read_access_token(token, keys=platform.settings.verification_keys, clock=platform.clock)
        scope[CALLER] = actor
        return str(actor.id), None
    except Unauthenticated as error:
        return address, error


def _replaying(body: bytes, receive: Receive) -> Receive:
    whole_body: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def replay() -> Message:
        nonlocal whole_body
        message, whole_body = whole_body, None
        return await receive() if message is None else message

    return replay
