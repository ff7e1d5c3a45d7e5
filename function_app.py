"""The Functions app: `api` is the ASGI application, `app` what the Functions host indexes. Importing needs nothing.

The routes are made with the first request: an instance that serves queues or timers never needs them.
"""

import gc

gc.disable()  # what an import makes stays: looking for garbage in it takes a sixth of the start

import azure.functions as func  # noqa: E402

from functions.accounts.triggers import bp as accounts  # noqa: E402
from functions.booking.triggers import bp as booking  # noqa: E402
from functions.notify.triggers import bp as notify  # noqa: E402
from functions.optimizer.triggers import bp as optimizer  # noqa: E402
from functions.stations.triggers import bp as stations  # noqa: E402
from shared.asgi import LateApp, create_app  # noqa: E402
from shared.http import http_blueprint  # noqa: E402
from shared.platform import platform  # noqa: E402
from shared.triggers import bp as outbox  # noqa: E402

api = LateApp(lambda: create_app(platform))
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in (http_blueprint(api), accounts, booking, notify, optimizer, stations, outbox):
    app.register_functions(blueprint)
gc.enable()
gc.freeze()
