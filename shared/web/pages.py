"""Plain HTML pages of the API's own: nothing from elsewhere, one script that the policy names, nothing stored. And the headers
that the web application's files go out with, whoever serves them."""

import base64
import hashlib
from urllib.parse import urlsplit

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


def application_headers(tile_url: str | None) -> dict[str, str]:
    """What the web application's files are sent with: scripts and styles by file alone, calls to its own address alone,
    pictures of its own and of the host that map tiles come from."""
    tiles = urlsplit(tile_url) if tile_url else None
    images = f" {tiles.scheme}://{tiles.netloc}" if tiles else ""
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:{images}; font-src 'self'; "
            "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(self), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
