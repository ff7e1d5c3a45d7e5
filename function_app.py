"""The Functions app: `api` is the ASGI application, `app` what the Functions host indexes. Importing needs no environment."""

from app.startup import quick_import

with quick_import():
    from app.functions import api, app

__all__ = ["api", "app"]
