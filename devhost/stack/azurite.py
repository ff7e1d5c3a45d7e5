"""Azurite on loopback, blobs only (stands in for Blob Storage)."""

from pathlib import Path

from devhost.stack.process import Child, ComponentMissingError, free_port, listens

ROOT = Path(__file__).parents[2]
ACCOUNT, KEY = (
    "devstoreaccount1",
    # Azurite's published development key: the same on every machine, no secret.
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)


class Azurite:
    """A blob service; in memory, or keeping its data in `folder`. Use it as a context manager."""

    def __init__(self, log: Path, *, folder: Path | None = None, port: int | None = None) -> None:
        self._log, self._folder = log, folder
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def connection_string(self) -> str:
        """For the SDK and BLOB_CONNECTION_STRING."""
        endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"

    def start(self) -> "Azurite":
        """Starts it and waits until it listens."""
        program = ROOT / "node_modules" / ".bin" / "azurite-blob"
        if not program.exists():
            raise ComponentMissingError("Azurite is not installed: npm ci (Node 20)")
        where = ["--inMemoryPersistence"] if self._folder is None else ["--location", str(self._folder.resolve())]
        self._child = Child(
            "Azurite",
            [
                program,
                "--silent",
                "--disableTelemetry",
                "--skipApiVersionCheck",
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                str(self.port),
                *where,
            ],
            self._log,
        )
        self._child.wait_until(lambda: listens(self.port))
        return self

    def stop(self) -> None:
        """Ends it."""
        if self._child is not None:
            self._child.stop()

    def __enter__(self) -> "Azurite":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
