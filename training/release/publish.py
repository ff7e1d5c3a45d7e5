"""Publishing: versions go into the store, pointers last and only if nobody moved them meanwhile.
`python -m training.release.publish --help`."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table

from functions.forecast.model import FORECAST
from functions.optimizer.models.manifest import (
    CLIMATOLOGY,
    MANIFEST,
    MODEL,
    POLICY,
    POLICY_NAME,
    Challenger,
    Champion,
    Manifest,
    Refused,
    challenger_path,
    champion_path,
    version_path,
)
from functions.optimizer.models.policy import LoadedModel
from functions.optimizer.models.registry import Reader, in_folder, open_version, stored
from shared.adapters.blobs import BlobStore, FolderBlobs
from shared.errors import AppError, Conflict
from shared.platform import Platform
from training.release.promotion import Verdict, objections, verdict

console = Console(highlight=False, soft_wrap=True)
MODELS = {model.name: model for model in (POLICY, FORECAST)}
"""What this code computes for each model it publishes, by the model's name."""
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Publishes models: champion, challenger, promotion, rollback."
)


def version_folder(folder: Path, only: str | None = None) -> Path:
    """The folder of one version: itself, or in an export's layout what champion.json there points at, of the model `only`
    or of the first there is. Raises ValueError."""
    if (folder / MANIFEST).exists():
        return folder
    for name in MODELS if only is None else (only,):
        pointer = folder / champion_path(name)
        if pointer.exists():
            return pointer.parent / Champion.model_validate_json(pointer.read_text()).version
    raise ValueError(f"{folder}: has neither {MANIFEST} nor {' nor '.join(map(champion_path, MODELS))}")


def name_of(folder: Path) -> str:
    """Of which model a version's folder is, by its manifest; the policy where that does not say."""
    path = folder / MANIFEST
    name = json.loads(path.read_text()).get("name") if path.exists() else None
    return str(name) if name in MODELS else POLICY_NAME


def prove(read: Reader, version: str, name: str = POLICY_NAME) -> LoadedModel:
    """Opens a version as serving would, canary included. Raises Refused."""
    return open_version(read, version, now=datetime.now(UTC), expected=MODELS[name])


def champion_of(blobs: BlobStore, name: str = POLICY_NAME) -> tuple[str | None, str | None]:
    """(version, ETag) of the pointer; None where there is none. Raises ValueError where it cannot be read."""
    pointer = blobs.read(champion_path(name))
    if pointer is None:
        return None, None
    return Champion.model_validate_json(pointer[0]).version, pointer[1]


def publish(blobs: BlobStore, folder: Path) -> Manifest:
    """Proves and uploads a version and makes it the champion of its name; its parent is the champion it replaces. Raises
    Refused for what may not serve, Conflict where another publisher was quicker or the version is taken: the champion
    stays then."""
    name = name_of(version_folder(folder))
    replaced, etag = champion_of(blobs, name)
    manifest = upload(blobs, folder, parent=replaced)
    if manifest.version != replaced:
        point(blobs, Champion(version=manifest.version), etag, champion_path(name))
    return manifest


def upload(blobs: BlobStore, folder: Path, *, parent: str | None) -> Manifest:
    """Proves a version and puts its files into the store, the manifest last. A version never changes: the same again is
    fine, other content under its name raises Conflict."""
    own = version_folder(folder)
    model_name = name_of(own)
    read = in_folder(own)
    text = read(MANIFEST)
    version = json.loads(text).get("version", own.name) if text is not None else own.name
    manifest = prove(read, version, model_name).manifest
    there = stored(blobs, version, model_name)
    old = there(MANIFEST)
    before = None if old is None else Manifest.model_validate_json(old)
    if parent == version:  # the champion once more: its parent stays
        parent = manifest.parent if before is None else before.parent
    manifest = manifest.model_copy(update={"parent": parent})
    if before is not None and before.model_copy(update={"parent": parent}) != manifest:
        raise Conflict(f"version {version} is in the store already with other content; give this one another name")
    for name in (MODEL, CLIMATOLOGY):
        data = read(name)
        if data is not None and there(name) != data:
            blobs.write(version_path(version, name, model_name), data)
    blobs.write(version_path(version, MANIFEST, model_name), (manifest.model_dump_json(indent=1) + "\n").encode())
    prove(there, version, model_name)
    return manifest


