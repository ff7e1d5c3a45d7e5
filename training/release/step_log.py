"""What a command of several steps says: a line a step that has ended, and one line of why where a step failed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from functions.optimizer.models.manifest import Refused
from shared.errors import AppError
from shared.settings import Settings
from training.optimum.bound import NotSolvedError

Say = Callable[[str], None]


class Steps:
    """Says each step in one line when it has ended: seconds since the beginning, its name, what came of it, its seconds."""

    def __init__(self, say: Say) -> None:
        self._say, self._began = say, time.monotonic()

    @contextmanager
    def __call__(self, name: str) -> Iterator[Say]:
        """A step that is told what came of it; what is raised in it carries its name as a note."""
        began, results = time.monotonic(), list[str]()
        try:
            yield results.append
        except Exception as error:
            error.add_note(name)
            raise
        now = time.monotonic()
        self._say(f"{now - self._began:6.0f} s  {name}: {'; '.join(results)} ({now - began:.0f} s)")


def why(error: Exception) -> str:
    """What went wrong in one line, with the step it went wrong in."""
    if isinstance(error, AppError):
        text = error.detail
    elif isinstance(error, ValidationError):
        text = "; ".join(f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors())
    else:
        text = next(iter(str(error).splitlines()), "")
        if not isinstance(error, (ValueError, OSError, Refused, NotSolvedError)) or not text:
            text = f"{type(error).__name__}: {text}"
    step = next(iter(getattr(error, "__notes__", ())), None)
    return " ".join((text if step is None or text.startswith(step) else f"{step}: {text}").split())


def without_secrets(text: str, settings: Settings | None) -> str:
    """The text without any value of a secret setting, nor the password or key in it."""
    for name in Settings.model_fields if settings is not None else ():
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            whole = value.get_secret_value()
            parts = [whole, *(part.partition("=")[2] for part in whole.split(";"))]
            if "://" in whole:
                parts.append(urlsplit(whole).password or "")
            for part in parts:
                text = text.replace(part, f"({name.upper()})") if len(part) > 3 else text
    return text
