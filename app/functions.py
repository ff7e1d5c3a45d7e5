"""Every function of the app: HTTP by URL prefix, queues, dead letters, and four timers.

No domain is imported here: the routes are made with the first request, handlers and sweeps are imported when they first run.
"""

import azure.functions as func

from app.asgi import LateApp
from app.http import http_blueprint
from app.process import platform
from app.queues import bp as queues
from app.timers import bp as timers
from shared.platform import Platform


def _platform() -> Platform:
    return platform()


api = LateApp(_platform)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in (http_blueprint(api), queues, timers):
    app.register_functions(blueprint)
