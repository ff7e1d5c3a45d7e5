"""An outside service played on loopback: an ASGI app served in a thread of this process."""

import threading
from typing import Any, Self

import uvicorn
from fastapi import FastAPI

from devhost.stack.process import free_port


class Loopback:
    """Serves `app` on `port` while it is entered. Raises OSError where the port cannot be had."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def app(self) -> FastAPI:
        """What is served."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        config = uvicorn.Config(self.app(), host="127.0.0.1", port=self.port, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name=type(self).__name__, daemon=True)
        self._thread.start()
        pause = threading.Event()
        while not self._server.started:
            if not self._thread.is_alive():
                raise OSError(f"port {self.port} could not be served")
            pause.wait(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        assert self._thread is not None
        self._thread.join(timeout=10)
