"""The loopback Service Bus broker as a child process."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from devhost.stack.process import Child, ComponentMissingError, free_port, listens

ROOT = Path(__file__).parents[2]


class ServiceBusBroker:
    """An AMQP 1.0 broker with these queues, which outlive it where a `journal` keeps them. Use it as a context manager."""

    def __init__(
        self,
        log: Path,
        queues: Sequence[str],
        *,
        port: int | None = None,
        journal: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._log, self._queues = log, queues
        self._options = [*options, *(["--journal", str(journal.resolve())] if journal is not None else [])]
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The broker's process. Raises RuntimeError before it is started."""
        if self._child is None:
            raise RuntimeError("the broker is not started")
        return self._child.process.pid

    @property
    def connection_string(self) -> str:
        """For the SDK and SERVICEBUS."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true;"
        )

    def start(self) -> "ServiceBusBroker":
        """Starts it and waits until it listens."""
        if importlib.util.find_spec("proton") is None:
            raise ComponentMissingError("python-qpid-proton is not installed: .venv/bin/pip install -r requirements-stack.txt")
        named = [part for queue in self._queues for part in ("--queue", queue)]
        self._child = Child(
            "Service Bus broker",
            [sys.executable, "-m", "devhost.stack.broker", "--port", str(self.port), *named, *self._options],
            self._log,
            cwd=ROOT,
        )
        self._child.wait_until(lambda: listens(self.port))
        return self

    def stop(self) -> None:
        """Ends it."""
        if self._child is not None:
            self._child.stop(seconds=5)

    def kill(self) -> None:
        """SIGKILL: what a crash of the broker looks like."""
        if self._child is not None:
            self._child.kill()

    def __enter__(self) -> "ServiceBusBroker":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
