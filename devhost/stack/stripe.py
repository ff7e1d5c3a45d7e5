"""A loopback Stripe: the parts of its API that the platform calls, with idempotency keys as Stripe keeps them, test cards, a
page for Checkout, signed webhooks, and failures on demand. Money is made up; the SDK that talks to it is the real one."""

import hashlib
import hmac
import json
import logging
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from devhost.stack import stripe_checkout as checkout
from devhost.stack.loopback import Loopback
from devhost.stack.stripe_objects import Document, Objects, Refused, invalid
from shared.clock import Clock
from shared.local_files import write_private

log = logging.getLogger(__name__)
Post = Callable[[bytes, str], int]
"""Delivers a webhook: its body and `Stripe-Signature`; answers the status."""


@dataclass
class Fault:
    """A failure of one call: of the first whose method and path contain `call`."""

    call: str
    """Such as `POST /v1/payment_intents`."""
    after: bool = True
    """Whether the call has its effect all the same."""
    status: int = 500
    should_retry: bool | None = False
    """What `Stripe-Should-Retry` says; None: nothing."""
    kept: bool = True
    """Whether the failure is kept under the idempotency key, as Stripe does of a 500; else the next try goes through."""


@dataclass(frozen=True)
class Answer:
    """What was answered to an idempotency key."""

    sent: str
    status: int
    document: Document


@dataclass
class StripeBehaviour:
    """How the loopback behaves."""

    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """Method and path of every call, in order."""
    times: int = 1
    """How often each webhook comes."""
    backwards: bool = False
    """Whether webhooks come in the opposite order."""
    silent: bool = False
    """Whether none come."""


