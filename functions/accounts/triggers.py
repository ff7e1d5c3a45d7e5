"""The timer that forgets what accounts no longer need."""

from datetime import timedelta

import azure.functions as func

from functions.accounts import repository
from shared import ratelimit
from shared.platform import platform
from shared.triggers import traced
from shared.tx import Tx

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="40 7 * * * *", run_on_startup=False, use_monitor=False)
@traced
def prune_accounts(timer: func.TimerRequest, context: func.Context) -> None:
    """Every hour: deletes windows of rate limits that are over, links and sessions that ended a week and a month ago, and
    accounts that nobody verified within a week."""

    def use_case(tx: Tx) -> None:
        ratelimit.prune(tx.conn, now=tx.now)
        week = tx.now - timedelta(days=7)
        repository.prune(tx, sessions_before=tx.now - timedelta(days=30), tokens_before=week, unverified_before=week)

    platform().transact(use_case)
