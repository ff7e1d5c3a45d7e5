"""Plain HTML pages of the API's own: nothing from elsewhere, one script that the policy names, nothing stored."""

import base64
import hashlib

from fastapi.responses import HTMLResponse


def script_source(script: bytes) -> str:
    """What a Content-Security-Policy calls an inline script that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


def page_response(html: str, *, script: str) -> HTMLResponse:
    """A page whose only script is `script`, inline, and that may call nothing but this address. The other headers of pages are
    those of every answer (`shared.web.headers`)."""
    policy = (
        f"default-src 'none'; script-src {script_source(script.encode())}; style-src 'unsafe-inline'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})
