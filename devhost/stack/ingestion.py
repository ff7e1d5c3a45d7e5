"""A loopback ingestion endpoint of Azure Monitor: takes what the exporter sends and keeps it as rows of the workspace's tables.

It verifies nothing and forgets everything at its end. `connection_string` is for APPLICATIONINSIGHTS_CONNECTION_STRING.
"""

import gzip
import json
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Row = dict[str, Any]
TABLES: dict[str, dict[str, str]] = {
    "AppMetrics": {
        "TimeGenerated": "TIMESTAMP",
        "Name": "VARCHAR",
        "Sum": "DOUBLE",
        "Min": "DOUBLE",
        "Max": "DOUBLE",
        "ItemCount": "BIGINT",
        "Properties": "JSON",
    },
    "AppRequests": {
        "TimeGenerated": "TIMESTAMP",
        "Name": "VARCHAR",
        "DurationMs": "DOUBLE",
        "Success": "BOOLEAN",
        "ItemCount": "BIGINT",
        "SDKVersion": "VARCHAR",
        "OperationId": "VARCHAR",
        "Properties": "JSON",
    },
    "AppDependencies": {
        "TimeGenerated": "TIMESTAMP",
        "Name": "VARCHAR",
        "DurationMs": "DOUBLE",
        "Success": "BOOLEAN",
        "ItemCount": "BIGINT",
        "SDKVersion": "VARCHAR",
        "OperationId": "VARCHAR",
        "Properties": "JSON",
    },
    "AppTraces": {
        "TimeGenerated": "TIMESTAMP",
        "Message": "VARCHAR",
        "SeverityLevel": "BIGINT",
        "ItemCount": "BIGINT",
        "OperationId": "VARCHAR",
        "Properties": "JSON",
    },
    "AppAvailabilityResults": {"TimeGenerated": "TIMESTAMP", "Name": "VARCHAR", "Location": "VARCHAR", "Success": "BOOLEAN"},
    "AzureMetrics": {
        "TimeGenerated": "TIMESTAMP",
        "ResourceProvider": "VARCHAR",
        "MetricName": "VARCHAR",
        "Maximum": "DOUBLE",
    },
    "Syslog": {"TimeGenerated": "TIMESTAMP", "ProcessName": "VARCHAR", "SyslogMessage": "VARCHAR"},
}
"""The columns that queries of ours use, by table of the workspace, as DuckDB's types."""


def rows_of(envelope: Row) -> list[tuple[str, Row]]:
    """(table, row) of what one envelope of the exporter becomes in a workspace."""
    data, tags = envelope["data"], envelope.get("tags") or {}
    base = data["baseData"]
    common = {
        "TimeGenerated": datetime.fromisoformat(envelope["time"].replace("Z", "+00:00")).replace(tzinfo=None),
        "ItemCount": round(100 / (envelope.get("sampleRate") or 100)),
        "OperationId": tags.get("ai.operation.id"),
        "Properties": base.get("properties") or {},
    }
    if data["baseType"] == "MetricData":
        return [("AppMetrics", common | _metric(each)) for each in base["metrics"]]
    timed = {"Name": base.get("name"), "SDKVersion": tags.get("ai.internal.sdkVersion"), "Success": base.get("success")}
    if data["baseType"] == "RequestData":
        return [("AppRequests", common | timed | {"DurationMs": _milliseconds(base["duration"])})]
    if data["baseType"] == "RemoteDependencyData":
        return [("AppDependencies", common | timed | {"DurationMs": _milliseconds(base["duration"])})]
    if data["baseType"] == "MessageData":
        levels = {"Verbose": 0, "Information": 1, "Warning": 2, "Error": 3, "Critical": 4}
        level = base.get("severityLevel")
        return [("AppTraces", common | {"Message": base["message"], "SeverityLevel": levels.get(level, level)})]
    return []


def _metric(point: Row) -> Row:
    value, count = point["value"], point.get("count") or 1
    low, high = point.get("min"), point.get("max")
    ends = {"Min": value if low is None else low, "Max": value if high is None else high}
    return {"Name": point["name"], "Sum": value, "ItemCount": count} | ends


def _milliseconds(duration: str) -> float:
    """`1.02:03:04.567` (days, hours, minutes, seconds) in milliseconds."""
    hours, minutes, seconds = duration.split(":")
    days, _, hours = hours.rpartition(".")
    return (int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000


@dataclass(frozen=True)
class Measure:
    """An instrument's points with the same dimensions: their sum, how many values there were, the largest."""

    name: str
    dimensions: str
    total: float
    count: int
    most: float


class Ingestion:
    """The endpoint. Use it as a context manager; `tables` has what came so far."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._lock = threading.Lock()
        ingestion = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                envelopes = json.loads(body)
                ingestion.take(envelopes)
                count = len(envelopes)
                answer = json.dumps({"itemsReceived": count, "itemsAccepted": count, "errors": []}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="ingestion", daemon=True)

    @property
    def connection_string(self) -> str:
        """For the exporter."""
        return f"InstrumentationKey={uuid.UUID(int=0)};IngestionEndpoint=http://127.0.0.1:{self._server.server_port}/"

    def measures(self) -> list[Measure]:
        """What came of each instrument and dimension so far, by name."""
        measures: dict[tuple[str, str], Measure] = {}
        with self._lock:
            rows = list(self.tables["AppMetrics"])
        for row in rows:
            dimensions = ", ".join(f"{name} {value}" for name, value in sorted(row["Properties"].items()))
            key = row["Name"], dimensions
            before = measures.get(key, Measure(*key, total=0.0, count=0, most=float("-inf")))
            total, count = before.total + row["Sum"], before.count + row["ItemCount"]
            measures[key] = Measure(*key, total=total, count=count, most=max(before.most, row["Max"]))
        return [measures[key] for key in sorted(measures)]

    def environment(self, *, every_ms: int = 5000) -> dict[str, str]:
        """What a process that sends here is told; metrics leave every so many ms."""
        return {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": self.connection_string,
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "OTEL_METRIC_EXPORT_INTERVAL": str(every_ms),
        }

    def take(self, envelopes: list[Row]) -> None:
        """Keeps the rows of a batch."""
        with self._lock:
            for envelope in envelopes:
                for table, row in rows_of(envelope):
                    self.tables[table].append({name: row.get(name) for name in TABLES[table]})

    def __enter__(self) -> "Ingestion":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
