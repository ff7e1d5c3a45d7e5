"""The forecast judged: every figure of docs/forecast.md for a city's last fifth, with the last observation and the free-count
table beside it, and the reliability curve; and before that, what its validation days make of the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from functions.forecast.features import DAY, HORIZONS
from functions.forecast.model import Chances, Ladder, Source, by_last_observation
from training.forecast.data import Sample

SURE, LEAST_JUDGED_DAYS = 2.0, 5
"""The model serves where its squared errors are below the table's by so many standard errors of the mean over days, in the
earlier half of the days and in the later one, of which each must have so many: what a city has stopped doing says little."""
BINS = 20
RESAMPLES = 2000
COUNTS = 9
"""Free points now that the table tells apart: 0 to 8 and more."""
LEAST_LOG = 1e-3
"""Probabilities are kept this far from 0 and 1 in the log loss: the last observation is certain, and would be infinite."""


@dataclass(frozen=True)
class Figures:
    """Of one predictor at one horizon."""

    rmse: float
    """of the busy share"""
    mae: float
    """of the busy share"""
    brier: float
    """of 'one is free'"""
    log_loss: float
    """likewise"""
    ece: float
    """likewise"""
    skill_rmse: tuple[float, float, float]
    """part of the last observation's squared error that is gone, with its 95 % interval over days"""
    skill_brier: tuple[float, float, float]
    """likewise, of the Brier score"""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        skills = {"skill_rmse": self.skill_rmse, "skill_brier": self.skill_brier}
        plain = {name: round(getattr(self, name), 6) for name in ("rmse", "mae", "brier", "log_loss", "ece")}
        return plain | {
            name: {"value": round(skill[0], 4), "low": round(skill[1], 4), "high": round(skill[2], 4)}
            for name, skill in skills.items()
        }


def free_count_table(sample: Sample) -> np.ndarray:
    """P(one is free | points free now) of the rows of a sample, [horizons, COUNTS]; counts that never were are certain."""
    counts = np.minimum(sample.free_now, COUNTS - 1).astype(np.int64)
    seen = np.bincount(counts, minlength=COUNTS)
    free = np.stack([np.bincount(counts, weights=sample.free[:, number], minlength=COUNTS) for number in range(len(HORIZONS))])
    certain = (np.arange(COUNTS) > 0).astype(float)
    return np.where(seen > 0, free / np.maximum(seen, 1), certain)


def tabled(table: np.ndarray, sample: Sample) -> Chances:
    """The table's answer to the rows of a sample; the busy share stays."""
    counts = np.minimum(sample.free_now, COUNTS - 1).astype(np.int64)
    return Chances(table[:, counts].T, np.repeat(sample.share_now[:, None], len(HORIZONS), axis=1).astype(float))


def last_observed(sample: Sample) -> Chances:
    """As it is now."""
    points = np.ones(len(sample.step))
    chances = by_last_observation(points, (sample.free_now > 0).astype(float), np.zeros((len(points), len(HORIZONS))))
    return Chances(chances.p_free, np.repeat(sample.share_now[:, None], len(HORIZONS), axis=1).astype(float))


