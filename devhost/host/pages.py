"""`/dev`: mailbox, queues, dead letters, timers and sweeps of the running devhost, as plain pages. Loopback only."""

import email
import email.policy
import json
import logging
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import sweeps
from app.host.timers import Timers
from app.sweeps import SWEEPS
from devhost.stack.ingestion import Ingestion
from shared import outbox
from shared.errors import Forbidden, NotFound
from shared.platform import Platform

log = logging.getLogger(__name__)
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
NAME = re.compile(r"\w[\w.\-]*\.(eml|json)")
"""Of a message; a draft that is being written begins with a dot."""


@dataclass(frozen=True)
class Link:
    """A place to go on to, and what is there."""

    path: str
    what: str


@dataclass(frozen=True)
class MailboxMessage:
    """An e-mail or SMS of the mailbox, read back from its file."""

    name: str
    """The file's."""
    at: datetime
    """When it was sent."""
    kind: str
    """`E-mail` or `SMS`."""
    to: str
    subject: str
    """An SMS's is its text."""
    text: str
    html: str | None
    calendar: str | None
    """The attached iCalendar file."""


def read_message(path: Path) -> MailboxMessage:
    """A mailbox file."""
    at = datetime.strptime(path.name.split("-")[0], "%Y%m%dT%H%M%S.%fZ")
    if path.suffix == ".json":
        sms = json.loads(path.read_text())
        return MailboxMessage(path.name, at, "SMS", sms["to"], sms["text"], sms["text"], None, None)
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    calendar = next((part.get_content() for part in message.iter_attachments()), None)
    if isinstance(calendar, bytes):
        calendar = calendar.decode()
    return MailboxMessage(
        path.name,
        at,
        "E-mail",
        str(message["To"]),
        str(message["Subject"]),
        plain.get_content() if plain is not None else "",
        html.get_content() if html is not None else None,
        calendar,
    )


def mailbox(platform: Platform, limit: int = 50) -> list[MailboxMessage]:
    """The newest messages of the mailbox."""
    folder = platform.settings.data_dir / "mailbox"
    files = sorted((path for path in folder.glob("*") if NAME.fullmatch(path.name)), reverse=True)
    return [message for message in map(_readable, files[:limit]) if message is not None]


def _readable(path: Path) -> MailboxMessage | None:
    """A message, or None of what is none: one broken file must not close the mailbox."""
    try:
        return read_message(path)
    except (ValueError, KeyError, TypeError, LookupError, OSError) as error:
        log.warning("%s of the mailbox cannot be read: %s", path.name, error)
        return None


LINKS = (
    Link("/api/v1/docs", "the API, to read and to try"),
    Link("/dev", "what goes on inside: mailbox, queues, dead letters, sweeps, timers"),
    Link("/api/v1/openapi.json", "the API's contract"),
    Link("/api/v1/config", "what a client needs to know of this installation"),
    Link("/api/v1/health", "whether it is well"),
)


def _page(name: str, **values: Any) -> HTMLResponse:
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    # Under `no-referrer`, which is sent by default, a browser writes `Origin: null` when a button is pressed.
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}
    return HTMLResponse(_templates.get_template(name).render(**values), headers=headers)


def front_router() -> APIRouter:
    """`/`: what this is and where to go on; a page for browsers, JSON for programs."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def front(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return _page("index.html", links=LINKS)
        return JSONResponse({"name": "evcharging", "links": {link.path: link.what for link in LINKS}})

    return router


def dev_router(platform: Platform, timers: Timers, ingestion: Ingestion | None = None) -> APIRouter:
    """The pages; `ingestion` is where this process's telemetry goes, None where it goes nowhere."""
    router = APIRouter(prefix="/dev", include_in_schema=False)

    def page(name: str, **values: Any) -> HTMLResponse:
        return _page(name, now=platform.clock.now(), **values)

    def check_origin(request: Request) -> None:
        """A page of another site must not press our buttons. Every browser says where a press comes from."""
        same_origin = request.headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host')}"
        if not same_origin or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Forbidden("This button works only on its own page.")

    @router.get("")
    def overview() -> HTMLResponse:
        embedded = not platform.bus.relays
        counts = platform.database.read(outbox.counts)
        dead = platform.database.read(outbox.dead_letters)
        now = platform.clock.now()
        timer_rows = [
            {"name": name, "schedule": timer.schedule, "next": timers.next_run(name, now)}
            for name, timer in timers.timers.items()
        ]
        sweep_rows = [
            {"name": name, "cadence": sweep.cadence.value, "last": sweeps.last_runs[name]} for name, sweep in SWEEPS.items()
        ]
        return page(
            "dev.html",
            messages=mailbox(platform),
            counts=counts,
            dead=dead,
            timers=timer_rows,
            sweeps=sweep_rows,
            embedded=embedded,
            mailbox=platform.settings.communication_endpoint is None,
        )

    @router.get("/telemetry")
    def show_telemetry() -> HTMLResponse:
        return page("telemetry.html", measures=None if ingestion is None else ingestion.measures())

    @router.get("/mailbox/{name}")
    def show_message(name: str) -> HTMLResponse:
        return page("message.html", message=_message(platform, name))

    @router.get("/mailbox/{name}/html")
    def message_html(name: str) -> Response:
        message = _message(platform, name)
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
        return HTMLResponse(message.html or "", headers={"Content-Security-Policy": policy})

    @router.post("/sweeps/{name}/run")
    def run_sweep(name: str, request: Request) -> RedirectResponse:
        check_origin(request)
        if name not in SWEEPS:
            raise NotFound(f"There is no sweep {name}.")
        try:
            sweeps.run(name, platform)
        except Exception as error:  # noqa: BLE001 - it is kept with the sweep and shown on the page we go back to
            log.error("sweep %s failed: %s", name, error)
        return RedirectResponse("/dev#sweeps", 303)

    @router.post("/dead-letters/{message_id}/send-again")
    def send_again(message_id: uuid.UUID, request: Request) -> RedirectResponse:
        check_origin(request)
        now = platform.clock.now()
        if not platform.database.transact(lambda conn: outbox.revive(conn, message_id, now=now)):
            raise NotFound(f"There is no dead letter {message_id}.")
        if platform.on_message is not None:
            platform.on_message()
        return RedirectResponse("/dev#dead-letters", 303)

    return router


def _message(platform: Platform, name: str) -> MailboxMessage:
    path = platform.settings.data_dir / "mailbox" / name
    message = _readable(path) if NAME.fullmatch(name) and path.exists() else None
    if message is None:
        raise NotFound(f"There is no message {name}.")
    return message
