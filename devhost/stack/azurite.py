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

    def __init__(
        self, log: Path, *, folder: Path | None = None, port: int | None = None, certificate: tuple[Path, Path] | None = None
    ) -> None:
        """With a certificate (and its key) it speaks https and takes tokens of a managed identity, which it does not verify."""
        self._log, self._folder, self._certificate = log, folder, certificate
        self.port = port or free_port()
        self._child: Child | None = None

    @property
    def connection_string(self) -> str:
        """For the SDK and BLOB_CONNECTION_STRING."""
        scheme = self.endpoint.partition(":")[0]
        return f"DefaultEndpointsProtocol={scheme};AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    @property
    def endpoint(self) -> str:
        """Its address, for BLOB_ENDPOINT where it has a certificate."""
        return f"{'http' if self._certificate is None else 'https'}://127.0.0.1:{self.port}/{ACCOUNT}"

    def start(self) -> "Azurite":
        """Starts it and waits until it listens."""
        program = ROOT / "node_modules" / ".bin" / "azurite-blob"
        if not program.exists():
            raise ComponentMissingError("Azurite is not installed: npm ci (Node 20)")
        where = ["--inMemoryPersistence"] if self._folder is None else ["--location", str(self._folder.resolve())]
        tokens = []
        if self._certificate is not None:
            certificate, key = self._certificate
            tokens = ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
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
                *tokens,
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
