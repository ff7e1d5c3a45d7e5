"""`python -m devhost.serve`: one server process, HTTP on PORT with delivery and timers, over the environment's settings.

Several of them share a database, a blob store and a broker: fault and load tests run two. It migrates and seeds nothing, and
refuses to start on a database of another revision.
"""

import os
import signal
import sys
import threading

from app.process import make_platform, use_platform
from devhost.host.server import Host
from shared import telemetry
from shared.errors import AppError


def main() -> None:
    """Serves until SIGINT or SIGTERM. Exits 1 with a sentence where it cannot."""
    telemetry.configure_logging(os.environ.get("LOG_LEVEL") or "INFO")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    host = Host(make_platform(), port=int(os.environ.get("PORT") or 7071))
    use_platform(host.platform)
    try:
        host.platform.check_revision()
        host.serve_in_thread()
    except (AppError, ValueError, OSError) as error:
        host.platform.close()
        sys.exit(f"evcharging cannot serve: {error}")
    host.delivery.start()
    host.timers.start()
    stopping.wait()
    host.stop()


if __name__ == "__main__":
    main()
