"""What people were told does not stay for ever: what went outside for a month, what they have read for a year."""

from datetime import timedelta

from functions.notify import repository
from shared.platform import Platform

BATCH = 500


def prune_messages(platform: Platform) -> int:
    """Deletes settled deliveries older than DELIVERY_DAYS, and messages of the app older than NOTIFICATION_DAYS (unread ones
    after twice that). Returns how many rows."""
    now, settings = platform.clock.now(), platform.settings
    sent_before = now - timedelta(days=settings.delivery_days)
    read_before = now - timedelta(days=settings.notification_days)
    unread_before = now - timedelta(days=2 * settings.notification_days)
    total = 0
    while deleted := platform.transact(lambda tx: repository.prune_deliveries(tx, before=sent_before, limit=BATCH)):
        total += deleted
    while deleted := platform.transact(
        lambda tx: repository.prune_notifications(tx, read_before=read_before, unread_before=unread_before, limit=BATCH)
    ):
        total += deleted
    return total
