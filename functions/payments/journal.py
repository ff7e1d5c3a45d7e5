"""A line in the log for each thing that has moved at the provider, so that operators can follow money without the database."""

import logging

from functions.payments.events import MoneyMoved
from shared.platform import Platform
from shared.tx import Tx

log = logging.getLogger(__name__)


def handle(platform: Platform, *, consumer: str, message_id: str, event: MoneyMoved) -> None:
    """Writes the line, once a movement."""

    def write(tx: Tx) -> None:
        line = (event.TYPE, event.amount_minor, event.currency, event.payment_id, event.provider_ref)
        tx.when_committed(lambda: log.info("%s: %d %s (minor units) of payment %s, %s", *line))

    platform.consume(write, consumer=consumer, message_id=message_id)
