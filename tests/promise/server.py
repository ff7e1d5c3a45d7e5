"""`python -m tests.promise.server`: a server process as devhost.serve, by the day's leaping clock. Its sweeps run when they
are asked to, by POST /promise/sweeps/{cadence}."""

import os
import signal
import sys
import threading
from pathlib import Path

from fastapi import FastAPI

from app.process import make_platform, use_platform
from app.sweeps import SWEEPS, Cadence, last_runs, run
from devhost.host.server import Host
from shared import telemetry
from shared.errors import AppError
from tests.promise.clock import LeapingClock

CLOCK = "PROMISE_CLOCK"
"""The variable that names the clock's file."""


class PromiseHost(Host):
    """A host whose sweeps somebody else starts."""

    def app(self) -> FastAPI:
        """The API, and the route that runs the sweeps of a cadence in their order."""
        app = super().app()

        @app.post("/promise/sweeps/{cadence}")
        def run_sweeps(cadence: Cadence, but: str = "") -> dict[str, float | None]:
            names = [name for name, sweep in SWEEPS.items() if sweep.cadence is cadence and name != but]
            for name in names:
                run(name, self.platform)
            return {name: last_runs[name].took_s for name in names}

        return app


def main() -> None:
    """Serves until SIGINT or SIGTERM. Exits 1 with a sentence where it cannot."""
    telemetry.configure_logging(os.environ.get("LOG_LEVEL") or "INFO")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    clock = LeapingClock(Path(os.environ[CLOCK]))
    host = PromiseHost(make_platform(clock=clock), port=int(os.environ["PORT"]))
    use_platform(host.platform)
    try:
        host.platform.check_revision()
        host.serve_in_thread()
    except (AppError, ValueError, OSError) as error:
        host.platform.close()
        sys.exit(f"evcharging cannot serve: {error}")
    host.delivery.start()
    stopping.wait()
    host.stop()


if __name__ == "__main__":
    main()
