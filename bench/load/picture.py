"""A run drawn: latency by percentile for each kind of act, and the memory of each process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from bench.harness.drivers import DECIDED
from bench.load.report import WORDS, milliseconds, summary
from bench.load.run import LoadResult
from training.evaluation.pictures import COLOURS, DASHES, GREY

MARKS = (0.0, 0.5, 0.9, 0.99, 0.999)


def _beyond(share: np.ndarray) -> np.ndarray:
    """Percentiles on an axis where each further nine takes as much room."""
    return -np.log10(np.maximum(1.0 - share, 1e-6))


def _bare(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)


def _latency(axes: Any, latencies: dict[str, list[float]]) -> None:
    _bare(axes)
    slowest_first = sorted(latencies, key=lambda kind: -float(np.quantile(latencies[kind], 0.95)))
    for number, kind in enumerate(slowest_first):
        values = np.sort(np.array(latencies[kind]))
        share = (np.arange(len(values)) + 0.5) / len(values)
        own = kind == DECIDED
        colours = [colour for colour in COLOURS if colour != COLOURS[1]]
        colour, dash = (
            (COLOURS[1], "-") if own else (colours[number % len(colours)], DASHES[number // len(colours) % len(DASHES)])
        )
        axes.plot(_beyond(share), values, color=colour, linestyle=dash, linewidth=2.6 if own else 1.7, label=WORDS[kind])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f} ms" if value < 1000 else f"{value / 1000:g} s")
    )
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(0, _beyond(np.array(MARKS))[-1])
    axes.set_xticks(_beyond(np.array(MARKS)), ["fastest", "p50", "p90", "p99", "p99.9"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("share of the acts that were as fast or faster; each mark leaves a tenth of the rest")
    axes.legend(
        frameon=False,
        fontsize=9,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        title="slowest first (p95)",
        title_fontsize=9,
        alignment="left",
        handlelength=2.8,
    )


def _memory(axes: Any, samples: dict[str, list[tuple[float, float]]], seconds: float) -> None:
    _bare(axes)
    names = sorted(samples, key=lambda name: -samples[name][-1][1])
    for number, name in enumerate(names):
        seconds_since, mb = np.array(samples[name]).T
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        axes.plot(seconds_since / 60, mb, color=colour, linestyle=dash, linewidth=1.7, label=name)
    axes.axvline(seconds / 120, color=GREY, linewidth=1, linestyle=(0, (2, 3)))
    axes.set_xlim(0, seconds / 60)
    axes.set_ylim(bottom=0)
    axes.text(seconds / 120, axes.get_ylim()[1] * 0.03, " growth is judged from here on", fontsize=8.5, color=GREY)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} MB"))
    axes.set_xlabel("minutes")
    axes.legend(
        frameon=False,
        fontsize=9,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        title="most memory first",
        title_fontsize=9,
        alignment="left",
        handlelength=2.8,
    )


def _title(axes: Any, what: str, under: str) -> None:
    axes.set_title(what, loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.text(0, 1.025, under, transform=axes.transAxes, fontsize=9.5, color=GREY)


def draw(result: LoadResult, path: Path, *, parts: Sequence[float] = (3.0, 1.7)) -> None:
    """Writes the picture. Raises ValueError where nothing happened."""
    latencies = milliseconds(result.acts)
    if not latencies:
        raise ValueError("acts: there are none to draw")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 10.5}):
        figure = Figure(figsize=(9.6, 8.6), dpi=150, layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=parts)
        _latency(upper, latencies)
        _title(upper, "What drivers wait at four fifths of capacity", summary(result))
        _memory(lower, result.samples, result.seconds)
        _title(lower, "What the processes hold", "resident memory, sampled over the run")
        figure.savefig(path)
