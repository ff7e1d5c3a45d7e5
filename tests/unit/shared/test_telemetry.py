"""What is counted and measured, read back from a real meter provider; logs as JSON lines."""

import json
import logging
from datetime import timedelta

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from functions.optimizer.models.manifest import challenger_path
from shared.clock import ManualClock
from shared.identity import Identity
from shared.settings import Settings
from shared.telemetry import JsonFormatter, invocation, invocation_id, quieten, start
from tests.support import policies
from tests.support.world import TYPE2, World

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))


def points() -> dict[str, list[dict[str, object]]]:
    """The labels of every recorded point, by instrument."""
    data = reader.get_metrics_data()
    labels: dict[str, list[dict[str, object]]] = {}
    for resource in data.resource_metrics if data else []:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                labels.setdefault(metric.name, []).extend(dict(point.attributes or {}) for point in metric.data.data_points)
    return labels


def test_requests_decisions_delays_latencies_and_lost_claims_are_measured(world: World, clock: ManualClock) -> None:
    policies.put(world.platform.blobs, "7", policies.version("7", tables=policies.history_of((52.09, 5.12))))
    policies.put(world.platform.blobs, "8", policies.version("8"), path=challenger_path())
    place, driver = world.location(evses=1), world.user()
    body = {
        "battery_kwh": 60,
        "soc": 0.3,
        "connectors": [TYPE2],
        "max_power_kw": 22,
        "energy_kwh": 12,
        "origin": {"lat": 52.091, "lon": 5.121},
    }
    driver.post("/optimizer/charge-requests", body)
    world.drain()
    world.user().book(place, "08:15")
    clock.advance(timedelta(seconds=world.platform.settings.message_hold_s))
    world.drain()
    recorded = points()
    asked = {"route": "/optimizer/charge-requests", "method": "POST", "status": 202}
    assert asked in recorded["evcharging.requests"]
    assert asked in recorded["evcharging.request.duration"]
    assert {"policy": "7", "outcome": "RESERVED", "fallback": "none"} in recorded["evcharging.decisions"]
    assert {"type": "charge_requested"} in recorded["evcharging.queue.delay"]
    assert {"version": "7"} in recorded["evcharging.model.latency"]
    assert {"version": "8", "agrees": True} in recorded["evcharging.shadows"]
    assert {"where": "occupied"} in recorded["evcharging.claims.lost"]
    assert {"channel": "EMAIL", "outcome": "SENT"} in recorded["evcharging.messages.sent"]


def test_a_log_line_is_json_with_its_invocation_and_extras() -> None:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "hello %s", "args": ("you",), "booking": "b1"})
    record.invocation_id = "i"
    line = json.loads(JsonFormatter().format(record))
    assert {key: line[key] for key in ("level", "logger", "message", "invocation_id", "booking")} == {
        "level": "INFO",
        "logger": "x",
        "message": "hello you",
        "invocation_id": "i",
        "booking": "b1",
    }


def test_invocations_nest() -> None:
    assert invocation_id() is None
    with invocation("outer"):
        with invocation("inner"):
            assert invocation_id() == "inner"
        assert invocation_id() == "outer"


def test_without_a_connection_string_nothing_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPLICATIONINSIGHTS_CONNECTION_STRING", raising=False)
    assert start(Settings(), Identity()) is None


def test_libraries_that_tell_of_every_call_are_quiet_at_any_level() -> None:
    """On a Functions worker 20 of 30 lines were the exporter's own."""
    root = logging.getLogger()
    before = root.level
    try:
        for level, of_libraries in (("INFO", logging.WARNING), ("ERROR", logging.ERROR)):
            start(Settings(log_level=level), Identity())
            assert root.level == logging.getLevelNamesMapping()[level]
            for name in ("azure", "urllib3", "alembic"):
                assert logging.getLogger(f"{name}.core").getEffectiveLevel() == of_libraries
    finally:
        quieten(logging.getLevelName(before))
