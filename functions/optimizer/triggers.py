"""The queue trigger that decides charge requests, and the timer of the availability forecast.

What they run is imported with the first message or timer: numpy takes a tenth of a start, and what else indexes or imports the
app (another domain's timers, a check) never needs it.
"""

import azure.functions as func

from shared.platform import platform
from shared.triggers import consumes, received, traced

bp = func.Blueprint()


@bp.service_bus_queue_trigger(arg_name="message", queue_name="charge-requests", connection="SERVICEBUS_CONNECTION_STRING")
@consumes
def optimize_charge_request(message: func.ServiceBusMessage, context: func.Context) -> None:
    """Decides one charge request and reserves the best slot, or ends one whose hold has lapsed."""
    from functions.optimizer import service

    event = received(message)
    service.handle(platform(), message_id=event.id, type=event.type, payload=event.payload)


@bp.timer_trigger(arg_name="timer", schedule="5 */5 * * * *", run_on_startup=False, use_monitor=False)
@traced
def forecast_availability(timer: func.TimerRequest, context: func.Context) -> None:
    """Every five minutes: the chance that a charger is free in the coming hour, at every location."""
    from functions.optimizer import forecast_run

    forecast_run.forecast_availability(platform())
