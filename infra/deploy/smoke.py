"""Whether a platform that was just deployed works: `python -m infra.deploy.smoke https://HOST`. Needs nothing but Python.

Health, what clients read first, a sign-in, one read, one booking a week ahead at a location of ours, cancelled at once. The
test driver's credentials and the location come from SMOKE_EMAIL, SMOKE_PASSWORD and SMOKE_LOCATION. Exits 1 with what failed.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Call = Callable[[str, str, Any, dict[str, str]], tuple[int, Any]]
"""Method, path below /api/v1, body, headers -> status, JSON."""
PATIENCE_S = 180.0
"""How long a new instance may take to be healthy."""


class NotWell(Exception):
    """A step failed; says which and what it was answered."""


def call_over_http(base: str) -> Call:
    """Calls a platform at an address."""

    def call(method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{base.rstrip('/')}/api/v1{path}", data, headers, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")[:500]
        except (urllib.error.URLError, TimeoutError, ValueError) as error:
            return 0, str(error)

    return call


def expect(call: Call, status: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The JSON of an answer. Raises NotWell where its status is another."""
    found, answer = call(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    if found != status:
        raise NotWell(f"{method} {path}: {found} instead of {status}: {answer}")
    return answer


def await_health(call: Call, *, patience_s: float = PATIENCE_S, pause: Callable[[float], None] = time.sleep) -> None:
    """Waits until the health answer is 200. Raises NotWell with the last answer."""
    for _ in range(max(1, int(patience_s / 5))):
        status, answer = call("GET", "/health", None, {})
        if status == 200:
            return
        pause(5.0)
    raise NotWell(f"GET /health: {status}: {answer}")


def steps(call: Call, *, email: str, password: str, location_id: str, now: datetime) -> Iterator[str]:
    """Uses the platform as a driver does; yields what was done. Raises NotWell."""
    expect(call, 200, "GET", "/config")
    yield "config"
    tokens = expect(call, 200, "POST", "/accounts/login", {"email": email, "password": password})
    bearer = f"Bearer {tokens['access_token']}"
    yield "sign-in"
    location = expect(call, 200, "GET", f"/stations/locations/{location_id}", Authorization=bearer)
    yield "read"
    start = (now + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    standard = location["evses"][0]["connectors"][0]["standard"]
    body = {"location_id": location_id, "connector": standard, "start": start.isoformat(), "duration_minutes": 15}
    key = str(uuid.uuid4())
    booking = expect(call, 201, "POST", "/booking/bookings", body, Authorization=bearer, Idempotency_Key=key)
    yield "booking"
    canceled = expect(call, 200, "POST", f"/booking/bookings/{booking['id']}/cancel", None, Authorization=bearer)
    if "CANCEL" not in json.dumps(canceled).upper():
        raise NotWell(f"the booking {booking['id']} was not cancelled: {canceled}")
    yield "cancel"


def main() -> None:
    """The command."""
    if len(sys.argv) != 2:
        sys.exit("python -m infra.deploy.smoke https://HOST")
    call = call_over_http(sys.argv[1])
    try:
        await_health(call)
        print("health")
        given = {name: os.environ[f"SMOKE_{name.upper()}"] for name in ("email", "password")}
        for done in steps(call, **given, location_id=os.environ["SMOKE_LOCATION"], now=datetime.now(UTC)):
            print(done)
    except KeyError as error:
        sys.exit(f"not tried: {error.args[0]} is not set")
    except NotWell as error:
        sys.exit(f"not well: {error}")


if __name__ == "__main__":
    main()
