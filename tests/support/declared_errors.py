"""A watch over a test client: an answer whose error its operation does not declare fails the test that asked."""

import re
from functools import cache

import httpx2 as httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.openapi import error_codes
from shared.errors import MethodNotAllowed

PROBLEM = "application/problem+json"
Patterns = list[tuple[str, re.Pattern[str], str, frozenset[str]]]


def watch(client: TestClient) -> None:
    """Holds every answer that `client` gets to what its operation declares."""
    app = client.app
    assert isinstance(app, FastAPI)

    def check(response: httpx.Response) -> None:
        if not response.headers.get("content-type", "").startswith(PROBLEM):
            return
        request = response.request
        response.read()
        code = response.json()["code"]
        for method, pattern, path, codes in patterns(app):
            if method == request.method and pattern.fullmatch(request.url.path) and code != MethodNotAllowed.code:
                assert code in codes, f"{method} {path} answered {code}, which its route does not declare (errors(...))"
                return

    client.event_hooks = {"request": [], "response": [check]}


@cache
def patterns(app: FastAPI) -> Patterns:
    """(method, pattern of paths, path, codes) of each operation; paths without parameters first, as the router has them."""
    codes_by_operation = sorted(error_codes(app).items(), key=lambda item: item[0][0].count("{"))
    return [
        (method.upper(), re.compile(re.sub(r"{\w+}", "[^/]+", path)), path, codes)
        for (path, method), codes in codes_by_operation
    ]