def point(blobs: BlobStore, to: BaseModel, etag: str | None, path: str = champion_path()) -> None:
    """Writes a pointer if it is still the one whose ETag was read. Raises Conflict where it is not."""
    conditions: dict[str, Any] = {"if_none_match": True} if etag is None else {"if_match": etag}
    try:
        blobs.write(path, (to.model_dump_json() + "\n").encode(), **conditions)
    except Conflict as error:
        name = path.rpartition("/")[2]
        raise Conflict(
            f"{name} was changed by somebody else meanwhile; nothing was changed. Look at status, then again."
        ) from error


def challenge(blobs: BlobStore, folder: Path) -> Manifest:
    """Proves and uploads a version and has it watched in the champion's shadow. Raises as `publish` does, ValueError for a
    model that is no policy: two forecasts are compared by `training.forecast report`."""
    name = name_of(version_folder(folder))
    if name != POLICY_NAME:
        raise ValueError(f"{name} has no challengers: python -m training.forecast report compares two versions")
    champion, _ = champion_of(blobs)
    etag = blobs.etag(challenger_path())
    manifest = upload(blobs, folder, parent=champion)
    point(blobs, Challenger(version=manifest.version), etag, challenger_path())
    return manifest


def withdraw(blobs: BlobStore, version: str | None = None) -> bool:
    """Nobody is watched any more; with `version`, only if it was that one. True if the pointer changed."""
    pointer = blobs.read(challenger_path())
    if pointer is None:
        return False
    watched = Challenger.model_validate_json(pointer[0]).version
    if watched is None or version not in (None, watched):
        return False
    point(blobs, Challenger(version=None), pointer[1], challenger_path())
    return True


def roll_back(blobs: BlobStore, to: str | None = None, name: str = POLICY_NAME) -> tuple[str, str]:
    """Points back at the champion's parent, or at `to`, once that has proved that it still serves. Returns (from, to).
    Raises ValueError where there is nowhere to go, Refused or Conflict as `publish` does."""
    now, etag = champion_of(blobs, name)
    if now is None:
        raise ValueError("there is no champion in the store")
    if to is None:
        text = stored(blobs, now, name)(MANIFEST)
        # Read leniently: a champion that this code refuses is what one rolls back from.
        to = None if text is None else json.loads(text).get("parent")
        if to is None:
            raise ValueError(f"{now} has no parent; say which version with --to")
    if to == now:
        raise ValueError(f"{now} is the champion already")
    prove(stored(blobs, to, name), to, name)
    point(blobs, Champion(version=to), etag, champion_path(name))
    return now, to


def versions(blobs: BlobStore, name: str = POLICY_NAME) -> list[tuple[str, str | None]]:
    """(version, why it may not serve) of everything in the store, by version."""
    prefix = f"models/{name}/"
    names = sorted({file.removeprefix(prefix).split("/")[0] for file in blobs.names(prefix) if file.count("/") > 2})
    reasons: list[tuple[str, str | None]] = []
    for version in names:
        try:
            prove(stored(blobs, version, name), version, name)
        except Refused as error:
            reasons.append((version, str(error)))
        else:
            reasons.append((version, None))
    return reasons


def verdict_table(verdicts: list[Verdict], challenger: str, champion: str) -> Table:
    """The paired differences for people."""
    table = Table(title=f"{challenger} against {champion}: difference of cost / bound on the same unseen days")
    for name in ("scenario", "days", "difference", "95 % interval", ""):
        table.add_column(name, justify="left" if name in ("scenario", "") else "right")
    for item in verdicts:
        interval = f"{item.low:+.4f} to {item.high:+.4f}"
        table.add_row(item.scenario, str(item.days), f"{item.difference:+.4f}", interval, item.why or "holds")
    return table


Folder = Annotated[Path, typer.Argument(help="A version's folder, or an export's: its models/... is followed.")]
Store = Annotated[Path | None, typer.Option(help="Folder of the store. Unset: the one of the environment's settings.")]
Name = Annotated[str, typer.Option(help=f"Which model: {' or '.join(MODELS)}.")]


_opened = ExitStack()
"""What the command that runs has opened."""


@app.callback()
def _command(context: typer.Context) -> None:
    context.call_on_close(_opened.close)


def _store(path: Path | None) -> BlobStore:
    if path is not None:
        return FolderBlobs(path)
    platform = Platform()
    _opened.callback(platform.close)
    return platform.blobs


def _stop(*why: str) -> NoReturn:
    for line in why:
        console.print(line, style="red", markup=False)
    raise typer.Exit(1)


