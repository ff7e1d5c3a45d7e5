"""The HTTP functions: one a URL prefix over the one FastAPI app, and one for docs, openapi.json, health and config."""

from typing import Any

import azure.functions as func

from shared import telemetry

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
DOMAINS = ("accounts", "booking", "notify", "optimizer", "payments", "stations", "waitlist")
RESERVED = ("administration",)
"""Prefixes that begin like one the host keeps for itself (`admin`): it takes such a route where a constraint stands first."""
ROOT_ROUTE = r"{page:regex(^(docs|openapi\.json|health|config)$)}/{*rest}"


def http_blueprint(api: Any) -> func.Blueprint:
    """A blueprint with an HTTP function for each domain, all answered by `api` (an ASGI app)."""
    bp = func.Blueprint()
    middleware = func.AsgiMiddleware(api)

    def add(name: str, route: str) -> None:
        async def handler(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
            telemetry.install_filter()
            response: func.HttpResponse = await middleware.handle_async(req, context)
            return response

        handler.__name__ = name
        handler.__doc__ = f"HTTP of {name}."
        bp.route(route=route, methods=METHODS, auth_level=func.AuthLevel.ANONYMOUS)(handler)

    for domain in DOMAINS:
        add(domain, f"{domain}/{{*path}}")
    for domain in RESERVED:
        add(domain, f"{{domain:regex(^{domain}$)}}/{{*path}}")
    add("root", ROOT_ROUTE)
    return bp
