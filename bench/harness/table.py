"""The rows of docs/figures.md: one a headline, from the figures in bench/results.json."""

from collections.abc import Mapping

from bench.harness.results import Figure

Row = tuple[str, tuple[str, ...], str]
"""What it is, the names of its figures, and how they are written: `{0}` is the first."""

ROWS: tuple[Row, ...] = (
    (
        "reserving over HTTP on MariaDB against the same statements and commits by bare PyMySQL: share of its rate, 1 client, "
        "8 clients (aim: 0.5)",
        ("booking.http_over_sql", "booking.http_over_sql_8"),
        "{0:.2f}, {1:.2f}",
    ),
    (
        "reserving over HTTP over a hand-written FastAPI app that only claims, once a key: share of its rate, 1 client, "
        "8 clients (aim: 0.5)",
        ("booking.http_over_minimal", "booking.http_over_minimal_8"),
        "{0:.2f}, {1:.2f}",
    ),
    (
        "a refusal with its alternatives over a reservation, by time (at most 1)",
        ("booking.refusal_over_success",),
        "{0:.2f}",
    ),
    (
        "a reservation, and a search with a period, with 1,000,000 bookings and 10,000,000 claims over the same with 10,000: "
        "p50 (at most 1.25)",
        ("growth.reserve", "growth.search"),
        "{0:.2f}, {1:.2f}",
    ),
    (
        "nearby search over HTTP: p95 with 100,000 locations over p95 with 1,000 in the same area (at most 2)",
        ("nearby.p95_100k_over_1k",),
        "{0:.2f}",
    ),
    (
        "charge request, from the POST to the commit that reserves, on MariaDB and the broker: p50, p95",
        ("charge_request.p50_ms", "charge_request.p95_ms"),
        "{0:.0f} ms, {1:.0f} ms",
    ),
    (
        "a decision among 256 candidates, features included, over the network's bare matrix products in numpy (at most 4); and "
        "with the listing of the candidates",
        ("decision.over_matmul", "decision.with_listing_over_matmul"),
        "{0:.1f}; {1:.1f}",
    ),
    (
        "simulator in `overload`, one core, without the network: decisions a second at batch 64 and at 1",
        ("core.decisions_per_s", "core.decisions_per_s_1"),
        "{0:,.0f}; {1:,.0f}",
    ),
    (
        "states of EVSEs reported by station key, each a change, on MariaDB: reports a second of 8 clients with 1 server "
        "process (at least 200); share of the rate of the same statements and commits by bare PyMySQL, 1 client",
        ("feed.updates_per_s", "feed.http_over_sql"),
        "{0:,.0f}; {1:.2f}",
    ),
    ("`import function_app` over importing azure.functions and fastapi (at most 2)", ("import.over_base",), "{0:.2f}"),
    (
        "memory of a server process, idle and after 2,000 requests of all kinds by 8 clients",
        ("memory.idle_mb", "memory.busy_mb"),
        "{0:.0f} MB, {1:.0f} MB",
    ),
)
COMMAND = "`make bench`"


def rows(figures: Mapping[str, Figure]) -> str:
    """The rows of the table in docs/figures.md whose figures are there, as markdown."""
    return "\n".join(
        f"| {what} | {text.format(*(figures[name].value for name in names))} | {COMMAND} |"
        for what, names, text in ROWS
        if all(name in figures for name in names)
    )
