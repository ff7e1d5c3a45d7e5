"""The local mailbox: messages as files, for the embedded default. What lands here was sent to nobody."""

import itertools
import secrets
from datetime import datetime
from pathlib import Path

from shared.local_files import private_folder, write_private

_numbers = itertools.count(1)


def drop(folder: Path, *, at: datetime, suffix: str, content: bytes) -> Path:
    """Writes one message in one step; names sort by time, and those of one instant in the order they came."""
    private_folder(folder)
    path = folder / f"{at.strftime('%Y%m%dT%H%M%S.%fZ')}-{next(_numbers):06x}{secrets.token_hex(3)}{suffix}"
    write_private(path, content)
    return path
