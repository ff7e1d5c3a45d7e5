"""What was promised on a day and what came of it, in a table."""

from collections import Counter
from datetime import datetime
from enum import StrEnum
from typing import Any

from rich.table import Table

from tests.promise.day import DayResult


class Fate(StrEnum):
    """What came of a booking whose time has come."""

    KEPT = "charged as promised"
    ELSEWHERE = "charged at another place"
    MISSED = "driver did not come"
    WITHDRAWN = "ended ahead, told and free"
    IN_VAIN = "could not charge, at no cost"
    OPEN = "not over yet"


def fate_of(booking: Any, now: datetime) -> Fate | None:
    """What came of a booking; None of one that promised nothing (any more) at its start: an offer, one that its driver took
    back or that goes on as another, one that is to come."""
    canceled = booking.canceled or {}
    if booking.start > now and booking.status != "CANCELED":
        return None
    if booking.status == "FULFILLED":
        return Fate.KEPT if booking.rebooked_from is None else Fate.ELSEWHERE
    if booking.status == "NO_SHOW":
        return Fate.MISSED
    if booking.status == "RESERVED":
        return Fate.OPEN
    if canceled.get("who_canceled") != "CPO" or canceled.get("late") is None or booking.rebooked_to is not None:
        return None
    return Fate.WITHDRAWN if booking.ended_at < booking.start else Fate.IN_VAIN


def fates(result: DayResult) -> Counter[Fate]:
    """How many bookings had which."""
    now = result.snapshot.now
    every = (fate_of(row, now) for row in result.snapshot.rows.bookings.values())
    return Counter(fate for fate in every if fate is not None)


def summary(result: DayResult) -> str:
    """The day in one sentence."""
    options = result.options
    return (
        f"{options.hours:g} hours from {options.begin:%d %B %Y, %H:%M} UTC in {result.steps} steps, {result.calls:,} calls, "
        f"{result.killed} processes killed, {len(result.violations)} violations"
    )


def table(result: DayResult) -> Table:
    """What was injected and what was kept."""
    shown = Table(title=summary(result))
    for column in ("injected", "", "what came of the bookings", ""):
        shown.add_column(column, justify="left" if column else "right")
    injected = sorted(result.injected.items(), key=lambda item: (-item[1], item[0]))
    kept: list[tuple[str, int]] = [(fate.value, count) for fate, count in fates(result).most_common()]
    notifications = Counter(row.type for row in result.snapshot.rows.notifications)
    kept += [("", 0), *((f"told: {kind}", count) for kind, count in notifications.most_common())]
    for number in range(max(len(injected), len(kept))):
        left = injected[number] if number < len(injected) else ("", 0)
        right = kept[number] if number < len(kept) else ("", 0)
        shown.add_row(left[0], str(left[1] or ""), right[0], str(right[1] or ""))
    return shown
