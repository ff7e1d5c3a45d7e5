"""Timers of stations."""

import azure.functions as func

from functions.stations import feed_silence, photos
from shared.platform import platform
from shared.triggers import traced

bp = func.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="40 * * * * *", run_on_startup=False, use_monitor=False)
@traced
def mark_silent_feeds(timer: func.TimerRequest, context: func.Context) -> None:
    """Every minute: the EVSEs of a feed that is not heard any more are UNKNOWN, and its owner is told."""
    feed_silence.mark_silent_feeds(platform())


@bp.timer_trigger(arg_name="timer", schedule="0 25 3 * * *", run_on_startup=False, use_monitor=False)
@traced
def prune_status_history(timer: func.TimerRequest, context: func.Context) -> None:
    """Every night: changes of EVSE states that are too old for the forecast are deleted."""
    feed_silence.prune_status_history(platform())


@bp.timer_trigger(arg_name="timer", schedule="0 35 3 * * *", run_on_startup=False, use_monitor=False)
@traced
def sweep_photos(timer: func.TimerRequest, context: func.Context) -> None:
    """Every night: pictures in Blob that belong to no location are deleted."""
    photos.sweep_photos(platform())
