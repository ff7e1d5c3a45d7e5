"""CSV files as exports come: packed or not, UTF-8 or Windows-1252, with commas, semicolons or tabs."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cities.folder import ImportReport

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A row as it stands in a file: values by column, both without spaces around them."""

    file: str
    line: int
    values: dict[str, str]


def csv_files(folder: Path) -> list[Path]:
    """The CSV files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith((".csv", ".csv.gz")) and path.is_file())


def _text(path: Path) -> tuple[str, str | None]:
    """A file's text, and why it ends before its end, if it does."""
    raw, fault = path.read_bytes(), None
    if raw[:2] == b"\x1f\x8b":
        unpacked = bytearray()
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                while chunk := file.read(1 << 20):
                    unpacked += chunk
        except (OSError, EOFError, zlib.error) as error:
            fault = str(error)
        raw = bytes(unpacked)
    try:
        return raw.decode("utf-8-sig"), fault
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), fault


def _reader(text: str) -> "csv.DictReader[str]":
    first = text.split("\n", 1)[0]
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count))


def columns(path: Path) -> set[str]:
    """The names of a file's columns; none where it has no readable first line."""
    try:
        return {(name or "").strip() for name in _reader(_text(path)[0]).fieldnames or ()}
    except csv.Error:
        return set()


def rows(path: Path, report: ImportReport | None = None) -> Iterator[Row]:
    """Each row of a file. Where the file breaks off, the report gets a line that says so."""
    text, fault = _text(path)
    reader = _reader(text)
    try:
        for values in reader:
            row = {key.strip(): (value or "").strip() for key, value in values.items() if key is not None}
            yield Row(path.name, reader.line_num, row)
    except csv.Error as error:
        fault = str(error)
    if fault is not None and report is not None:
        report.leave_out(path.name, reader.line_num + 1, f"the file breaks off here: {fault}")
