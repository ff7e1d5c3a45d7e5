"""Query parameters: one that an operation does not know is refused by its name, as an unknown field of a body is."""

from fastapi import Request
from fastapi.routing import APIRoute

from shared.errors import FieldError, Invalid
from shared.web.failures import dependants, raises


@raises(Invalid)
async def check_query(request: Request) -> None:
    """Raises Invalid naming each parameter that the request's operation does not take."""
    if not request.scope["query_string"]:
        return
    route: APIRoute = request.scope["route"]
    known = _known(route)
    unknown = [name[:64].encode("utf-8", "replace").decode() for name in request.query_params if name not in known]
    if unknown:
        takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        fields = [FieldError(name, f"is no parameter of this operation; {takes}") for name in unknown[:10]]
        raise Invalid("; ".join(f"{field.field}: {field.message}" for field in fields[:3]), fields=fields)


def _known(route: APIRoute) -> frozenset[str]:
    return frozenset(item.alias for dependant in dependants(route.dependant) for item in dependant.query_params)
