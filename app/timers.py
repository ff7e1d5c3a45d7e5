"""The four timer functions. What they run is in the table of sweeps."""

import azure.functions as func

from app import sweeps
from app.invocations import traced
from app.process import platform
from app.sweeps import Cadence

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="*/10 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def every_ten_seconds(timer: func.TimerRequest, context: func.Context) -> None:
    """Every 10 seconds: what a commit left in the outbox is sent."""
    sweeps.run_all(Cadence.EVERY_TEN_SECONDS, platform())


@bp.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def every_minute(timer: func.TimerRequest, context: func.Context) -> None:
    """Every minute: holds, missed bookings, broken chargers, EVSEs to tell, silent feeds; once an hour old accounts' rows."""
    sweeps.run_all(Cadence.EVERY_MINUTE, platform())


@bp.timer_trigger(arg_name="timer", schedule="5 */5 * * * *", run_on_startup=False, use_monitor=False)
@traced
def every_five_minutes(timer: func.TimerRequest, context: func.Context) -> None:
    """Every five minutes: the chance that a charger is free in the coming hour."""
    sweeps.run_all(Cadence.EVERY_FIVE_MINUTES, platform())


@bp.timer_trigger(arg_name="timer", schedule="0 25 3 * * *", run_on_startup=False, use_monitor=False)
@traced
def nightly(timer: func.TimerRequest, context: func.Context) -> None:
    """Every night: old history and pictures that belong to nothing are deleted."""
    sweeps.run_all(Cadence.NIGHTLY, platform())
