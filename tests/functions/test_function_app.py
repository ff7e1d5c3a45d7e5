"""The Functions app as the host sees it: names, triggers, schedules; a request through each real handler; imports."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
import sqlalchemy as sa

import function_app
from app.host.delivery import as_service_bus
from app.host.discovery import Invocation
from app.process import use_platform
from devhost.host.server import triggers
from functions.booking.tables import booking
from shared import outbox
from shared.clock import ManualClock
from shared.platform import Platform
from shared.telemetry import InvocationFilter
from tests.support.world import API, World

ROOT = Path(__file__).parents[2]
triggers()  # get_functions may be called once an app: the devhost's discovery keeps what it found
FUNCTIONS = {item.get_function_name(): item for builder in function_app.app._function_builders for item in [builder._function]}

HTTP = {
    "accounts": "accounts/{*path}",
    "booking": "booking/{*path}",
    "notify": "notify/{*path}",
    "optimizer": "optimizer/{*path}",
    "payments": "payments/{*path}",
    "stations": "stations/{*path}",
    "waitlist": "waitlist/{*path}",
    "administration": "{domain:regex(^administration$)}/{*path}",
    "root": r"{page:regex(^(docs|openapi\.json|health|config)$)}/{*rest}",
}
TIMERS = {
    "every_ten_seconds": "*/10 * * * * *",
    "every_minute": "0 * * * * *",
    "every_five_minutes": "5 */5 * * * *",
    "nightly": "0 25 3 * * *",
}
QUEUES = {
    "optimize_charge_request": "charge-requests",
    "send_notifications": "notify",
    "bookings": "bookings",
    "post_payments": "payments",
}


@pytest.fixture
def process(platform: Platform) -> Iterator[Platform]:
    """The test's platform as the process's: what the real handlers use."""
    use_platform(platform)
    yield platform
    use_platform(None)


def described(name: str) -> dict[str, Any]:
    trigger = FUNCTIONS[name].get_trigger()
    assert trigger is not None
    description: dict[str, Any] = trigger.get_dict_repr()
    return description


def test_every_name_trigger_queue_and_schedule() -> None:
    assert set(FUNCTIONS) == set(HTTP) | set(TIMERS) | set(QUEUES)
    assert {name: described(name)["route"] for name in HTTP} == HTTP
    assert {name: described(name)["schedule"] for name in TIMERS} == TIMERS
    assert {name: described(name)["queueName"] for name in QUEUES} == QUEUES
    assert {described(name)["connection"] for name in QUEUES} == {"SERVICEBUS"}
    assert {described(name)["authLevel"] for name in HTTP} == {func.AuthLevel.ANONYMOUS}, "our own tokens decide"
    assert set(QUEUES.values()) == set(outbox.QUEUES)


def test_the_devhost_finds_the_same_and_has_no_list_of_its_own() -> None:
    found = triggers()
    assert {timer.name: timer.schedule for timer in found.timers} == TIMERS
    assert {queue.name: queue.queue for queue in found.queues} == QUEUES


def test_host_json_and_its_companions_are_what_core_tools_expects() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    assert host["version"] == "2.0"
    assert host["extensions"]["http"]["routePrefix"] == API.strip("/")
    settings = json.loads((ROOT / "local.settings.json.example").read_text())
    assert settings["Values"]["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert "SERVICEBUS" in settings["Values"]
    ignored = (ROOT / ".funcignore").read_text().split()
    assert {".venv", "tests/", "training/", "devhost/"} <= set(ignored)
    assert "azure-functions" in (ROOT / "requirements.txt").read_text()


def test_importing_needs_no_environment_and_loads_neither_sdk_nor_numpy() -> None:
    lazy = (
        "azure.servicebus",
        "azure.storage",
        "azure.communication",
        "azure.identity",
        "azure.monitor",
        "stripe",
        "authlib",
        "requests",
        "zxcvbn",
        "onnxruntime",
        "torch",
        "alembic",
        "numpy",
    )
    code = f"import sys, function_app; print([name for name in sys.modules if name.startswith({lazy!r})])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_routes_are_made_with_the_first_request_and_once() -> None:
    code = (
        "import sys; from function_app import api; "
        "print('functions.booking.routes' in sys.modules, api.app is api.app, 'functions.booking.routes' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def call(name: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A request through the function's own handler, as the worker would make it."""
    request = func.HttpRequest(
        method=method,
        url=f"https://app.azurewebsites.net{path}",
        headers={"content-type": "application/json", "x-forwarded-for": "203.0.113.9:4711"} | (headers or {}),
        body=b"" if body is None else json.dumps(body).encode(),
    )
    handler = FUNCTIONS[name].get_user_function()
    answer: func.HttpResponse = asyncio.run(handler(request, Invocation(name, id=f"invocation-of-{name}")))
    return answer


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        ("accounts", "GET", "/accounts/me", 200),
        ("booking", "GET", "/booking/bookings", 200),
        ("notify", "GET", "/notify/inbox", 200),
        ("optimizer", "GET", "/optimizer/model", 200),
        ("payments", "POST", "/payments/quotes", 422),
        ("stations", "GET", "/stations/locations?lat=52.09&lon=5.12", 200),
        ("root", "GET", "/health", 200),
        ("root", "GET", "/openapi.json", 200),
        ("root", "GET", "/docs", 200),
        ("root", "GET", "/docs/assets/swagger-ui.css", 200),
        ("accounts", "GET", "/accounts/nothing", 404),
    ],
)
def test_a_request_through_each_http_function(
    process: Platform, world: World, name: str, method: str, path: str, status: int
) -> None:
    headers = world.user().headers()
    answer = call(name, method, API + path, {} if method == "POST" else None, headers)
    assert answer.status_code == status
    assert answer.headers["x-invocation-id"] == f"invocation-of-{name}"


