"""A run as tables and figures."""

from collections import Counter
from collections.abc import Sequence

from bench.harness import stats
from bench.harness.drivers import DECIDED, EXPECTED, Act
from bench.harness.results import Figure
from bench.load.run import LoadResult

KINDS = (*EXPECTED, DECIDED)
PERCENTILES = (0.5, 0.9, 0.95, 0.99)
WORDS = {
    "search": "search nearby with free places",
    "ask": "ask for a charge",
    "answer": "look what became of it",
    "recommend": "ranked list at once",
    "book": "book directly",
    "change": "change a booking",
    "cancel": "cancel",
    "messages": "read messages",
    "bookings": "list own bookings",
    DECIDED: "from asking to reserved",
}
"""The acts in words."""


def milliseconds(acts: Sequence[Act]) -> dict[str, list[float]]:
    """Latencies by kind, ms, of acts that went as they should; kinds that did not happen are left out."""
    latencies: dict[str, list[float]] = {}
    for kind in KINDS:
        values = [act.seconds * 1000 for act in acts if act.kind == kind and act.error is None]
        if values:
            latencies[kind] = values
    return latencies


def table(result: LoadResult) -> str:
    """Percentiles by kind of act, ms, as markdown."""
    lines = ["| act | times | p50 | p90 | p95 | p99 | longest |", "|---|---|---|---|---|---|---|"]
    for kind, values in milliseconds(result.acts).items():
        marks = [stats.percentile(values, share) for share in PERCENTILES]
        cells = " | ".join(f"{value:,.0f}" for value in (*marks, max(values)))
        lines.append(f"| {WORDS[kind]} | {len(values):,} | {cells} |")
    return "\n".join(lines)


def memory(result: LoadResult) -> str:
    """Every process's memory over the second half, as markdown."""
    lines = ["| process | MB at half-time | MB a minute | grown by, MB | allowed, MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {item.name} | {item.mb:.0f} | {item.mb_a_minute:+.2f} | {item.grown_mb:+.1f} | {item.allowed_mb:.1f} |"
        for item in result.growths
    ]
    return "\n".join(lines)


def answers(acts: Sequence[Act]) -> str:
    """How often each kind of act had which answer, as markdown."""
    counts = Counter((act.kind, f"{act.status} {act.code or ''}".strip(), act.error is not None) for act in acts)
    lines = ["| act | answer | times | |", "|---|---|---|---|"]
    for kind in KINDS:
        for (of, answer, bad), count in sorted(counts.items()):
            if of == kind:
                lines.append(f"| {WORDS[kind]} | {answer} | {count:,} | {'**error**' if bad else ''} |")
    return "\n".join(lines)


def errors(acts: Sequence[Act], *, shown: int = 20) -> str:
    """The errors by kind and answer, with one example each, as markdown."""
    groups: dict[tuple[str, int, str | None], list[Act]] = {}
    for act in acts:
        if act.error is not None:
            groups.setdefault((act.kind, act.status, act.code), []).append(act)
    lines = ["| act | answer | times | first after, s | it said |", "|---|---|---|---|---|"]
    for (kind, status, code), same in sorted(groups.items(), key=lambda item: -len(item[1]))[:shown]:
        example = (same[0].error or "").replace("\n", " ").replace("|", "/")
        lines.append(f"| {WORDS[kind]} | {status} {code or ''} | {len(same)} | {same[0].due_s:.1f} | {example} |")
    return "\n".join(lines)


def summary(result: LoadResult) -> str:
    """The run in one sentence."""
    return (
        f"{result.visits:,} visits with {len(result.acts):,} acts in {result.seconds / 60:.1f} minutes, {result.rate:.1f} "
        f"visits a second, {result.rate / result.capacity:.0%} of the capacity; {result.messages:,} messages had their effect"
    )


def figures(result: LoadResult) -> dict[str, Figure]:
    """The run's figures for bench/results.json."""
    figures = {
        "load.capacity_visits_per_s": Figure(result.capacity, "1/s", "visits of drivers a second that a closed loop reaches"),
        "load.visits_per_s": Figure(result.rate, "1/s", f"visits that came: {summary(result)}"),
        "load.errors": Figure(
            sum(act.error is not None for act in result.acts), "", "acts with an answer they should not have"
        ),
    }
    for kind, values in milliseconds(result.acts).items():
        for share in (0.5, 0.95, 0.99):
            name = f"load.{kind}_p{share * 100:.0f}_ms"
            figures[name] = Figure(stats.percentile(values, share), "ms", f"{WORDS[kind]}, of {len(values):,}")
    for item in result.growths:
        name = f"load.growth_{item.name.replace(' ', '_').lower()}_mb_per_min"
        figures[name] = Figure(
            item.mb_a_minute, "MB/min", f"memory of {item.name} over the second half, {item.mb:.0f} MB at its begin"
        )
    return figures
