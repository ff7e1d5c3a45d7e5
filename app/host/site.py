"""The web application's files beside the API, on one origin, as the cloud's edge serves them."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.web.pages import application_headers

OF_THE_API = ("/api", "/dev")
"""What these begin is the API's and the devhost's own."""
YEAR = "public, max-age=31536000, immutable"


class _Files(StaticFiles):
    """The built files. Any other path is the application's own and gets its page; a missing asset is a 404, never that page."""

    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        super().__init__(directory=folder)
        self._headers = headers

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        """One file. Names under assets/ hold a hash of the content, so that they may be kept for a year."""
        is_asset = path.startswith("assets/")
        try:
            response = await super().get_response("index.html" if path == "." else path, scope)
        except HTTPException as error:
            if error.status_code != 404:
                response = PlainTextResponse(error.detail, error.status_code, headers=error.headers)
            elif is_asset:
                response = PlainTextResponse("There is no such file.", 404)
            else:
                response = await super().get_response("index.html", scope)
        response.headers["Cache-Control"] = YEAR if is_asset and response.status_code < 400 else "no-cache"
        response.headers.update(self._headers)
        return response


class Site:
    """The API and, on every other path, the web application. Programs that ask `/` for no page get the API's answer."""

    def __init__(self, api: ASGIApp, folder: Path, *, tile_url: str | None) -> None:
        self._api = api
        self._files = GZipMiddleware(_Files(folder, application_headers(tile_url)), minimum_size=1000)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        await (self._api if scope["type"] != "http" or _is_for_the_api(scope) else self._files)(scope, receive, send)


def _is_for_the_api(scope: Scope) -> bool:
    path = scope["path"]
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in OF_THE_API):
        return True
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return path == "/" and b"text/html" not in accept
