"""A loopback endpoint of Azure Communication Services: e-mail and SMS with the real wire format and signature check.

Nothing is sent to anybody; what was accepted can be read back. HMAC-SHA256 as documented for Communication Services: the
signature is over method, path and query, date, host and the content's hash.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from devhost.stack.loopback import Loopback


@dataclass
class AcceptedMessages:
    """What the endpoint took: e-mails by operation id, SMS in order; and failures to act out before that."""

    emails: dict[str, dict[str, Any]] = field(default_factory=dict)
    sms: list[dict[str, Any]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    bad_numbers: set[str] = field(default_factory=set)


class CommunicationServices(Loopback):
    """The endpoint in a thread. `key` is what clients sign with. Use it as a context manager."""

    def __init__(self, *, key: str = "bG9vcGJhY2sta2V5", port: int | None = None) -> None:
        super().__init__(port)
        self.key = key
        self.accepted = AcceptedMessages()

    @property
    def endpoint(self) -> str:
        """For the SDKs and COMMUNICATION_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    async def _refused(self, request: Request) -> Response | None:
        body = await request.body()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = request.headers
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = f"{request.method}\n{path}\n{headers.get('x-ms-date', '')};{headers.get('host', '')};{digest}"
        signature = base64.b64encode(hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()).decode()
        wanted = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
        if headers.get("x-ms-content-sha256") != digest or not hmac.compare_digest(headers.get("authorization", ""), wanted):
            return JSONResponse({"error": {"code": "Denied", "message": "Denied by the resource provider."}}, 401)
        if self.accepted.failures:
            status = self.accepted.failures.pop(0)
            return JSONResponse({"error": {"code": str(status), "message": "acted out"}}, status)
        return None

    def app(self) -> FastAPI:
        """The ASGI app."""
        app = FastAPI(openapi_url=None)
        accepted = self.accepted

        @app.post("/emails:send")
        async def send_email(request: Request) -> Response:
            if (refused := await self._refused(request)) is not None:
                return refused
            message = await request.json()
            addresses = [item["address"] for item in message.get("recipients", {}).get("to", [])]
            if not addresses or any("@" not in address for address in addresses):
                return JSONResponse({"error": {"code": "InvalidRecipient", "message": f"{addresses}"}}, 400)
            operation_id = request.headers["operation-id"]
            accepted.emails.setdefault(operation_id, message)
            location = f"{self.endpoint}/emails/operations/{operation_id}?api-version=2023-03-31"
            return JSONResponse(
                {"id": operation_id, "status": "Running"}, 202, {"operation-location": location, "retry-after": "1"}
            )

        @app.get("/emails/operations/{operation_id}")
        async def operation(operation_id: str, request: Request) -> Response:
            if (refused := await self._refused(request)) is not None:
                return refused
            if operation_id not in accepted.emails:
                return JSONResponse({"error": {"code": "NotFound", "message": operation_id}}, 404)
            return JSONResponse({"id": operation_id, "status": "Succeeded"})

        @app.post("/sms")
        async def send_sms(request: Request) -> Response:
            if (refused := await self._refused(request)) is not None:
                return refused
            message = await request.json()
            results = []
            for item in message["smsRecipients"]:
                good = item["to"] not in accepted.bad_numbers
                if good:
                    accepted.sms.append({"from": message["from"], "to": item["to"], "text": message["message"]})
                results.append(
                    {
                        "to": item["to"],
                        "messageId": f"Outgoing_{len(accepted.sms)}",
                        "httpStatusCode": 202 if good else 400,
                        "repeatabilityResult": "accepted",
                        "successful": good,
                        "errorMessage": None if good else "Invalid To phone number format.",
                    }
                )
            return JSONResponse({"value": results}, 202)

        return app