def ladder(validation: Sample, model: Chances, table_of: np.ndarray) -> Ladder:
    """Where validation days bear the model out against the free-count table `table_of` [horizons, COUNTS]."""
    table, day = tabled(table_of, validation), np.unique(validation.step // DAY, return_inverse=True)[1]

    def rungs(of_model: np.ndarray, of_table: np.ndarray, came: np.ndarray) -> tuple[Source, ...]:
        gained = (of_table - came) ** 2 - (of_model - came) ** 2
        daily = np.stack([np.bincount(day, weights=part) for part in gained.T])
        return tuple(Source.MODEL if _surely_above_zero(part) else Source.TABLE for part in daily)

    return Ladder(
        p_free=rungs(model.p_free, table.p_free, validation.free.astype(float)),
        occupancy=rungs(model.occupancy, table.occupancy, validation.share.astype(float)),
        table=tuple(tuple(part) for part in table_of.round(6).tolist()),
    )


def _surely_above_zero(days: np.ndarray) -> bool:
    """Whether the mean of days [D], in order, is above 0 by SURE standard errors in either half."""
    halves = np.array_split(days, 2)
    if len(halves[1]) < LEAST_JUDGED_DAYS:
        return False
    return all(bool(half.mean() > SURE * half.std(ddof=1) / np.sqrt(len(half))) for half in halves)


def calibration(p_free: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecasts, their mean and the share that came true by bin of probability: [BINS] each."""
    bin_of = np.minimum((p_free * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(bin_of, minlength=BINS)
    total = np.maximum(count, 1)
    mean = np.bincount(bin_of, weights=p_free, minlength=BINS) / total
    return count, mean, np.bincount(bin_of, weights=free, minlength=BINS) / total


def judge(sample: Sample, answers: Mapping[str, Chances], seed: int = 0) -> dict[int, dict[str, Figures]]:
    """Figures of each predictor by horizon. `answers` must have last_observation."""
    days, day = np.unique(sample.step // DAY, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(days), (RESAMPLES, len(days)))
    figures: dict[int, dict[str, Figures]] = {}
    for number, minutes in enumerate(HORIZONS):
        came, share = sample.free[:, number].astype(float), sample.share[:, number].astype(float)
        base = answers["last_observation"]
        reference = (base.occupancy[:, number] - share) ** 2, (base.p_free[:, number] - came) ** 2
        daily = [np.bincount(day, weights=part, minlength=len(days)) for part in reference]
        figures[minutes] = {}
        for name, answer in answers.items():
            p_free, error = np.clip(answer.p_free[:, number], 0.0, 1.0), answer.occupancy[:, number] - share
            count, mean, true = calibration(p_free, came)
            kept = np.clip(p_free, LEAST_LOG, 1 - LEAST_LOG)
            squares = error**2, (p_free - came) ** 2
            own = [np.bincount(day, weights=part, minlength=len(days)) for part in squares]
            figures[minutes][name] = Figures(
                rmse=float(np.sqrt(squares[0].mean())),
                mae=float(np.abs(error).mean()),
                brier=float(squares[1].mean()),
                log_loss=float(-(came * np.log(kept) + (1 - came) * np.log(1 - kept)).mean()),
                ece=float((count * np.abs(mean - true)).sum() / count.sum()),
                skill_rmse=_skill(own[0], daily[0], drawn, root=True),
                skill_brier=_skill(own[1], daily[1], drawn, root=False),
            )
    return figures


def _skill(own: np.ndarray, base: np.ndarray, drawn: np.ndarray, *, root: bool) -> tuple[float, float, float]:
    """1 - own / base over all days, with its interval over resampled days; 0 where the base has no error."""

    def ratio(mine: np.ndarray, other: np.ndarray) -> np.ndarray:
        share_left = np.where(other > 0, mine / np.maximum(other, 1e-12), 1.0)
        return 1.0 - (np.sqrt(share_left) if root else share_left)

    value = float(ratio(own.sum(keepdims=True), base.sum(keepdims=True))[0])
    low, high = np.quantile(ratio(own[drawn].sum(axis=1), base[drawn].sum(axis=1)), (0.025, 0.975))
    return value, float(low), float(high)


def document(figures: Mapping[int, Mapping[str, Figures]], rungs: Ladder | None = None) -> dict[str, Any]:
    """The report as JSON; with the ladder the champion's rows say who answers."""
    horizons: dict[str, dict[str, Any]] = {
        str(minutes): {name: item.document() for name, item in by_predictor.items()}
        for minutes, by_predictor in figures.items()
    }
    if rungs is not None:
        for own, free, busy in zip(horizons.values(), rungs.p_free, rungs.occupancy, strict=True):
            own["champion"]["source"] = {"p_free": free.value, "occupancy": busy.value}
    return {"horizons": horizons}


def _shown_name(name: str, number: int, rungs: Ladder | None) -> str:
    """A predictor's name in the table; of the champion's also what the table answers for it."""
    plain = name.replace("_", " ")
    if rungs is None or name != "champion":
        return plain
    answers = {"free": rungs.p_free[number], "share": rungs.occupancy[number]}
    by_table = [what for what, source in answers.items() if source is Source.TABLE]
    return plain if not by_table else f"{plain} ({', '.join(by_table)}: table)"


def table(title: str, figures: Mapping[int, Mapping[str, Figures]], rungs: Ladder | None = None) -> Table:
    """The report for people, in LEARNING.md's units."""
    shown = Table(title=title)
    for name in ("minutes", "predictor"):
        shown.add_column(name, no_wrap=True)
    for name in ("RMSE x 100", "MAE x 100", "Brier", "log loss", "ECE", "skill RMSE", "skill Brier"):
        shown.add_column(name, justify="right", no_wrap=True)
    for number, (minutes, by_predictor) in enumerate(figures.items()):
        for name, figure in by_predictor.items():
            skills = [f"{value:.1%} [{low:.1%}, {high:.1%}]" for value, low, high in (figure.skill_rmse, figure.skill_brier)]
            shown.add_row(
                str(minutes),
                _shown_name(name, number, rungs),
                f"{100 * figure.rmse:.2f}",
                f"{100 * figure.mae:.2f}",
                f"{figure.brier:.5f}",
                f"{figure.log_loss:.4f}",
                f"{figure.ece:.4f}",
                *(skills if name != "last_observation" else ("", "")),
            )
        shown.add_section()
    return shown


def draw(path: Path, title: str, sample: Sample, answer: Chances) -> None:
    """The reliability curve of each horizon, and how many forecasts each bin has."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (curve, bars) = pyplot.subplots(2, 1, figsize=(6, 7), height_ratios=(3, 1), sharex=True)
    curve.plot((0, 1), (0, 1), color="0.7", linewidth=1)
    for number, minutes in enumerate(HORIZONS):
        count, mean, true = calibration(answer.p_free[:, number], sample.free[:, number].astype(float))
        rows = count >= 50
        curve.plot(mean[rows], true[rows], marker="o", markersize=3, linewidth=1, label=f"{minutes} min")
        bars.step(np.arange(BINS) / BINS + 0.5 / BINS, np.maximum(count, 1), where="mid", linewidth=1)
    curve.set_ylabel("share that was free")
    curve.set_title(title)
    curve.legend(frameon=False)
    bars.set_yscale("log")
    bars.set_xlabel("forecast probability that one is free")
    bars.set_ylabel("forecasts")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
