"""The learning curve of a run: a CSV that grows with it, and a picture."""

import csv
from pathlib import Path
from typing import Any

NOT_RATIOS = ("phase", "wall_s", "memory_mb", "loss", "score")


def write_curve(out: Path, curve: list[dict[str, Any]]) -> None:
    """learning_curve.csv: phase, wall seconds, memory, loss, and the ratio to the bound on each scenario's validation days."""
    if not curve:
        return
    with (out / "learning_curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(curve[0]))
        writer.writeheader()
        writer.writerows(curve)


def draw_curve(path: Path, curves: dict[str, list[dict[str, Any]]]) -> None:
    """One panel a scenario: cost over the bound against minutes of training, a line a run. `curves`: run to its lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    first = next(iter(curves.values()))
    scenarios = [name for name in first[0] if name not in NOT_RATIOS]
    figure, panels = pyplot.subplots(1, len(scenarios), figsize=(4.6 * len(scenarios), 3.6), squeeze=False)
    for panel, scenario in zip(panels[0], scenarios, strict=True):
        for run, lines in curves.items():
            learnt = [line for line in lines if line["phase"] != "greedy"]
            minutes = [line["wall_s"] / 60.0 for line in learnt]
            panel.plot(minutes, [line[scenario] for line in learnt], marker="o", markersize=3, linewidth=1.2, label=run)
        for line in first:
            if line["phase"] in ("regression 1", "midpoint", "Q-learning 1"):
                panel.axvline(line["wall_s"] / 60.0, color="0.85", linewidth=0.8, zorder=0)
                panel.text(
                    line["wall_s"] / 60.0,
                    1.0,
                    f" {line['phase']}",
                    rotation=90,
                    va="top",
                    ha="right",
                    fontsize=7,
                    color="0.4",
                    transform=panel.get_xaxis_transform(),
                )
        panel.set_title(f"{_place(scenario)}, validation days", fontsize=10)
        panel.ticklabel_format(axis="y", useOffset=False)
        panel.set_xlabel("minutes of training")
        panel.set_ylabel("cost / offline bound")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _place(scenario: str) -> str:
    """`busy`, or `dundee busy` of a city folder's."""
    folder, _, name = scenario.removeprefix("city:").rpartition(":")
    return f"{Path(folder).name} {name}" if folder else name