def _run(fn: Callable[[], Any]) -> Any:
    """What `fn` returns; its refusals end the command with their reason."""
    try:
        return fn()
    except (Refused, ValidationError, ValueError, OSError) as error:
        _stop(str(error))
    except AppError as error:
        _stop(error.detail)


@app.command("publish")
def publish_command(folder: Folder, store: Store = None) -> None:
    """Uploads a version and makes it the champion at once."""
    manifest = _run(lambda: publish(_store(store), folder))
    console.print(f"{manifest.version} is the champion" + (f"; it replaced {manifest.parent}" if manifest.parent else ""))


@app.command("challenge")
def challenge_command(
    folder: Annotated[Path | None, typer.Argument(help="As of publish.")] = None,
    store: Store = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Withdraw the challenger.")] = False,
) -> None:
    """Uploads a version and has it score in the champion's shadow."""
    if (folder is None) != nobody:
        _stop("give a FOLDER, or --nobody")
    if folder is None:
        console.print("withdrawn" if _run(lambda: withdraw(_store(store))) else "there was no challenger")
        return
    console.print(f"{_run(partial(challenge, _store(store), folder)).version} is the challenger")


def _judged(path: Path, challenger: str, champion: str) -> Verdict:
    try:
        return verdict(json.loads(path.read_text()), challenger=challenger, champion=champion)
    except ValueError as error:
        raise ValueError(f"{path.name}, {error}") from error


@app.command("promote")
def promote_command(
    folder: Folder,
    evaluation: Annotated[list[Path], typer.Option(help="JSON of training.evaluate, one a scenario: slack, busy, overload.")],
    store: Store = None,
    challenger: Annotated[str | None, typer.Option(help="Its name in the evaluation; the version's, unless told.")] = None,
    champion: Annotated[str | None, typer.Option(help="The champion's name there; its version, unless told.")] = None,
) -> None:
    """Makes a version the champion if it is better on unseen days: 95 % intervals below 0 on busy and overload, at most
    0.1 % worse on slack."""
    blobs = _run(lambda: _store(store))
    one = challenger or _run(lambda: Manifest.model_validate_json((version_folder(folder) / MANIFEST).read_text())).version
    other = champion or _run(lambda: champion_of(blobs))[0]
    if other is None:
        _stop("there is no champion in the store to compare with; publish makes the first one")
    verdicts = [_run(partial(_judged, path, one, other)) for path in evaluation]
    console.print(verdict_table(verdicts, one, other))
    against = objections(verdicts)
    if against:
        _stop(f"{one} is not promoted:", *against)
    manifest = _run(lambda: publish(blobs, folder))
    _run(lambda: withdraw(blobs, manifest.version))
    console.print(f"{manifest.version} is the champion; it replaced {manifest.parent}")


@app.command("rollback")
def rollback_command(
    to: Annotated[str | None, typer.Option(help="The version to go back to; the champion's parent, unless told.")] = None,
    store: Store = None,
    name: Name = POLICY_NAME,
) -> None:
    """Points back at the version before, if that still serves."""
    before, now = _run(lambda: roll_back(_store(store), to, _known(name)))
    console.print(f"{now} is the champion again; {before} no longer is")


def _known(name: str) -> str:
    if name not in MODELS:
        raise ValueError(f"--name: {name!r} is not one of {', '.join(MODELS)}")
    return name


@app.command("status")
def status_command(store: Store = None, name: Name = POLICY_NAME) -> None:
    """Champion, challenger, and every version in the store."""
    _run(lambda: _known(name))
    blobs = _run(lambda: _store(store))
    champion, _ = _run(lambda: champion_of(blobs, name))
    pointer = _run(lambda: blobs.read(challenger_path(name)))
    watched = None if pointer is None else _run(lambda: Challenger.model_validate_json(pointer[0])).version
    table = Table(title=f"{name}: champion {champion or 'none'}, challenger {watched or 'none'}")
    for column in ("version", "kind", "trained", "parent", "created", "may serve"):
        table.add_column(column)
    for version, why in _run(lambda: versions(blobs, name)):
        text = stored(blobs, version, name)(MANIFEST)
        manifest = {} if text is None else json.loads(text)
        shown = [str(manifest.get(field, "")) for field in ("kind", "trained", "parent", "created_at")]
        table.add_row(version, *shown, "yes" if why is None else why)
    console.print(table)


if __name__ == "__main__":
    app()
