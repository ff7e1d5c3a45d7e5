"""The workbook's panels drawn: its own queries (infra/terraform/workbook.json), executed on the telemetry of a run."""

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from devhost.stack import kql
from devhost.stack.ingestion import Row
from training.evaluation.pictures import COLOURS, DASHES, GREY

WORKBOOK = Path(__file__).parents[2] / "infra" / "terraform" / "workbook.json"
COLUMNS = 3
SERIES = 8
"""At most so many lines a panel: those with the highest values."""


def panels() -> dict[str, dict[str, str]]:
    """The panels in their order."""
    known: dict[str, dict[str, str]] = json.loads(WORKBOOK.read_text())
    return known


def lines_of(rows: list[dict[str, Any]]) -> dict[str, list[tuple[datetime, float]]]:
    """By series its points, the highest series first, at most SERIES of them."""
    points: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for row in rows:
        points[str(row["series"])].append((row["at"], float(row["value"])))
    highest = sorted(points, key=lambda name: -max(value for _, value in points[name]))
    return {name: sorted(points[name]) for name in highest[:SERIES]}


def _panel(axes: Any, panel: dict[str, str], lines: dict[str, list[tuple[datetime, float]]], begin: datetime) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_title(f"{panel['part']}: {panel['unit']}", loc="left", fontsize=10.5, fontweight="bold", pad=22)
    axes.text(0, 1.04, panel["why"], transform=axes.transAxes, fontsize=8.5, color=GREY)
    if not lines:
        axes.text(0.5, 0.5, "nothing of it in this run", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    for number, (name, points) in enumerate(lines.items()):
        minutes = [(at - begin).total_seconds() / 60 for at, _ in points]
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number // len(COLOURS) % len(DASHES)]}
        axes.plot(minutes, [value for _, value in points], marker=".", linewidth=1.5, label=name, **style)
    axes.set_ylim(bottom=0)
    axes.legend(
        frameon=False,
        fontsize=6.5,
        loc="upper left",
        bbox_to_anchor=(-0.03, -0.1),
        ncols=1 if len(lines) < 4 else 2,
        handlelength=2.0,
    )


def draw(tables: dict[str, list[Row]], path: Path, *, under: str) -> None:
    """Writes the picture. Raises ValueError where no telemetry came."""
    if not tables["AppMetrics"]:
        raise ValueError("telemetry: nothing came")
    connection, known = kql.database(tables), panels()
    begin = min(row["TimeGenerated"] for row in tables["AppMetrics"]).replace(second=0, microsecond=0)
    rows = -(-len(known) // COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 8.5}):
        figure = Figure(figsize=(15, 4.1 * rows), dpi=110)
        figure.suptitle(f"The workbook's panels, minutes since the begin: {under}", x=0.05, y=0.985, ha="left", fontsize=11)
        figure.subplots_adjust(left=0.05, right=0.98, top=0.93, bottom=0.07, hspace=0.7, wspace=0.2)
        for axes, panel in zip(figure.subplots(rows, COLUMNS).flat, known.values(), strict=False):
            _panel(axes, panel, lines_of(kql.rows(connection, panel["query"])), begin)
        figure.savefig(path)
