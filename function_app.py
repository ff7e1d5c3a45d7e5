"""The Functions app: `api` is the ASGI application, `app` what the Functions host indexes. Importing needs nothing."""

import azure.functions as func

from functions.booking.triggers import bp as booking
from functions.notify.triggers import bp as notify
from functions.optimizer.triggers import bp as optimizer
from functions.stations.triggers import bp as stations
from shared.asgi import create_app
from shared.http import http_blueprint
from shared.platform import platform
from shared.triggers import bp as outbox

api = create_app(platform)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in (http_blueprint(api), booking, notify, optimizer, stations, outbox):
    app.register_functions(blueprint)
