"""Files of the embedded defaults: folders and files for their owner alone, written in one step.

What lies there is the database, keys, letters: other accounts of the machine have no business with it.
"""

import contextlib
import os
import secrets
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Makes a folder, and those above it that are missing, for its owner alone. One that is there stays as it is."""
    for folder in reversed((path, *path.parents)):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


def data_folder(path: Path) -> Path:
    """DATA_DIR as a private folder. One that an earlier version made and filled is closed to others, too."""
    private_folder(path)
    if any((path / name).exists() for name in ("evcharging.db", "jwt.key")):
        with contextlib.suppress(PermissionError):  # it is another account's folder: its owner decides
            path.chmod(0o700)
    return path


def kept_key(path: Path, fresh: str) -> str:
    """The key in a file of DATA_DIR: `fresh`, where there was none. Processes that begin at once agree on one."""
    if not path.exists():
        data_folder(path.parent)
        draft = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(fresh)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass  # another process of this folder made it first: its key is the key
        finally:
            draft.unlink()
    return path.read_text()


def write_private(path: Path, content: bytes) -> None:
    """Writes a file for its owner alone, in one step: nobody sees half of it. A draft's name begins with a dot."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    os.replace(draft, path)
