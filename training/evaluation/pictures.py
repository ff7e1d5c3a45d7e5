"""The two pictures of an evaluation: cost against the bound, and how long drivers wait."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from functions.optimizer.core.candidates import MAX_WAIT_MIN
from training.evaluation.metrics import FAIL_AFTER_MIN
from training.evaluation.reporting import ordered

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D1F")
"""Okabe and Ito's, told apart by the colour-blind, without its yellow."""
DASHES = ("-", "--", "-.", ":")
LEAST = 1e-5
"""Nearer the bound than this is drawn here: a logarithm has no zero."""
GREY = "#6b6b6b"


def _style(figure: Figure) -> Any:
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, axis="x", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def _title(axes: Any, report: Mapping[str, Any], what: str) -> None:
    city = report["city"] or "reference"
    axes.set_title(what, loc="left", fontsize=13, fontweight="bold", pad=24)
    under = f"{city}, {report['scenario']}: {report['requests_a_day']:,} requests a day, {report['days']} test days"
    axes.text(0, 1.02, under, transform=axes.transAxes, fontsize=9.5, color=GREY)


def cost_picture(report: Mapping[str, Any], path: Path) -> None:
    """Cost above the bound with its interval, best at the top, on a logarithmic scale so that bad rules squash none."""
    policies = report["policies"]
    names = [name for name in ordered(policies) if name != "bound"]
    ratio = np.array([policies[name]["ratio"] for name in names]) - 1.0
    ends = np.array([policies[name]["ci95"] for name in names]) - 1.0
    shown_ratio, low, high = np.maximum(ratio, LEAST), np.maximum(ends[:, 0], LEAST), np.maximum(ends[:, 1], LEAST)
    with mpl.rc_context({"font.size": 10.5}):
        figure = Figure(figsize=(8.6, 1.9 + 0.36 * len(names)), dpi=150, layout="constrained")
        axes = _style(figure)
        height = -np.arange(len(names))
        for number, name in enumerate(names):
            own = name == "champion"
            colour = COLOURS[1] if own else "#9a9a9a" if policies[name].get("group") else COLOURS[0]
            axes.plot([low[number], high[number]], [height[number]] * 2, color=colour, linewidth=3 if own else 2.2, alpha=0.55)
            axes.plot(shown_ratio[number], height[number], "o", color=colour, markersize=8 if own else 6.5)
            text = f"{ratio[number] * 100:.{1 if ratio[number] >= 0.1 else 2 if ratio[number] >= 0.001 else 3}f} %"
            axes.annotate(
                text,
                (high[number], height[number]),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=9.5,
                color=colour,
                fontweight="bold" if own else "normal",
            )
        axes.set_yticks(height, [name.replace("_", " ") for name in names])
        for label, name in zip(axes.get_yticklabels(), names, strict=True):
            label.set_fontweight("bold" if name == "champion" else "normal")
        axes.set_ylim(height[-1] - 0.7, 0.7)
        axes.set_xscale("log")
        span = max(4.0, high.max() / low.min())
        axes.set_xlim(low.min() / span**0.05, high.max() * span**0.16)  # the last figure needs room
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 4, 5, 7) if span < 10 else (1, 2, 5) if span < 100 else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g} %"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("cost above the offline bound (logarithmic), with its 95 % interval; further left is better")
        _title(axes, report, "What a policy costs beyond perfect foresight")
        figure.savefig(path)


def waiting_picture(report: Mapping[str, Any], waits: Mapping[str, tuple[np.ndarray, int]], path: Path) -> None:
    """Share of all requests whose charge has begun so long after arrival. `waits`: minutes of the served, and how many
    requests there were, by policy."""
    with mpl.rc_context({"font.size": 10.5}):
        figure = Figure(figsize=(8.6, 5.2), dpi=150, layout="constrained")
        axes = _style(figure)
        axes.grid(True, axis="y", color="#e3e3e3", linewidth=0.8)
        names = [name for name in ordered(report["policies"]) if name in waits]
        others = [name for name in names if name != "champion"]
        grid = np.linspace(0.0, MAX_WAIT_MIN, 481)
        for name in [*reversed(others), *(name for name in names if name == "champion")]:
            minutes, count = waits[name]
            share = np.searchsorted(np.sort(minutes), grid, side="right") / max(1, count) * 100.0
            if name == "champion":
                axes.plot(grid, share, color=COLOURS[1], linewidth=3.2, label="champion", zorder=5)
                continue
            number = others.index(name)
            colours = [colour for colour in COLOURS if colour != COLOURS[1]]
            colour, dash = colours[number % len(colours)], DASHES[(number // len(colours) + number) % len(DASHES)]
            axes.plot(grid, share, color=colour, linestyle=dash, linewidth=1.7, label=name.replace("_", " "))
        axes.axvline(FAIL_AFTER_MIN, color=GREY, linewidth=1, linestyle=(0, (2, 3)))
        axes.set_xlim(0, MAX_WAIT_MIN)
        axes.set_ylim(0, 101)
        axes.text(FAIL_AFTER_MIN + 1, 2.5, "later counts as failed", fontsize=9, color=GREY)
        axes.xaxis.set_major_locator(mpl.ticker.MultipleLocator(15))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.set_xlabel("minutes from arrival to the start of the charge")
        axes.set_ylabel("share of all requests charging by then")
        handles, labels = axes.get_legend_handles_labels()
        best = [name.replace("_", " ") for name in names]
        order = sorted(range(len(labels)), key=lambda item: best.index(labels[item]))
        axes.legend(
            [handles[item] for item in order],
            [labels[item] for item in order],
            frameon=False,
            fontsize=9.5,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            title="least cost first",
            title_fontsize=9.5,
            alignment="left",
            handlelength=2.8,
        )
        _title(axes, report, "How long drivers wait")
        figure.savefig(path)
