"""One process of an ordinary host: `python -m app.host web|deliver|sweep`.

    web --port N [--site DIR]   answers HTTP on 127.0.0.1:N, the application of DIR beside the API
    deliver                     brings messages to their handlers; exactly one for a database
    sweep                       runs what the clock starts; exactly one for a database

They migrate nothing, and refuse a database of another revision. Each ends in order at SIGTERM.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from app.host.delivery import make_delivery
from app.host.discovery import discover
from app.host.site import Site
from app.host.sole import Sole
from app.host.timers import Timers
from app.process import make_platform, sentence_of, use_platform
from shared import telemetry
from shared.errors import AppError
from shared.platform import Platform

log = logging.getLogger("app.host")
LOOK_EVERY_S = 0.5
"""How often the outbox is looked at for what other processes committed."""


def serve(platform: Platform, port: int, site: Path | None) -> None:
    """Answers HTTP until SIGTERM. It is called by the name of PUBLIC_URL, or by this machine's: the proxy's checks."""
    from app.asgi import create_app

    names = frozenset({urlsplit(platform.settings.public_url).hostname or "", "127.0.0.1", "localhost"})
    api = create_app(lambda: platform, hosts=names)
    uvicorn.run(
        api if site is None else Site(api, site, tile_url=platform.settings.tile_url),
        host="127.0.0.1",
        port=port,
        log_config=None,
        lifespan="off",
        access_log=False,
        proxy_headers=False,  # TRUSTED_PROXIES says whom to believe
        timeout_graceful_shutdown=20,
    )


def deliver(platform: Platform, until: threading.Event) -> Callable[[], None]:
    """Begins to deliver; what ends it in order."""
    from app.functions import app

    sole = Sole(platform.database, "deliver")
    sole.watch(until.set)
    delivery = make_delivery(platform, discover(app).queues, look_every_s=LOOK_EVERY_S)
    delivery.start()

    def stop() -> None:
        delivery.stop()
        sole.close()

    return stop


def sweep(platform: Platform, until: threading.Event) -> Callable[[], None]:
    """Begins to run the timers; what ends it in order."""
    from app.functions import app

    sole = Sole(platform.database, "sweep")
    sole.watch(until.set)
    timers = Timers(discover(app).timers, platform.clock)
    timers.start()

    def stop() -> None:
        timers.stop()
        sole.close()

    return stop


def run(platform: Platform, begin: Callable[[Platform, threading.Event], Callable[[], None]]) -> None:
    """Runs a process without HTTP until SIGTERM, or until its lock is lost: then whoever started it starts it again."""
    stopping, lost = threading.Event(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    stop = begin(platform, lost)
    log.info("%s begins", begin.__name__)
    while not stopping.wait(0.2) and not lost.is_set():
        pass
    platform.stopping.set()
    stop()
    if lost.is_set():
        sys.exit(f"{begin.__name__}: the database's lock is lost")


def main() -> None:
    """The command. Exits 1 with a sentence where it cannot work."""
    parser = argparse.ArgumentParser(prog="python -m app.host", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    web = commands.add_parser("web")
    web.add_argument("--port", type=int, required=True)
    web.add_argument("--site", type=Path, help="folder of the built web application")
    for name in ("deliver", "sweep"):
        commands.add_parser(name)
    given = parser.parse_args()
    telemetry.configure_logging(os.environ.get("LOG_LEVEL") or "INFO")
    try:
        platform = make_platform()
        use_platform(platform)
        platform.check_revision()
        if given.command == "web":
            serve(platform, given.port, given.site)
        else:
            run(platform, {"deliver": deliver, "sweep": sweep}[given.command])
    except (AppError, ValueError, OSError) as error:
        sys.exit(f"{given.command}: {sentence_of(error) if isinstance(error, AppError | ValueError) else error}")
    finally:
        use_platform(None)


if __name__ == "__main__":
    main()
