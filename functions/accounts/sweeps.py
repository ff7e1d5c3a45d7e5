"""What the clock starts for accounts."""

from datetime import timedelta

from functions.accounts import repository
from shared import ratelimit
from shared.platform import Platform
from shared.tx import Tx


def prune_accounts(platform: Platform) -> None:
    """Deletes windows of rate limits that are over, links and sessions that ended a week and a month ago, and accounts that
    nobody verified within a week."""

    def use_case(tx: Tx) -> None:
        ratelimit.prune(tx.conn, now=tx.now)
        week = tx.now - timedelta(days=7)
        repository.prune(tx, sessions_before=tx.now - timedelta(days=30), tokens_before=week, unverified_before=week)

    platform.transact(use_case)
