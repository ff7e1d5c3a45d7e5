"""The platform of this process: the kernel's parts, joined with what the domains plug into them."""

import threading

from shared import telemetry
from shared.clock import Clock
from shared.platform import Platform
from shared.settings import Settings

_platform: Platform | None = None
_lock = threading.Lock()


def make_platform(settings: Settings | None = None, clock: Clock | None = None) -> Platform:
    """A platform whose tokens the accounts confirm and whose events reach their subscribers."""
    from app.subscriptions import QUEUES
    from functions.accounts.sessions import confirm

    return Platform(settings, clock, confirm=confirm, queues=QUEUES)


def platform() -> Platform:
    """The process's platform, made from the environment at first use."""
    global _platform
    with _lock:
        if _platform is None:
            _platform = make_platform()
            telemetry.start(_platform.settings)
        return _platform


def use_platform(instance: Platform | None) -> None:
    """Makes `instance` the process's platform: devhost and the tests of the real handlers."""
    global _platform
    with _lock:
        _platform = instance
