"""The address that a call came from: the connection's, or what proxies of ours say of it; not what clients claim."""

from starlette.requests import HTTPConnection
from starlette.types import Scope

from shared.platform import Platform
from shared.ratelimit import ip_address
from shared.settings import TrustedProxies

CALLER = "evcharging.caller"
"""Where a request's scope has its Actor, once one is known."""


def client_address(request: HTTPConnection) -> str | None:
    """The address of a request's client by the platform's settings, None where nobody tells it."""
    platform: Platform = request.app.state.get_platform()
    return address_of(request.scope, platform.settings.proxies)


def address_of(scope: Scope, proxies: TrustedProxies) -> str | None:
    """The address of the client, at most 64 characters.

    Each proxy adds whom it was called by to the end of X-Forwarded-For; the connection itself comes last. Read from there, the
    first that is no proxy of ours is the client. On Functions there is no connection (`client` is None): its front end's entry,
    the last, stands for it.
    """
    said = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    chain = [address for entry in ",".join(said).split(",") if (address := _without_port(entry.strip()))]
    if scope.get("client") is not None:
        chain.append(str(scope["client"][0]))
    trusted = 0
    while trusted + 1 < len(chain) and _is_ours(chain[-1 - trusted], trusted, proxies):
        trusted += 1
    return chain[-1 - trusted][:64] if chain else None


def _is_ours(address: str, trusted: int, proxies: TrustedProxies) -> bool:
    if trusted < proxies.count:
        return True
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in proxies.networks)


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].split("]")[0]
    return entry.rsplit(":", 1)[0] if entry.count(":") == 1 else entry
