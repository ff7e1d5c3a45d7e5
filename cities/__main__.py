"""`python -m cities`: generate a city folder, or make one of a network's exports."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cities.folder import ImportReport
from cities.generated import generate_city
from cities.importing import import_city, recognise
from shared.errors import AppError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(highlight=False, soft_wrap=True)


def print_report(report: ImportReport, target: Path | None) -> None:
    """What an import did, for a person; `target` is where the full report stays, None where it does not."""
    console.print(
        f"{report.format}: {report.locations} locations, {report.evses} EVSEs, {report.kept:,} of {report.rows:,} rows kept"
    )
    for reason, count in report.reasons().most_common():
        console.print(f"  left out {count:>6,}  {reason}")
    for item in report.left_out[:3]:
        console.print(f"    such as {item.file}:{item.line} {item.reason}", style="dim")
    for note in report.notes:
        console.print(f"  {note}")
    if report.left_out and target is not None:
        console.print(f"  every row that was left out: {target / 'import-report.csv'}")


@app.command("import")
def import_(source: Path, target: Path) -> None:
    """Makes a city folder TARGET of the exports in SOURCE."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        try:
            report = import_city(
                source,
                target,
                progress=lambda name, done, total: bar.update(task, description=name, completed=done, total=total),
            )
        except (ValueError, OSError, AppError) as error:
            console.print(f"import failed: {error}", style="red")
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
