"""`make run`: the platform on this machine, until Ctrl-C."""

import base64
import faulthandler
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.process import make_platform, sentence_of
from cities.__main__ import print_report
from devhost import web
from devhost.replay.seed import DEMO, Seeded, read_mark, seed
from devhost.stack.ingestion import Ingestion
from devhost.stack.stripe import LoopbackStripe
from shared import telemetry
from shared.clock import SystemClock
from shared.errors import AppError
from shared.local_files import data_folder, kept_key
from shared.platform import Platform
from shared.settings import Settings

console = Console(highlight=False, soft_wrap=True)


class ShortFormatter(logging.Formatter):
    """Log lines for a person: time, level where it is not INFO, logger, message, and the invocation's first digits."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()} "
        invocation_id = getattr(record, "invocation_id", None)
        line = f"{self.formatTime(record, '%H:%M:%S')} {level}{record.name}: {record.getMessage()}"
        if invocation_id:
            line += f" [{invocation_id[:8]}]"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def _fail(message: str) -> NoReturn:
    console.print(message, style="red")
    sys.exit(1)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            _fail(f"Port {port} is taken. Stop what listens there, or choose another: make run PORT={port + 1}")


def _stack_settings(stack: ExitStack, kind: str, data_dir: Path) -> dict[str, Any]:
    if kind == "embedded":
        return {}
    if kind != "full":
        _fail(f"STACK={kind}: must be embedded or full")
    from devhost.stack import full_stack

    settings = stack.enter_context(full_stack(data_dir / "stack", say=lambda text: console.print(f"  {text}", style="dim")))
    return settings | {
        "JWT_SECRET": kept_key(data_dir / "jwt.key", secrets.token_urlsafe(48)),
        "DATA_KEYS": kept_key(data_dir / "data.key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()),
    }


def _payments(stack: ExitStack, port: int, data_dir: Path) -> dict[str, Any]:
    """The settings of a loopback Stripe, started here, unless there is a key of the real one. No money is anywhere in it."""
    if os.environ.get("STRIPE_API_KEY"):
        return {}
    webhooks = f"http://127.0.0.1:{port}/api/v1/payments/webhooks/stripe"
    return stack.enter_context(LoopbackStripe(SystemClock(), webhook_url=webhooks, file=data_dir / "stripe.json")).settings()


def _seed(platform: Platform, city: Path | None) -> Seeded:
    with Progress(TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("database", total=None)
        seeded, report = seed(
            platform,
            city=city,
            progress=lambda name, done, total: bar.update(task, description=name, completed=done, total=total),
        )
    if report is not None:
        print_report(report, platform.settings.data_dir / "city")
    return seeded


def _is_demo(data_dir: Path, city: Path | None) -> bool:
    """Whether the city is, or will be, the generated one."""
    known = read_mark(data_dir)
    return city is None if known is None else known.generated


def _say(host_url: str, platform: Platform, seeded: Seeded, kind: str) -> None:
    api = f"{host_url}/api/v1"
    console.print(f"\n[bold]evcharging[/bold] runs: {seeded.name}, {seeded.locations} locations, {seeded.evses} EVSEs")
    if web.built():
        console.print(f"  Application {host_url}/")
    console.print(f"  API docs    {api}/docs")
    console.print(f"  Inside      {host_url}/dev   mailbox, queues, dead letters, sweeps, timers")
    console.print(
        f"  Data        {platform.settings.data_dir.resolve()}   ({'SQLite' if kind == 'embedded' else 'MariaDB, Azurite, Service Bus broker'})"
    )
    console.print("  Log-ins" if seeded.generated else "  Owner", end="")
    if seeded.generated:
        console.print(f"     {', '.join(seeded.accounts)}   password [bold]{seeded.password}[/bold]")
        if seeded.admin_secret:
            console.print("              the administrator signs in with a code too: make code")
        soon = platform.clock.now() + timedelta(minutes=30)
        email = DEMO["driver"][0]
        console.print("\nTry it in another terminal:\n")
        body = (
            '{"battery_kwh": 60, "soc": 0.3, "connectors": ["IEC_62196_T2_COMBO"], "max_power_kw": 100, "energy_kwh": 20, '
            f'"origin": {{"latitude": {seeded.latitude}, "longitude": {seeded.longitude}}}, "earliest_departure": "{soon:%Y-%m-%dT%H:%M:00Z}"}}'
        )
        json_header = "-H 'Content-Type: application/json'"
        token = 'import json,sys;print(json.load(sys.stdin)["access_token"])'
        told = (
            'import json,sys;r=json.load(sys.stdin);o=(r["decision"] or {}).get("offers") or [{}];'
            'print(r["status"],"booking",r["booking_id"]);print(o[0].get("location_name"),o[0].get("start"),"to",o[0].get("end"));'
            'print(r["explanation"])'
        )
        for line in (
            f'TOKEN=$(curl -s {api}/accounts/login {json_header} -d \'{{"email": "{email}", "password": "{seeded.password}"}}\' | python3 -c \'{token}\')',
            f"AT=$(curl -s -D - -o /dev/null {api}/optimizer/charge-requests -H \"Authorization: Bearer $TOKEN\" {json_header} -d '{body}' | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')",
            f"sleep 1; curl -s {host_url}$AT -H \"Authorization: Bearer $TOKEN\" | python3 -c '{told}'",
        ):
            console.print(line, markup=False)
    else:
        console.print(f"       {seeded.accounts[0]}   password [bold]{seeded.password}[/bold]")
        console.print("  Drivers register themselves; an administrator is made by")
        console.print("              make admin EMAIL=you@example.org")
    console.print("\nCtrl-C stops it; the data stays.\n")


SLOW_STOP_S = 30
"""Seconds after which a stop that is still under way says where each thread is."""


def main() -> None:
    """Runs until SIGINT or SIGTERM; exits 0 then."""
    port = int(os.environ.get("PORT") or 7071)
    data_dir = Path(os.environ.get("DATA_DIR") or ".data")
    kind = os.environ.get("STACK") or "embedded"
    city = Path(os.environ["CITY"]) if os.environ.get("CITY") else None
    _check_port(port)
    data_folder(data_dir)
    telemetry.configure_logging(os.environ.get("LOG_LEVEL") or "INFO", formatter=ShortFormatter())
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with ExitStack() as stack:
        try:
            stack_settings = _stack_settings(stack, kind, data_dir)
            ingestion = stack.enter_context(Ingestion()) if os.environ.get("TELEMETRY") else None
            os.environ.update({} if ingestion is None else ingestion.environment())
            stack_settings |= _payments(stack, port, data_dir)
            own_settings = {"public_url": f"http://127.0.0.1:{port}", "data_dir": data_dir, "demo": _is_demo(data_dir, city)}
            settings = Settings.model_validate(own_settings | {name.lower(): value for name, value in stack_settings.items()})
            from devhost.host.server import Host

            host = Host(make_platform(settings), port=port, site=web.built(), ingestion=ingestion)
            telemetry.start(settings, host.platform.identity)
            host.prepare()
            seeded = _seed(host.platform, city)
            host.serve_in_thread()
        except (AppError, ValueError) as error:
            _fail(sentence_of(error))
        except OSError as error:
            _fail(str(error))
        stack.callback(host.stop)
        host.delivery.start()
        host.timers.start()
        _say(host.url, host.platform, seeded, kind)
        stopping.wait()
        console.print("\nstopping: finishing what is under way ...")
        faulthandler.dump_traceback_later(SLOW_STOP_S, exit=False)
    faulthandler.cancel_dump_traceback_later()
    console.print("stopped; the data is kept.")


if __name__ == "__main__":
    main()
