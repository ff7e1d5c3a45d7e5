"""Telemetry as it leaves, and every alert's KQL executed on it: silent when all is well, firing after its fault.

The app's own telemetry goes by the real exporter to a loopback ingestion. What the Functions host, the machines and the
database would send is made up here in the workspace's shape: there is no host.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devhost.stack import kql
from devhost.stack.ingestion import Ingestion, Row

ROOT = Path(__file__).parents[2]
ALERTS: dict[str, Any] = json.loads((ROOT / "infra" / "terraform" / "alerts.json").read_text())
WORKBOOK: dict[str, Any] = json.loads((ROOT / "infra" / "terraform" / "workbook.json").read_text())
Tables = dict[str, list[Row]]
TIMERS = ("every_ten_seconds", "every_minute", "every_five_minutes")
SUNDAY_IN_TIME = "pipeline ended: 0"


def captured(kind: str) -> Tables:
    """What a run of the app sent."""
    with Ingestion() as ingestion:
        environment = os.environ | {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": ingestion.connection_string,
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "OTEL_METRIC_EXPORT_INTERVAL": "60000",
            "OTEL_SERVICE_NAME": "evcharging-test",
        }
        command = [sys.executable, "-m", "tests.support.telemetry_runs", kind]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        return ingestion.tables


def now() -> datetime:
    """The instant, as a workspace has it."""
    return datetime.now(UTC).replace(tzinfo=None)


def request(name: str, *, ms: float = 50.0, success: bool = True, count: int = 1) -> Row:
    """A row that the Functions host would send."""
    return {
        "TimeGenerated": now(),
        "Name": name,
        "DurationMs": ms,
        "Success": success,
        "ItemCount": count,
        "SDKVersion": "azurefunctions: 4.1",
        "OperationId": "x",
        "Properties": {},
    }


def trace(message: str, *, level: int) -> Row:
    """A log line that the Functions host would send."""
    row = {"TimeGenerated": now(), "Message": message, "SeverityLevel": level, "ItemCount": 1}
    return row | {"OperationId": "x", "Properties": {}}


def of_database(metric: str, maximum: float) -> Row:
    """A metric that the database would send."""
    provider = "MICROSOFT.DBFORMYSQL"
    return {"TimeGenerated": now(), "ResourceProvider": provider, "MetricName": metric, "Maximum": maximum}


def log_line(process: str, message: str) -> Row:
    """A row that a machine would send."""
    return {"TimeGenerated": now() - timedelta(hours=20), "ProcessName": process, "SyslogMessage": message}


@pytest.fixture(scope="module")
def well() -> Tables:
    """Captured telemetry of a run in which all is well, and what the host and the machines would add to it."""
    tables = captured("well")
    tables["AppRequests"] += [request(name) for name in TIMERS] + [request("stations", count=100)]
    tables["AppTraces"].append(
        {
            "TimeGenerated": now(),
            "Message": "signed in",
            "SeverityLevel": 1,
            "ItemCount": 1,
            "OperationId": "x",
            "Properties": {},
        }
    )
    tables["AppAvailabilityResults"] += [
        {"TimeGenerated": now(), "Name": "health", "Location": place, "Success": True} for place in ("A", "B", "C")
    ]
    tables["AzureMetrics"] += [of_database(name, 40.0) for name in ("cpu_percent", "storage_percent")]
    tables["Syslog"].append(log_line("evcharging-training", SUNDAY_IN_TIME))
    return tables


@pytest.fixture(scope="module")
def ill() -> Tables:
    """Captured telemetry of what the app's instruments say when something is wrong."""
    return captured("ill")


def with_rows(table: str, *rows: Callable[[], Row]) -> Callable[[Tables], None]:
    """A fault that adds rows."""
    return lambda tables: tables[table].extend(make() for make in rows)


def without(table: str, **column: Any) -> Callable[[Tables], None]:
    """A fault that leaves rows away."""
    ((name, value),) = column.items()

    def fault(tables: Tables) -> None:
        tables[table] = [row for row in tables[table] if row[name] != value]

    return fault


def away(place: str) -> Callable[[], Row]:
    return lambda: {"TimeGenerated": now(), "Name": "health", "Location": place, "Success": False}


BY_HOST_OR_MACHINE: dict[str, Callable[[Tables], None]] = {
    "requests-slow": with_rows("AppRequests", lambda: request("booking", ms=4000, count=100)),
    "timer-silent": without("AppRequests", Name="every_minute"),
    "function-failing": with_rows("AppRequests", lambda: request("notify", success=False, count=6)),
    "dead-letter": with_rows("AppTraces", lambda: trace("message 1 of notify is a dead letter: x", level=3)),
    "away": with_rows("AppAvailabilityResults", away("A"), away("B")),
    "database": with_rows("AzureMetrics", lambda: of_database("storage_percent", 91.0)),
}
"""Faults that the host, the machines or the database would tell of."""
BY_THE_CALENDAR = "training-late"
BY_THE_APP = sorted(set(ALERTS) - set(BY_HOST_OR_MACHINE) - {BY_THE_CALENDAR})
"""Alerts on what the app itself sends."""


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_silent_when_all_is_well(well: Tables, name: str) -> None:
    assert not kql.fired(kql.database(well), ALERTS[name])


