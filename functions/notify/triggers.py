"""The queue trigger that tells drivers."""

import azure.functions as func

from functions.notify import service
from shared.platform import platform
from shared.triggers import consumes, received

bp = func.Blueprint()


@bp.service_bus_queue_trigger(arg_name="message", queue_name="notify", connection="SERVICEBUS_CONNECTION_STRING")
@consumes
def send_notifications(message: func.ServiceBusMessage, context: func.Context) -> None:
    """Tells a driver of one event by e-mail, SMS and in the app."""
    event = received(message)
    service.handle(platform(), message_id=event.id, type=event.type, payload=event.payload)
