"""An evaluation for people and programs: tables, JSON, CSV. The evaluation itself is `training.evaluate`'s dictionary."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.evaluation.metrics import CARED_FOR

METRICS = (
    "mean_cost",
    "mcwt_min",
    "p95_wait_min",
    "mcp",
    "km",
    "duration_min",
    "cfr",
    "not_served",
    "tsf",
    "utilisation",
    "fairness",
    "latency_p50_ms",
    "latency_p99_ms",
    "fallback_share",
)
"""All metrics beside the ratio, in order."""
HEADS = {
    "mean_cost": "cost a\nrequest",
    "mcwt_min": "MCWT\nmin",
    "p95_wait_min": "p95 wait\nmin",
    "mcp": "MCP\n{currency}",
    "km": "km",
    "duration_min": "duration\nmin",
    "cfr": "CFR\n%",
    "not_served": "not served\n%",
    "tsf": "TSF\n{currency} a day",
    "utilisation": "used\n%",
    "fairness": "fairness\np95/p50",
    "latency_p50_ms": "decision\np50 ms",
    "latency_p99_ms": "decision\np99 ms",
    "fallback_share": "fallback\n%",
}
SHARES = {"cfr", "not_served", "utilisation", "fallback_share"}
DIGITS = {"mean_cost": 3, "mcp": 2, "km": 2, "fairness": 2, "latency_p50_ms": 2, "tsf": 2, "fallback_share": 2}
LEGEND = (
    "cost / bound: 1 is perfect foresight, which nobody has; intervals are 95 % bootstrap over test days (and seeds).",
    "against champion: paired on the same days, below 0 is better than the champion.",
    "MCWT, p95 wait: from arrival to the start of the charge; CFR: not served, or begun later than 45 min; TSF: money saved",
    "against the nearest station with room; used: charging time over open point-hours; fairness: p95 / p50 of regret;",
    "fallback: greedy decided instead; decision: one request alone, on this machine.",
)
WIDTH = 132
LOOK: dict[str, Any] = {"header_style": "bold", "pad_edge": False, "box": SIMPLE_HEAD}


def ordered(policies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names, best first; the seeds of a training behind its mean."""

    def place(name: str) -> tuple[float, int, float]:
        one = policies[name]
        group = one.get("group")
        lead = one["ratio"] if group is None else policies[group]["ratio"]
        return lead, int(group is not None), one["ratio"]

    return sorted(policies, key=place)


def _number(value: float | None, digits: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value:,.{digits}f}"


def _shown(name: str, one: Mapping[str, Any]) -> str:
    value = one[name]
    if name in SHARES and value is not None:
        value *= 100.0
    return _number(value, DIGITS.get(name, 1))


def _table(title: str, report: Mapping[str, Any], policies: Mapping[str, Mapping[str, Any]]) -> list[RenderableType]:
    first = Table(title=title, title_justify="left", title_style="bold", **LOOK)
    first.add_column("policy", no_wrap=True)
    columns = ("cost /\nbound", "95 %", "against\nchampion", "95 %")
    for head in columns:
        first.add_column(head, justify="right", no_wrap=True)
    early = ("mcwt_min", "p95_wait_min", "cfr", "not_served", "fallback_share")
    for name in early:
        first.add_column(HEADS[name].format(**report), justify="right", no_wrap=True)
    second = Table(**LOOK)
    second.add_column("policy", no_wrap=True)
    late = [name for name in METRICS if name not in early]
    for name in late:
        second.add_column(HEADS[name].format(**report), justify="right", no_wrap=True)
    for name in ordered(policies):
        one = policies[name]
        style = "bold" if name == "champion" else "dim" if name == "bound" or one.get("group") else ""
        label = ("  " if one.get("group") else "") + name + (" *" if one.get("slow") else "")
        low, high = one["ci95"]
        gap = one["paired"]
        against = ("", "")
        if gap is not None and name != "champion":
            against = (f"{gap['difference']:+.4f}", f"{gap['ci95'][0]:+.4f} to {gap['ci95'][1]:+.4f}")
        first.add_row(
            label,
            f"{one['ratio']:.4f}",
            f"{low:.4f} to {high:.4f}",
            *against,
            *(_shown(key, one) for key in early),
            style=style,
        )
        second.add_row(label, *(_shown(key, one) for key in late), style=style)
    return [first, second]


def _drivers(policies: Mapping[str, Mapping[str, Any]]) -> Table:
    """How those are served who care most, and least, for each thing."""
    heads = {"wait_min": "wait, min", "price": "price", "km": "km", "duration_min": "duration, min"}
    table = Table(
        title="drivers with weights of their own: the quarter who cares most / least for it",
        title_justify="left",
        title_style="bold",
        **LOOK,
    )
    table.add_column("policy", no_wrap=True)
    for name in CARED_FOR:
        table.add_column(heads[name], justify="right", no_wrap=True)
    for name in ordered(policies):
        drivers = policies[name].get("drivers")
        if drivers:
            pairs = (drivers[item] for item in CARED_FOR)
            table.add_row(name, *(f"{_number(pair['care_most'], 2)} / {_number(pair['care_least'], 2)}" for pair in pairs))
    return table


def rendered(report: Mapping[str, Any]) -> Group:
    """The whole report, to print."""
    city = f"{report['city']}, " if report["city"] else "reference, "
    parts: list[RenderableType] = [
        Text(f"{city}{report['scenario']}: {report['requests_a_day']:,} requests a day, {report['days']} test days", "bold"),
        Text(f"source: {report['source']}"),
        *(Text(f"note: {note}") for note in report["notes"]),
        Text(""),
    ]
    parts += _table("a feasible request must be served (headline)", report, report["policies"])
    if report.get("declining"):
        parts += [Text(""), *_table("DECLINING ALLOWED (waitlist): not the headline", report, report["declining"])]
    if any("drivers" in one for one in report["policies"].values()):
        parts += [Text(""), _drivers(report["policies"])]
    parts += [Text(line, "dim") for line in LEGEND]
    if any(one.get("slow") for one in report["policies"].values()):
        parts.append(
            Text("* solves programmes: for comparison, never served; rolling MILP answers only when its window ends.", "dim")
        )
    return Group(*parts)


def plain(report: Mapping[str, Any]) -> str:
    """The report as text without colour."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, highlight=False)
    console.print(rendered(report))
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def as_csv(report: Mapping[str, Any]) -> str:
    """A row a policy and table; intervals in columns of their own, empty where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["ratio", "paired", *METRICS]
    bounds = [f"{name}_{side}" for name in names for side in ("low", "high")]
    writer.writerow(["scenario", "declining", "policy", "group", *names, *bounds])
    for declining, key in ((0, "policies"), (1, "declining")):
        policies = report.get(key) or {}
        for name in ordered(policies):
            one = policies[name]
            gap = one["paired"]
            values = [one["ratio"], gap and gap["difference"], *(one[item] for item in METRICS)]
            pairs = [one["ci95"], gap and gap["ci95"], *(one["intervals"].get(item) for item in METRICS)]
            ends = [end for pair in pairs for end in (pair or ("", ""))]
            row = ["" if value is None else value for value in values]
            writer.writerow([report["scenario"], declining, name, one.get("group") or "", *row, *ends])
    return out.getvalue()
