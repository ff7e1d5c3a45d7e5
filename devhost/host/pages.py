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
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import sweeps
from app.sweeps import SWEEPS
from devhost.host.timers import Timers
from shared import outbox
from shared.errors import Forbidden, NotFound
from shared.platform import Platform

log = logging.getLogger(__name__)
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
NAME = re.compile(r"[\w.\-]+\.(eml|json)")


@dataclass(frozen=True)
class Letter:
    """A message of the mailbox, read back from its file."""

    name: str
    at: datetime
    kind: str
    to: str
    subject: str
    text: str
    html: str | None
    calendar: str | None


def read_letter(path: Path) -> Letter:
    """A mailbox file."""
    at = datetime.strptime(path.name.split("-")[0], "%Y%m%dT%H%M%S.%fZ")
    if path.suffix == ".json":
        sms = json.loads(path.read_text())
        return Letter(path.name, at, "SMS", sms["to"], sms["text"], sms["text"], None, None)
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    calendar = next((part.get_content() for part in message.iter_attachments()), None)
    if isinstance(calendar, bytes):
        calendar = calendar.decode()
    return Letter(
        path.name, at, "E-mail", str(message["To"]), str(message["Subject"]),
        plain.get_content() if plain is not None else "", html.get_content() if html is not None else None, calendar,
    )  # fmt: skip


def mailbox(platform: Platform, limit: int = 50) -> list[Letter]:
    """The newest messages of the mailbox."""
    folder = platform.settings.data_dir / "mailbox"
    files = sorted((path for path in folder.glob("*") if NAME.fullmatch(path.name)), reverse=True)
    return [read_letter(path) for path in files[:limit]]


def dev_router(platform: Platform, timers: Timers) -> APIRouter:
    """The pages."""
    router = APIRouter(prefix="/dev", include_in_schema=False)

    def page(name: str, **values: Any) -> HTMLResponse:
        content = _templates.get_template(name).render(now=platform.clock.now(), **values)
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"
        return HTMLResponse(content, headers={"Content-Security-Policy": policy})

    def check_origin(request: Request) -> None:
        """A page of another site must not press our buttons."""
        origin = request.headers.get("origin")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
            origin is not None and urlsplit(origin).netloc != request.headers.get("host")
        ):
            raise Forbidden("This button works only on its own page.")

    @router.get("")
    def overview() -> HTMLResponse:
        embedded = not platform.bus.relays
        counts = platform.database.read(outbox.counts)
        dead = platform.database.read(outbox.dead_letters)
        now = platform.clock.now()
        rows = [
            {"name": name, "schedule": timer.schedule, "next": timers.next_run(name, now)}
            for name, timer in timers.timers.items()
        ]
        swept = [
            {"name": name, "cadence": sweep.cadence.value, "last": sweeps.last_runs[name]} for name, sweep in SWEEPS.items()
        ]
        return page(
            "dev.html", letters=mailbox(platform), counts=counts, dead=dead, timers=rows, sweeps=swept, embedded=embedded,
            mailbox=platform.settings.communication_endpoint is None,
        )  # fmt: skip

    @router.get("/mailbox/{name}")
    def letter(name: str) -> HTMLResponse:
        return page("letter.html", letter=_letter(platform, name))

    @router.get("/mailbox/{name}/html")
    def letter_html(name: str) -> Response:
        found = _letter(platform, name)
        policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return HTMLResponse(found.html or "", headers={"Content-Security-Policy": policy})

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

    @router.post("/dead-letters/{id}/send-again")
    def send_again(id: uuid.UUID, request: Request) -> RedirectResponse:
        check_origin(request)
        now = platform.clock.now()
        if not platform.database.transact(lambda conn: outbox.revive(conn, id, now=now)):
            raise NotFound(f"There is no dead letter {id}.")
        if platform.on_message is not None:
            platform.on_message()
        return RedirectResponse("/dev#dead-letters", 303)

    return router


def _letter(platform: Platform, name: str) -> Letter:
    path = platform.settings.data_dir / "mailbox" / name
    if not NAME.fullmatch(name) or not path.exists():
        raise NotFound(f"There is no message {name}.")
    return read_letter(path)
