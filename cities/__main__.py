"""`python -m cities`: generate a city folder, or make one of a network's exports."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cities.folder import ImportReport, ReportProgress
from cities.generated import generate_city
from cities.importing import import_city, recognise
from shared.errors import AppError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(highlight=False, soft_wrap=True)


SHOWN = 5
STEP = 0.1


@contextmanager
def shown_progress() -> Iterator[ReportProgress]:
    """A bar on a terminal; elsewhere, as in a log, a line for each tenth that is done."""
    if console.is_terminal:
        with Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), console=console, transient=True
        ) as bar:
            task = bar.add_task("reading", total=None)
            yield lambda name, done, total: bar.update(task, description=name, completed=done, total=total)
        return
    said = 0.0

    def say(name: str, done: int, total: int) -> None:
        nonlocal said
        if total and done / total >= said + STEP:
            said = done / total
            console.print(f"reading {name}: {said:.0%}", markup=False)

    yield say


def print_report(report: ImportReport, target: Path | None) -> None:
    """What an import did, for a person; `target` is where the full report stays, None where it does not."""
    console.print(
        f"{report.format}: {report.locations} locations, {report.evses} EVSEs, {report.kept:,} of {report.rows:,} rows kept"
    )
    for reason, count in report.reasons().most_common():
        console.print(f"  left out {count:>6,}  {reason}", markup=False)
    shown: set[str] = set()
    for item in report.left_out:
        kind = item.reason.split(":")[0]
        if kind not in shown and len(shown) < SHOWN:
            shown.add(kind)
            console.print(f"    such as {item.file}:{item.line} {item.reason}", style="dim", markup=False)
    for remark, count in report.remarks().most_common():
        console.print(f"  kept     {count:>6,}  {remark}", markup=False)
    for note in report.notes:
        console.print(f"  {note}", markup=False)
    if (report.left_out or report.remarks()) and target is not None:
        console.print(f"  every row of these, with its place: {target / 'import-report.csv'}", markup=False)


@app.command("import")
def import_(source: Path, target: Path) -> None:
    """Makes a city folder TARGET of the exports in SOURCE."""
    try:
        with shown_progress() as progress:
            report = import_city(source, target, progress=progress)
    except (ValueError, OSError, AppError) as error:
        console.print(f"import failed: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    print_report(report, target)


@app.command()
def generate(target: Path, seed: int = 1, stations: int = 40, days: int = 28) -> None:
    """Writes a generated city: nobody lives there."""
    generate_city(target, seed=seed, stations=stations, days=days)
    console.print(f"generated city with {stations} stations in {target}")


@app.command("recognise")
def recognise_(source: Annotated[Path, typer.Argument(help="A folder")]) -> None:
    """Says which format a folder is in."""
    format_name = recognise(source)
    console.print(format_name or "nothing that is recognised")
    if format_name is None:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
