"""A day drawn: what each charger was promised for and what stood at it, and what came of the bookings by hour."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tests.promise.day import DayResult
from tests.promise.ledger import Fate, fate_of, summary
from training.evaluation.pictures import COLOURS, GREY

BOOKED, WALK_IN, UNASKED, OVER, BROKEN = COLOURS[0], COLOURS[4], "#b8b8b8", COLOURS[5], COLOURS[1]
LEGEND: dict[str, Any] = {
    "ncols": 6,
    "frameon": False,
    "fontsize": 8,
    "loc": "lower left",
    "columnspacing": 1.1,
    "handlelength": 1.3,
}
FATES = {
    Fate.KEPT: COLOURS[0],
    Fate.ELSEWHERE: COLOURS[2],
    Fate.MISSED: "#d9d9d9",
    Fate.WITHDRAWN: COLOURS[5],
    Fate.IN_VAIN: COLOURS[1],
    Fate.OPEN: "#f3f3f3",
}


def draw(result: DayResult, path: Path) -> None:
    """Writes the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(11.5, 8.8), dpi=140, layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=(3.2, 1.0), sharex=True)
        _street(upper, result)
        _by_hour(lower, result)
        for axes in (upper, lower):
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        hours = range(0, round(result.options.hours) + 1, 2)
        lower.set_xticks(list(hours), [f"{result.options.begin + timedelta(hours=hour):%H:%M}" for hour in hours])
        lower.set_xlim(0, result.options.hours)
        lower.set_xlabel("UTC")
        figure.savefig(path)


def _hours(result: DayResult, instant: datetime) -> float:
    return (instant - result.options.begin) / timedelta(hours=1)


def _bar(axes: Any, result: DayResult, row: int, begin: datetime, end: datetime, **style: Any) -> None:
    left = _hours(result, begin)
    axes.barh(row, max(0.0, _hours(result, end) - left), left=left, **style)


def _street(axes: Any, result: DayResult) -> None:
    """A line a charger: outlined what was promised, filled what stood there."""
    rows: dict[str, int] = {}
    labels: list[str] = []
    number = 0
    for place in result.town.places:
        for charger in place.chargers.values():
            rows[charger.evse_id] = number
            labels.append(charger.uid)
            number += 1
    snapshot = result.snapshot
    for evse_id, begin, end in result.town.faults:
        _bar(axes, result, rows[evse_id], begin, min(end, snapshot.now), height=0.9, color=BROKEN, alpha=0.35)
    for session in snapshot.sessions:
        row, end = rows[str(session.evse_id)], session.ended_at or snapshot.now
        booking = snapshot.rows.bookings.get(session.booking_id)
        colour = UNASKED if booking is None else WALK_IN if booking.kind == "WALK_IN" else BOOKED
        within = end if booking is None else min(end, max(booking.end, session.started_at))
        _bar(axes, result, row, session.started_at, within, height=0.5, color=colour)
        _bar(axes, result, row, within, end, height=0.5, color=OVER)
    for booking in snapshot.rows.bookings.values():
        if booking.kind == "RESERVATION" and fate_of(booking, snapshot.now) is not None:
            row = rows[str(booking.evse_id)]
            _bar(axes, result, row, booking.start, booking.end, height=0.78, fill=False, edgecolor="#222222", linewidth=0.8)
    axes.set_yticks(range(number), labels, fontsize=7)
    axes.set_ylim(number - 0.4, -0.6)
    _places(axes, result)
    axes.set_title("A busy day: what was promised, and what was kept", loc="left", fontsize=13, fontweight="bold", pad=44)
    axes.text(0, 1.055, summary(result), transform=axes.transAxes, fontsize=9.5, color=GREY)
    known = [
        Patch(facecolor="white", edgecolor="#222222", label="promised"),
        Patch(color=BOOKED, label="charging as booked"),
        Patch(color=OVER, label="staying after the end"),
        Patch(color=WALK_IN, label="walk-in"),
        Patch(color=UNASKED, label="session without a booking"),
        Patch(color=BROKEN, alpha=0.35, label="charger broken"),
    ]
    axes.legend(handles=known, bbox_to_anchor=(-0.005, 0.998), **LEGEND)


def _places(axes: Any, result: DayResult) -> None:
    """A line between places, and the name of each."""
    first = 0
    for number, place in enumerate(result.town.places):
        count = len(place.chargers)
        axes.axhline(first - 0.5, color="#dddddd", linewidth=0.8)
        axes.text(1.005, first + (count - 1) / 2, f"place {number + 1}", transform=axes.get_yaxis_transform(), fontsize=8.5)
        first += count


def _by_hour(axes: Any, result: DayResult) -> None:
    """What came of the bookings of each hour."""
    by_fate: dict[Fate, Counter[int]] = {fate: Counter() for fate in FATES}
    for booking in result.snapshot.rows.bookings.values():
        fate, hour = fate_of(booking, result.snapshot.now), int(_hours(result, booking.start))
        if fate is not None and 0 <= hour < result.options.hours:
            by_fate[fate][hour] += 1
    hours = range(int(result.options.hours))
    bottom = [0] * len(hours)
    for fate, colour in FATES.items():
        heights = [by_fate[fate][hour] for hour in hours]
        if any(heights):
            axes.bar(
                [hour + 0.5 for hour in hours], heights, width=0.86, bottom=bottom, color=colour, label=fate, edgecolor="white"
            )
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_ylabel("bookings by start")
    axes.legend(bbox_to_anchor=(-0.005, 1.0), **LEGEND)
