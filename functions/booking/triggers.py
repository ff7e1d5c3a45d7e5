"""Timers of bookings."""

import azure.functions as func

from functions.booking import rehousing, timers
from shared.platform import platform
from shared.triggers import traced

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def release_expired_holds(timer: func.TimerRequest, context: func.Context) -> None:
    """Every minute: offers that were not accepted free their slot."""
    timers.release_expired_holds(platform())


@bp.timer_trigger(arg_name="timer", schedule="10 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def sweep_no_shows(timer: func.TimerRequest, context: func.Context) -> None:
    """Every minute: bookings nobody came to free their slot."""
    timers.sweep_no_shows(platform())


@bp.timer_trigger(arg_name="timer", schedule="20 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def assign_evses(timer: func.TimerRequest, context: func.Context) -> None:
    """Every minute: thirty minutes before the start the EVSE is settled and told."""
    timers.assign_evses(platform())


@bp.timer_trigger(arg_name="timer", schedule="15 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def rehouse_bookings(timer: func.TimerRequest, context: func.Context) -> None:
    """Every minute: what is booked at EVSEs that broke or fell silent is moved, or ended in time."""
    rehousing.rehouse_bookings(platform())
