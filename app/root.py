"""What belongs to no domain: whether the platform is well, and what a client needs to know of this installation."""

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from shared.money import CURRENCIES
from shared.platform import Platform
from shared.readiness import shortcomings
from shared.web.fields import Output
from shared.web.query import check_query

router = APIRouter(tags=["root"], dependencies=[Depends(check_query)])
LANGUAGES = ["en"]
"""Those that answers and messages are worded in."""
CONFIG_KEPT_S = 300


class MapTiles(Output):
    """Where a map's background comes from."""

    url: str
    """With {z}, {x} and {y}."""
    attribution: str


class ConfigLimits(Output):
    """What a client should know before it sends."""

    max_body_bytes: int
    max_photo_bytes: int
    booking_horizon_days: int
    open_bookings_per_driver: int


class Config(Output):
    """What one build of a client needs to know of the installation it talks to. `tiles` and `support_email` may be unset."""

    demo: bool
    tiles: MapTiles | None
    oidc: bool
    languages: list[str]
    currencies: dict[str, int] = Field(description="Digits after the point of an amount in minor units, by ISO 4217 code")
    support_email: str | None
    limits: ConfigLimits


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """Whether the process can reach its database and the database is of this code's revision.

    Where the installation is not set up for its environment the answer is 503 and names what is missing.
    """
    platform: Platform = request.app.state.get_platform()
    if missing := shortcomings(platform.settings):
        return JSONResponse({"status": "not set up", "missing": missing}, status_code=503)
    platform.read(lambda tx: tx.conn.exec_driver_sql("SELECT 1").scalar())
    return JSONResponse({"status": "ok", "time": platform.clock.now().isoformat()})


@router.get("/config", response_model=Config)
def get_config(request: Request, response: Response) -> Config:
    """What a client needs to know of this installation."""
    settings = request.app.state.get_platform().settings
    response.headers["Cache-Control"] = f"public, max-age={CONFIG_KEPT_S}"
    tiles = MapTiles(url=settings.tile_url, attribution=settings.tile_attribution) if settings.tile_url else None
    return Config(
        demo=settings.demo,
        tiles=tiles,
        oidc=settings.oidc_issuer is not None,
        languages=LANGUAGES,
        currencies=CURRENCIES,
        support_email=settings.support_email,
        limits=ConfigLimits(
            max_body_bytes=settings.max_body_bytes,
            max_photo_bytes=settings.max_photo_bytes,
            booking_horizon_days=settings.booking_horizon_days,
            open_bookings_per_driver=settings.open_bookings_per_driver,
        ),
    )
