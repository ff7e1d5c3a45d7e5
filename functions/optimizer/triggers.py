"""The queue trigger that decides charge requests."""

import azure.functions as func

from functions.optimizer import service
from shared.platform import platform
from shared.triggers import consumes, received

bp = func.Blueprint()


@bp.service_bus_queue_trigger(arg_name="message", queue_name="charge-requests", connection="SERVICEBUS_CONNECTION_STRING")
@consumes
def optimize_charge_request(message: func.ServiceBusMessage, context: func.Context) -> None:
    """Decides one charge request and reserves the best slot, or ends one whose hold has lapsed."""
    event = received(message)
    service.handle(platform(), message_id=event.id, type=event.type, payload=event.payload)