def test_a_charge_request_through_the_real_handlers(process: Platform, world: World) -> None:
    world.location()
    driver = world.user()
    body = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": ["IEC_62196_T2"],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
    }
    asked = call("optimizer", "POST", f"{API}/optimizer/charge-requests", body, driver.headers())
    assert asked.status_code == 202
    now = process.clock.now()
    (message,) = process.database.read(lambda conn: outbox.due(conn, now=now))
    handler = FUNCTIONS["optimize_charge_request"].get_user_function()
    for _ in range(3):  # at least once: later deliveries do nothing
        handler(message=as_service_bus(message), context=Invocation("optimize_charge_request"))
    assert world.scalar(sa.select(sa.func.count()).select_from(booking)) == 1
    told = [item for item in process.database.read(lambda conn: outbox.due(conn, now=now)) if item.queue == "notify"]
    assert [item.type for item in told] == ["booking_reserved"]
    notify = FUNCTIONS["send_notifications"].get_user_function()
    for _ in range(2):
        notify(message=as_service_bus(told[0]), context=Invocation("send_notifications"))
    assert len(driver.get("/notify/inbox").json()["items"]) == 1
    later = now + timedelta(seconds=process.settings.message_hold_s)  # a letter that may be taken back waits so long
    (held,) = [item for item in process.database.read(lambda conn: outbox.due(conn, now=later)) if item.type == "message_due"]
    assert isinstance(process.clock, ManualClock)
    process.clock.jump(later)
    for _ in range(2):
        notify(message=as_service_bus(held), context=Invocation("send_notifications"))
    assert len(list((process.settings.data_dir / "mailbox").iterdir())) == 1


@pytest.mark.parametrize("name", TIMERS)
def test_a_tick_through_each_timer(process: Platform, name: str) -> None:
    from azure.functions.timer import TimerRequest

    FUNCTIONS[name].get_user_function()(timer=TimerRequest(past_due=False), context=Invocation(name))


@pytest.mark.parametrize(
    "message",
    [
        {"body": b"not json", "subject": "charge_requested"},
        {"body": b"[]", "subject": "charge_requested"},
        {"body": b"{}", "subject": "charge_requested"},
        {"body": b"{}", "subject": None},
        {"body": b'{"charge_request_id": "01a20d6f-1c73-71f2-8c3d-b9d69f8236d2"}', "subject": "nonsense"},
    ],
)
def test_a_message_that_is_not_ours_raises_so_that_it_becomes_a_dead_letter(process: Platform, message: dict[str, Any]) -> None:
    from azure.functions.servicebus import ServiceBusMessage

    made = ServiceBusMessage(message_id="m", application_properties={}, user_properties={}, **message)
    with pytest.raises((ValueError, KeyError)):
        FUNCTIONS["optimize_charge_request"].get_user_function()(message=made, context=Invocation("x"))


def test_logs_of_sync_handlers_keep_their_invocation_id(process: Platform, world: World) -> None:
    """The filter sits on the root's handlers; a `def` route runs in a pool thread."""
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler, logger = Keep(), logging.getLogger("functions.booking.service")
    root = logging.getLogger()
    root.addHandler(handler)
    seen: list[Any] = []

    def speak() -> None:
        logger.warning("spoken in a pool thread")

    try:
        app = function_app.api.app
        app.add_api_route(f"{API}/accounts/speak", speak, methods=["GET"])
        call("accounts", "GET", f"{API}/accounts/speak")
        seen = [record for record in records if record.getMessage().startswith("spoken")]
    finally:
        root.removeHandler(handler)
    assert [getattr(record, "invocation_id", None) for record in seen] == ["invocation-of-accounts"]
    assert any(isinstance(item, InvocationFilter) for item in handler.filters)
