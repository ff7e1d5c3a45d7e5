"""Failures as answers: RFC 9457 problem documents with the invocation id, and the headers that their status asks for."""

from fastapi.responses import JSONResponse

from shared import telemetry
from shared.errors import AppError


def problem_response(error: AppError) -> JSONResponse:
    """The error as an answer."""
    document = error.problem() | {"invocation_id": telemetry.invocation_id()}
    headers = dict(error.headers)
    if error.replayed:
        headers["Idempotency-Replayed"] = "true"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        headers["Retry-After"] = "2"
    if "retry_after_s" in error.details:
        headers["Retry-After"] = str(error.details["retry_after_s"])
    return JSONResponse(document, error.status, headers, media_type="application/problem+json")
