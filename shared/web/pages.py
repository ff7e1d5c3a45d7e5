"""Plain HTML pages of the API's own: nothing from elsewhere, one script that the policy names, nothing stored."""

import base64
import hashlib

from fastapi.responses import HTMLResponse


def page_response(html: str, *, script: str) -> HTMLResponse:
    """A page whose only script is `script`, inline, and that may call nothing but this address."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(html, headers=headers)
