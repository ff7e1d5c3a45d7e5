"""What the embedded defaults write is for its owner alone, and never seen half-written."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.migrate import upgrade
from app.process import make_platform
from shared.adapters.email import Email
from shared.adapters.sms import Sms
from shared.clock import ManualClock
from shared.db import new_id
from shared.local_files import data_folder, kept_key, private_folder, write_private
from shared.settings import Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_the_data_folder_is_its_owners_alone(tmp_path: Path, clock: ManualClock) -> None:
    """Database with its journal, signing key, letters, blobs."""
    folder = tmp_path / "above" / "data"
    platform = make_platform(Settings(data_dir=folder), clock)
    upgrade(platform.database)
    assert platform.settings.signing_key
    platform.blobs.write("models/one", b"x")
    platform.email.send(Email("ada@example.org", "s", "t", "<p>t</p>"), operation_id=new_id())
    platform.sms.send(Sms("+31612345678", "t"), operation_id=new_id())
    with platform.database.engine.connect() as conn:
        conn.exec_driver_sql("SELECT 1")
        found = {path: mode(path) for path in (folder.parent, folder, *folder.rglob("*"))}
    platform.close()
    names = {path.suffix for path in found}
    assert {".db", ".key", ".eml", ".json"} <= names
    wrong = {path.name: oct(rights) for path, rights in found.items() if rights != (0o700 if path.is_dir() else 0o600)}
    assert wrong == {}


def test_a_data_folder_that_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    for folder in (ours, other):
        folder.mkdir(mode=0o755)
    (ours / "jwt.key").touch()
    assert (mode(data_folder(ours)), mode(data_folder(other))) == (0o700, 0o755), "a folder that is not ours stays as it is"


def test_a_file_is_written_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies while it writes leaves the file as it was, and a draft whose name begins with a dot."""
    import os

    path = private_folder(tmp_path / "a" / "b") / "letter.eml"
    write_private(path, b"first")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert [name.name[0] for name in path.parent.iterdir() if name != path] == ["."]


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """Also by processes that begin at once: one of them makes it, all have it."""
    path = tmp_path / "data" / "jwt.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda number: kept_key(path, f"key {number}"), range(8)))
    assert len(keys) == 1
    assert keys == {path.read_text()} == {kept_key(path, "later")}
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert [*path.parent.iterdir()] == [path]