@pytest.mark.parametrize("name", BY_THE_APP)
def test_an_alert_fires_on_what_the_app_sends_after_its_fault(well: Tables, ill: Tables, name: str) -> None:
    both = {table: rows + ill[table] for table, rows in well.items()}
    assert kql.fired(kql.database(both), ALERTS[name])


@pytest.mark.parametrize("name", BY_HOST_OR_MACHINE)
def test_an_alert_fires_after_its_fault(well: Tables, name: str) -> None:
    broken = deepcopy(well)
    BY_HOST_OR_MACHINE[name](broken)
    assert kql.fired(kql.database(broken), ALERTS[name])


def test_training_that_did_not_end_is_told_on_its_day(well: Tables) -> None:
    weekday = (datetime.now(UTC).weekday() + 1) % 7  # KQL counts from Sunday
    alert = ALERTS[BY_THE_CALENDAR] | {"thresholds": {"weekday": weekday}}
    missing = deepcopy(well)
    missing["Syslog"] = [log_line("evcharging-training", "fetching the release")]
    assert kql.fired(kql.database(missing), alert)
    assert not kql.fired(kql.database(well), alert)
    other_day = alert | {"thresholds": {"weekday": (weekday + 1) % 7}}
    assert not kql.fired(kql.database(missing), other_day)


INSTRUMENTS = {
    "evcharging.requests": {"route", "method", "status"},
    "evcharging.request.duration": {"route", "method", "status"},
    "evcharging.decisions": {"policy", "outcome", "fallback"},
    "evcharging.shadows": {"version", "agrees"},
    "evcharging.queue.delay": {"type"},
    "evcharging.sweep.duration": {"sweep", "outcome"},
    "evcharging.model.latency": {"version"},
    "evcharging.claims.lost": {"where"},
    "evcharging.messages.sent": {"channel", "outcome"},
    "evcharging.bookings": {"status"},
    "evcharging.settled": {"currency"},
    "evcharging.db.pool.waiting": set(),
    "evcharging.outbox.waiting": {"queue"},
    "evcharging.outbox.age": {"queue"},
    "evcharging.feeds.silent": set(),
}


def test_every_instrument_leaves_with_its_name_and_dimensions(well: Tables) -> None:
    seen: dict[str, set[str]] = {}
    for row in well["AppMetrics"]:
        if row["Name"].startswith("evcharging."):
            seen.setdefault(row["Name"], set()).update(row["Properties"])
    assert seen == INSTRUMENTS


def test_a_histogram_leaves_as_sum_count_and_ends(well: Tables) -> None:
    rows = [row for row in well["AppMetrics"] if row["Name"] == "evcharging.request.duration"]
    assert all(row["ItemCount"] >= 1 and row["Min"] <= row["Sum"] / row["ItemCount"] <= row["Max"] for row in rows)


def test_logs_do_not_leave_twice(well: Tables) -> None:
    """The Functions host sends them; the exporter sends none."""
    assert [row["Message"] for row in well["AppTraces"]] == ["signed in"]


def test_spans_are_named_by_route_and_carry_their_invocation(well: Tables) -> None:
    ours = [row for row in well["AppRequests"] if not (row["SDKVersion"] or "").startswith("azurefunctions")]
    names = {row["Name"] for row in ours}
    assert "POST /optimizer/charge-requests" in names
    assert "GET /stations/locations/{location_id}" in names
    assert all(row["Properties"].get("faas.invocation_id") for row in ours)


def test_nobody_but_us_makes_spans(well: Tables) -> None:
    names = {row["Name"] for table in ("AppRequests", "AppDependencies") for row in well[table]}
    assert not {name for name in names if name.startswith("fastapi")}


@pytest.mark.parametrize("name", WORKBOOK)
def test_each_part_of_the_workbook_shows_what_the_app_sent(well: Tables, name: str) -> None:
    rows = kql.rows(kql.database(well), WORKBOOK[name]["query"])
    assert rows, "nothing to draw"
    assert all({"at", "series", "value"} <= set(row) and row["series"] and row["value"] is not None for row in rows)


def test_the_workbook_has_its_six_parts() -> None:
    assert {panel["part"] for panel in WORKBOOK.values()} == {"Promise", "Speed", "Queue", "Model", "Stations", "Money"}
