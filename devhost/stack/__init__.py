"""The real components on loopback: MariaDB, Azurite, a Service Bus broker, Communication Services' endpoint."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def full_stack(data: Path, *, say: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Starts the three together on `data`, awaits them, yields the settings that use them, and stops them.

    Raises NotThere where one is not installed, Failed where one does not come up; the others are stopped then.
    """
    from devhost.stack.azurite import Azurite
    from devhost.stack.mariadb import Mariadb
    from devhost.stack.process import ComponentError, ComponentMissingError
    from devhost.stack.servicebus import ServiceBusBroker
    from shared.outbox import QUEUES

    database = Mariadb(data / "mariadb")
    blobs = Azurite(data / "azurite.log", folder=data / "azurite")
    broker = ServiceBusBroker(data / "broker.log", QUEUES, journal=data / "broker.db")
    with ExitStack() as running, ThreadPoolExecutor(3) as pool:
        starting: dict[str, Future[Any]] = {
            name: pool.submit(part.start)
            for name, part in (("MariaDB", database), ("Azurite", blobs), ("Service Bus broker", broker))
        }
        failed: Exception | None = None
        for name, future in starting.items():
            try:
                part = future.result()
            except (ComponentMissingError, ComponentError) as error:
                failed = failed or error
                continue
            running.callback(part.stop)
            say(f"{name} listens on 127.0.0.1:{part.port}")
        if failed is not None:
            raise OSError(str(failed))
        yield {
            "DATABASE_URL": database.create("evcharging"),
            "BLOB_CONNECTION_STRING": blobs.connection_string,
            "SERVICEBUS": broker.connection_string,
        }
        say("stopping MariaDB, Azurite and the broker")
