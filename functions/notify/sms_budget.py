"""What may be spent on SMS: a number, an account and the platform each have a limit. Every SMS passes here, codes too."""

import logging

from functions.notify.records import NotificationDelivery
from shared.errors import TooManyRequests, Undeliverable
from shared.platform import Platform

log = logging.getLogger(__name__)


def spend(platform: Platform, delivery: NotificationDelivery) -> None:
    """Counts an SMS when it is first tried. Raises Undeliverable above a limit: it is in the app, and late it is of no use.

    Above the platform's ceiling an error is logged, for an alert: somebody pumps, or the ceiling is too low.
    """
    if delivery.attempts:
        return
    try:
        platform.limits.hit("sms_number_hour", delivery.address)
        platform.limits.hit("sms_number_day", delivery.address)
        platform.limits.hit("sms_account_day", str(delivery.user_id))
    except TooManyRequests as error:
        raise Undeliverable(error.detail) from error
    try:
        platform.limits.hit("sms_hour", "everybody")
    except TooManyRequests as error:
        log.error("SMS_CEILING: delivery %s is not sent: %s", delivery.id, error.detail)
        raise Undeliverable(error.detail) from error
