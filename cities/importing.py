"""Recognising what a folder holds and making a city folder of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from cities import acn, chargeplace, mapped_csv, ocpi_locations
from cities.folder import ImportReport, ReportProgress
from functions.optimizer.core.city import load_city, load_sessions

Importer = Callable[..., ImportReport]
FORMATS: dict[str, tuple[Callable[[Path], bool], Importer]] = {
    "CSV by a column map": (mapped_csv.recognise, mapped_csv.import_city),
    "ChargePlace Scotland": (chargeplace.recognise, chargeplace.import_city),
    "ACN-Data": (acn.recognise, acn.import_city),
    "OCPI Locations": (ocpi_locations.recognise, ocpi_locations.import_city),
}
CITY_FOLDER = "city folder"
STREAMED = "OCPI Locations"
"""What may be larger than memory is not read again; its rows were checked as they were written."""


def recognise(folder: Path) -> str | None:
    """The name of the format a folder is in; None where it is none of ours. Raises FileNotFoundError."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; put the exports into one")
    if (folder / "city.toml").exists():
        return CITY_FOLDER
    return next((name for name, (is_it, _) in FORMATS.items() if is_it(folder)), None)


def import_city(source: Path, target: Path, *, progress: ReportProgress) -> ImportReport:
    """Makes a city folder. Raises ValueError where the format is not recognised or one of the folders is or holds the other,
    Invalid where a city folder is wrong; nothing is written then."""
    format_name = recognise(source)
    if format_name is None:
        raise ValueError(f"{source} holds nothing that is recognised: a city folder, or exports of {', '.join(FORMATS)}")
    _check_apart(source, target)
    if format_name == CITY_FOLDER:
        city = load_city(source)
        shutil.copytree(source, target, dirs_exist_ok=True)
        kept = len(load_sessions(source))
        evses = sum(len(location.evses) for location in city.locations)
        return ImportReport(CITY_FOLDER, rows=kept, kept=kept, locations=len(city.locations), evses=evses)
    report = FORMATS[format_name][1](source, target, progress=progress)
    if format_name != STREAMED:
        load_city(target)
    return report


def _check_apart(source: Path, target: Path) -> None:
    """What is written must not take the place of what is read, nor be read itself the next time. Raises ValueError."""
    read, written = source.resolve(), target.resolve()
    if read == written or read in written.parents or written in read.parents:
        how = "is" if read == written else "lies in" if read in written.parents else "holds"
        raise ValueError(f"{target} {how} the folder that is read, {source}; an import would change it: name another")
