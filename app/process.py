"""The platform of this process: the kernel's parts, joined with what the domains plug into them."""

import threading

from pydantic import ValidationError

from shared import telemetry
from shared.clock import Clock
from shared.errors import AppError
from shared.platform import Platform
from shared.settings import Settings

_platform: Platform | None = None
_lock = threading.Lock()


def make_platform(settings: Settings | None = None, clock: Clock | None = None) -> Platform:
    """A platform whose tokens the accounts confirm and whose events reach their subscribers."""
    from app.subscriptions import QUEUES
    from functions.accounts.sessions import confirm

    return Platform(settings, clock, confirm=confirm, queues=QUEUES, serves=True)


def sentence_of(error: AppError | ValueError) -> str:
    """What a command says of a failure. Of a setting that is wrong it names the first and what would be right, not its value,
    which may be a secret."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc']).upper()}: {first['msg'].removeprefix('Value error, ')}"
    return error.detail if isinstance(error, AppError) else str(error)


def platform() -> Platform:
    """The process's platform, made from the environment at first use."""
    global _platform
    with _lock:
        if _platform is None:
            _platform = make_platform()
            telemetry.start(_platform.settings, _platform.identity)
        return _platform


def use_platform(instance: Platform | None) -> None:
    """Makes `instance` the process's platform: devhost and the tests of the real handlers."""
    global _platform
    with _lock:
        _platform = instance