class LoopbackStripe(Loopback):
    """Stripe in a thread. Use it as a context manager. With `webhook_url` it sends its webhooks there by itself."""

    def __init__(
        self, clock: Clock, *, port: int | None = None, webhook_url: str | None = None, file: Path | None = None
    ) -> None:
        """`file`: where its objects and answers are kept from one run to the next; None: they are not."""
        super().__init__(port)
        self.objects = Objects(clock, self.base)
        self._file = file
        self.behaviour = StripeBehaviour()
        self.webhook_secret = "whsec_" + secrets.token_hex(16)
        self.api_key = "sk_test_" + secrets.token_hex(12)
        self._webhook_url = webhook_url
        self._answers: dict[str, Answer] = {}
        self._told = 0
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._sender: threading.Thread | None = None
        if file is not None and file.exists():
            kept = json.loads(file.read_text())
            self.objects.kept = kept["objects"]
            self._answers = {key: Answer(**answer) for key, answer in kept["answers"].items()}

    @property
    def base(self) -> str:
        """For STRIPE_API_BASE."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        """The settings of a platform that pays here."""
        return {
            "stripe_api_key": self.api_key,
            "stripe_webhook_secret": self.webhook_secret,
            "stripe_api_base": self.base,
        }

    def __enter__(self) -> "LoopbackStripe":
        super().__enter__()
        if self._webhook_url is not None:
            self._sender = threading.Thread(target=self._send_for_ever, name="stripe-webhooks", daemon=True)
            self._sender.start()
        return self

    def __exit__(self, *exit_: object) -> None:
        self._stop.set()
        self._wake.set()
        if self._sender is not None:
            self._sender.join(timeout=10)
        super().__exit__(*exit_)

    def signature(self, body: bytes, *, at: int | None = None) -> str:
        """The `Stripe-Signature` of a webhook's body."""
        at = self.objects.now() if at is None else at
        signed = hmac.new(self.webhook_secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={at},v1={signed}"

    def deliver(self, post: Post) -> int:
        """Sends the webhooks that wait, as the behaviour says; those that are not answered 2xx wait on. Returns how many came
        through."""
        with self._lock:
            waiting, self._told = self.objects.happened[self._told :], len(self.objects.happened)
        if self.behaviour.silent:
            return 0
        if self.behaviour.backwards:
            waiting.reverse()
        came, again = 0, []
        for event in waiting:
            body = json.dumps(event).encode()
            statuses = [post(body, self.signature(body)) for _ in range(self.behaviour.times)]
            came += sum(200 <= status < 300 for status in statuses)
            again += [] if any(200 <= status < 300 for status in statuses) else [event]
        with self._lock:
            self.objects.happened += again
        return came

    def pay(self, url: str, number: str = "4242424242424242") -> Document:
        """Does on a Checkout page what a person does. Raises Refused for a card that declines."""
        with self._lock:
            session = self.objects.get(url.rsplit("/", 1)[-1], "checkout.session")
            return checkout.complete(self.objects, session, number)

    def _keep(self) -> None:
        if self._file is not None:
            kept = {"objects": self.objects.kept, "answers": {key: vars(answer) for key, answer in self._answers.items()}}
            write_private(self._file, json.dumps(kept).encode())

    def _send_for_ever(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(1.0)
            self._wake.clear()
            self.deliver(self._post)

    def _post(self, body: bytes, signature: str) -> int:
        assert self._webhook_url is not None
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        request = urllib.request.Request(self._webhook_url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            log.warning("the webhook was answered %d", error.code)
            return error.code
        except OSError as error:
            log.warning("the webhook could not be delivered: %s", error)
            return 0

    def app(self) -> FastAPI:
        """The ASGI app."""
        app = FastAPI(openapi_url=None)

        @app.get("/checkout/{session_id}")
        def show(session_id: str) -> Response:
            with self._lock:
                session = checkout.current(self.objects, self.objects.get(session_id, "checkout.session"))
                if session["status"] != "open":
                    return HTMLResponse(f"This page is {session['status']}.", 410)
                return HTMLResponse(checkout.page(session))

        @app.post("/checkout/{session_id}")
        async def submit(session_id: str, request: Request) -> Response:
            number = dict(parse_qsl((await request.body()).decode())).get("number", "")
            with self._lock:
                session = self.objects.get(session_id, "checkout.session")
                try:
                    checkout.complete(self.objects, session, number)
                except Refused as error:
                    return HTMLResponse(checkout.page(session, str(error)), 402)
                self._keep()
            self._wake.set()
            return RedirectResponse(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id), 303)

        @app.api_route("/v1/{path:path}", methods=["GET", "POST", "DELETE"])
        async def api(path: str, request: Request) -> Response:
            text = (await request.body()).decode() if request.method == "POST" else request.url.query
            key = request.headers.get("idempotency-key") if request.method == "POST" else None
            if request.headers.get("authorization") != f"Bearer {self.api_key}":
                return JSONResponse({"error": {"type": "invalid_request_error", "message": "Invalid API Key."}}, 401)
            with self._lock:
                answer = self._answered(request.method, f"/v1/{path}", text, key)
                if request.method == "POST":
                    self._keep()
            self._wake.set()
            return answer

        return app

    def _answered(self, method: str, path: str, text: str, key: str | None) -> Response:
        call = f"{method} {path}"
        self.behaviour.calls.append(call)
        sent = f"{call}?{text}"
        if key is not None and key in self._answers:
            first = self._answers[key]
            if first.sent != sent:
                message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
                return JSONResponse({"error": {"type": "idempotency_error", "message": message}}, 400)
            return JSONResponse(first.document, first.status, {"Idempotent-Replayed": "true"})
        fault = next((fault for fault in self.behaviour.faults if fault.call in call), None)
        if fault is not None:
            self.behaviour.faults.remove(fault)
        status, document = (200, {}) if fault is not None and not fault.after else self._route(method, path, nested(text))
        headers = {}
        if fault is not None:
            status, document = fault.status, {"error": {"type": "api_error", "message": "Something went wrong."}}
            if fault.should_retry is not None:
                headers["Stripe-Should-Retry"] = str(fault.should_retry).lower()
        refused_unread = status in (400, 404, 409, 429)  # what is not begun is not kept
        if key is not None and not refused_unread and (fault is None or fault.kept):
            self._answers[key] = Answer(sent, status, document)
        return JSONResponse(document, status, headers)

    def _route(self, method: str, path: str, sent: Document) -> tuple[int, Document]:
        try:
            document = self._do(method, path.removeprefix("/v1/").split("/"), sent)
        except Refused as error:
            return error.status, {"error": error.error}
        except (KeyError, ValueError) as error:
            return 400, {"error": {"type": "invalid_request_error", "message": f"Missing or invalid: {error}"}}
        return 200, self._expanded(document, sent.get("expand", {}))

    def _expanded(self, document: Document, expand: Any) -> Document:
        """A copy in which what the call asks for stands whole in the place of its id."""
        copied: Document = json.loads(json.dumps(document))
        for path in sorted(expand.values() if isinstance(expand, dict) else expand):
            place, names = copied, path.split(".")
            for name in names:
                value = place.get(name)
                if isinstance(value, str) and value in self.objects.kept:
                    place[name] = json.loads(json.dumps(self.objects.kept[value]))
                place = place.get(name) or {}
        return copied

    def _do(self, method: str, parts: list[str], sent: Document) -> Document:
        objects = self.objects
        match (method, *parts):
            case ("POST", "customers"):
                return objects.customer(sent)
            case ("POST", "payment_intents"):
                return objects.intent(sent)
            case ("GET", "payment_intents", intent_id):
                return objects.get(intent_id, "payment_intent")
            case ("POST", "payment_intents", intent_id, "confirm"):
                return objects.confirm(objects.get(intent_id, "payment_intent"), sent)
            case ("POST", "payment_intents", intent_id, "capture"):
                return objects.capture(objects.get(intent_id, "payment_intent"), sent)
            case ("POST", "payment_intents", intent_id, "cancel"):
                return objects.cancel(objects.get(intent_id, "payment_intent"))
            case ("GET", "setup_intents", setup_id):
                return objects.get(setup_id, "setup_intent")
            case ("GET", "payment_methods"):
                return listed(objects.all_of("payment_method", customer=sent.get("customer")))
            case ("GET", "payment_methods", method_id):
                return objects.get(method_id, "payment_method")
            case ("POST", "payment_methods", method_id, "detach"):
                return objects.detach(objects.get(method_id, "payment_method"))
            case ("GET", "charges"):
                return listed(objects.all_of("charge", transfer_group=sent.get("transfer_group")))
            case ("GET", "charges", charge_id):
                return objects.get(charge_id, "charge")
            case ("POST", "refunds"):
                return objects.refund(sent)
            case ("GET", "refunds"):
                return listed(objects.all_of("refund", payment_intent=sent.get("payment_intent")))
            case ("GET", "balance"):
                return objects.balance()
            case ("GET", "balance_transactions"):
                return listed(objects.all_of("balance_transaction", source=sent.get("source")))
            case ("POST", "checkout", "sessions"):
                return checkout.open_session(objects, sent)
            case ("GET", "checkout", "sessions", session_id):
                return checkout.current(objects, objects.get(session_id, "checkout.session"))
            case ("POST", "checkout", "sessions", session_id, "expire"):
                return checkout.expire(objects, objects.get(session_id, "checkout.session"))
        raise invalid(f"Unrecognized request URL ({method}: /v1/{'/'.join(parts)}).")


def listed(documents: list[Document]) -> Document:
    """A list as Stripe answers it, on one page."""
    return {"object": "list", "data": documents, "has_more": False, "url": "/v1"}


def nested(text: str) -> Document:
    """Form fields such as `a[b][0]=c` as `{"a": {"b": {"0": "c"}}}`."""
    document: Document = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        place = document
        for part, following in zip([head, *rest], [*rest, None], strict=True):
            key = part or str(len(place))
            if following is None:
                place[key] = value
            else:
                place = place.setdefault(key, {})
    return document
