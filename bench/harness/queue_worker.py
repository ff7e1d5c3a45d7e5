"""The queue worker of measurements: queue triggers and timers of the app, no HTTP. `python -m bench.harness.queue_worker`

With BENCH_STAGES=file it writes a line for each charge request it decided: when, and the seconds of each stage.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.harness import tracing
from bench.harness.stack import STAGES_FILE

DECISION_STAGES = (
    ("functions.optimizer.serving:surroundings_of", "look"),
    ("functions.optimizer.serving:observe", "candidates"),
    ("functions.optimizer.serving:rank", "score"),
    ("functions.booking.service:reserve_slot", "reserve"),
    ("functions.optimizer.service:_store", "record"),
    ("sqlalchemy.engine.default:DefaultDialect.do_commit", "commit"),
)


def _timed(handle: Callable[..., None], path: str) -> Callable[..., None]:
    lock = threading.Lock()

    def handle_and_time(platform: Any, *, consumer: str, message_id: str, event: Any) -> None:
        began = time.perf_counter()
        with tracing.watching() as watch, tracing.stage("other"):
            handle(platform, consumer=consumer, message_id=message_id, event=event)
        ended = time.perf_counter()
        line = {"id": str(event.charge_request_id), "began": began, "ended": ended, "seconds": watch.seconds}
        with lock, open(path, "a") as file:
            file.write(json.dumps(line) + "\n")

    return handle_and_time


def _install(path: str) -> None:
    for function, stage in DECISION_STAGES:
        tracing.wrap(function, stage)
    from functions.optimizer import service

    service.handle = _timed(service.handle, path)


def main() -> None:
    """Delivers until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    if STAGES_FILE in os.environ:
        _install(os.environ[STAGES_FILE])
    from app.host.delivery import make_delivery
    from app.host.timers import Timers
    from app.process import make_platform, use_platform
    from devhost.host.server import triggers
    from functions.optimizer.models.registry import install_shipped
    from shared import telemetry

    telemetry.configure_logging(os.environ.get("LOG_LEVEL", "WARNING"))
    platform = make_platform()
    install_shipped(platform.blobs)
    use_platform(platform)
    telemetry.start(platform.settings, platform.identity)
    discovered = triggers()
    timers, delivery = Timers(discovered.timers, platform.clock), make_delivery(platform, discovered.queues)
    delivery.start()
    timers.start()
    print("delivering", flush=True)
    stopping.wait()
    logging.getLogger(__name__).info("stopping")
    timers.stop()
    delivery.stop()
    platform.close()
    sys.exit(0)


if __name__ == "__main__":
    main()
