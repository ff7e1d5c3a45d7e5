"""What the Functions app declares, read from its own metadata: there is no second list of timers and queues."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func
from azure.functions.timer import TimerRequest


@dataclass
class Invocation(func.Context):
    """The context a handler gets, as the Functions worker would give it."""

    name: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    storage: Any = field(default_factory=threading.local)

    @property
    def invocation_id(self) -> str:
        """The id on every log line of the call."""
        return self.id

    @property
    def function_name(self) -> str:
        """The function."""
        return self.name

    @property
    def function_directory(self) -> str:
        """Where the app lies; not used."""
        return "."

    @property
    def thread_local_storage(self) -> Any:
        """The worker attributes logs by it."""
        return self.storage

    @property
    def trace_context(self) -> Any:
        """There is no host that traces."""
        return None

    @property
    def retry_context(self) -> Any:
        """There is no host that retries."""
        return None


@dataclass(frozen=True)
class TimerTrigger:
    """A timer function and its NCRONTAB schedule."""

    name: str
    schedule: str
    run: Callable[[], None]


@dataclass(frozen=True)
class QueueTrigger:
    """A queue function."""

    name: str
    queue: str
    deliver: Callable[[func.ServiceBusMessage], None]


@dataclass(frozen=True)
class Triggers:
    """Everything that is not HTTP."""

    timers: tuple[TimerTrigger, ...]
    queues: tuple[QueueTrigger, ...]


def discover(app: func.FunctionApp) -> Triggers:
    """Reads an app's timers and queue triggers. Once an app: `get_functions` may not be called twice."""
    timers, queues = [], []
    for function in app.get_functions():
        trigger = function.get_trigger()
        described = trigger.get_dict_repr() if trigger is not None else {}
        handler, name = function.get_user_function(), str(function.get_function_name())
        if described.get("type") == "timerTrigger":
            timers.append(TimerTrigger(name, described["schedule"], _timer(handler, name, described["name"])))
        elif described.get("type") == "serviceBusTrigger":
            queues.append(QueueTrigger(name, described["queueName"], _queue(handler, name, described["name"])))
    return Triggers(tuple(timers), tuple(queues))


def _timer(handler: Callable[..., None], name: str, argument: str) -> Callable[[], None]:
    return lambda: handler(**{argument: TimerRequest(past_due=False), "context": Invocation(name)})


def _queue(handler: Callable[..., None], name: str, argument: str) -> Callable[[func.ServiceBusMessage], None]:
    return lambda message: handler(**{argument: message, "context": Invocation(name)})
