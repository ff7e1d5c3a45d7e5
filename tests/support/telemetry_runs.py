"""What the app sends to Azure Monitor, in a process of its own: `python -m tests.support.telemetry_runs well|ill`.

`well` drives the app itself, several drivers' charge requests from the question to the message. `ill` records on the app's own
instruments what it records when something is wrong; the faults themselves are simulated.
"""

import logging
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider
from opentelemetry.sdk._logs import LoggerProvider

from app import sweeps
from app.asgi import create_app
from app.migrate import upgrade
from app.process import make_platform
from app.sweeps import Cadence
from functions.optimizer.models.manifest import challenger_path
from shared import telemetry
from shared.clock import ManualClock
from shared.identity import Identity
from shared.settings import Settings
from tests.support import policies
from tests.support.stations_feed import Station
from tests.support.world import TYPE2, World

DRIVERS = 6


def well() -> None:
    """Drivers ask, book and are told; a slot is taken twice; the sweeps run."""
    clock = ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as folder:
        platform = make_platform(Settings.model_validate({"data_dir": Path(folder)}), clock)
        upgrade(platform.database)
        with TestClient(create_app(lambda: platform), raise_server_exceptions=False) as client:
            world = World(platform, client)
            policies.put(platform.blobs, "7", policies.version("7", tables=policies.history_of((52.09, 5.12))))
            policies.put(platform.blobs, "8", policies.version("8"), path=challenger_path())
            place = world.location(evses=DRIVERS)
            wish = {"battery_kwh": 60, "soc": 0.3, "connectors": [TYPE2], "max_power_kw": 22, "energy_kwh": 12}
            for _ in range(DRIVERS):
                world.user().post("/optimizer/charge-requests", wish | {"origin": {"lat": 52.091, "lon": 5.121}})
            world.drain()
            full = world.location(evses=1, name="One")
            for _ in range(2):
                world.user().book(full, "11:00")
            world.user().get(f"/stations/locations/{place}")
            clock.advance(timedelta(seconds=platform.settings.message_hold_s))
            world.drain()
            _charge(world, clock)
            for cadence in (Cadence.EVERY_TEN_SECONDS, Cadence.EVERY_MINUTE):
                sweeps.run_all(cadence, platform)
        platform.close()


def _charge(world: World, clock: ManualClock) -> None:
    """A session that its station meters, from the plug to the bill."""
    station = Station.at(world, evses=1)
    begun = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    driver = world.user()
    booking = driver.book(station.location, "10:00").json()["id"]
    clock.jump(begun)
    station.report("E0", "AVAILABLE", clock.now())
    driver.post(f"/booking/bookings/{booking}/start")
    for status, minutes, kwh in (("ACTIVE", 0, 0.0), ("COMPLETED", 15, 4.0)):
        clock.jump(begun + timedelta(minutes=minutes))
        at = clock.now().isoformat()
        told: dict[str, Any] = {"status": status, "start_date_time": begun.isoformat(), "kwh": kwh, "last_updated": at}
        if status == "COMPLETED":
            told["end_date_time"] = at
        answer = station.call("PUT", f"/stations/evses/{station.evses['E0']}/sessions/1", told)
        assert answer.status_code == 200, answer.text


def ill() -> None:
    """What the instruments say when answers fail, routes are slow, messages wait and fail, the rule decides, claims race."""
    for _ in range(60):
        telemetry.requests.add(1, {"route": "/x", "method": "GET", "status": 500})
        telemetry.request_ms.record(900.0, {"route": "/x", "method": "GET", "status": 500})
        telemetry.decisions.add(1, {"policy": "rule", "outcome": "UNSATISFIABLE", "fallback": "MODEL_MISSING"})
        telemetry.messages_sent.add(1, {"channel": "EMAIL", "outcome": "FAILED"})
    telemetry.queue_delay_ms.record(90_000.0, {"type": "charge_requested"})
    telemetry.claims_lost.add(1, {"where": "primary_key"})
    telemetry.model_ms.record(450.0, {"version": "7"})


def main() -> None:
    """Runs one of the two, connected as in production, and sends everything before it ends."""
    telemetry.connect(Settings(), Identity())
    logging.getLogger("functions").warning("the Functions host sends this, and nobody else")
    {"well": well, "ill": ill}[sys.argv[1]]()
    metrics.get_meter_provider().force_flush()  # type: ignore[attr-defined]
    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
    if isinstance(logs := get_logger_provider(), LoggerProvider):
        logs.force_flush()


if __name__ == "__main__":
    main()
