"""The managed identity: an identity endpoint on loopback as Azure gives it to an app, and what takes its tokens."""

import base64
import json
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pymysql
import pytest
import sqlalchemy as sa

from devhost.stack.azurite import Azurite
from devhost.stack.mariadb import Mariadb
from devhost.stack.process import ComponentMissingError
from shared.adapters.blobs import AzureBlobs
from shared.adapters.email import CommunicationEmail, Email
from shared.db import Database
from shared.errors import Unavailable
from shared.identity import DATABASE_SCOPE, Identity
from tests.support.certificates import self_signed

CLIENT_ID = "55555555-5555-5555-5555-555555555555"
HEADER = "shown by the platform"


def token_for(resource: str) -> str:
    """A token as Entra's look, without a signature that anybody here could verify."""
    now = int(time.time())
    issuer = f"https://sts.windows.net/{uuid.UUID(int=1)}/"
    claims = {"aud": resource, "iss": issuer, "nbf": now - 60, "iat": now - 60, "exp": now + 3600}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)]
    return ".".join([*parts, "c2lnbmVk"])


class IdentityEndpoint:
    """Answers like App Service's endpoint, and notes who asked for which resource."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                endpoint.asked.append(query)
                if self.headers["X-IDENTITY-HEADER"] != HEADER:
                    self.send_error(401)
                    return
                answer = {
                    "access_token": token_for(query["resource"]),
                    "expires_on": str(int(time.time()) + 3600),
                    "resource": query["resource"],
                    "token_type": "Bearer",
                }
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/msi/token"


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityEndpoint]:
    """The identity endpoint, in the environment as Azure puts it there."""
    made = IdentityEndpoint()
    monkeypatch.setenv("IDENTITY_ENDPOINT", made.address)
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    with serving(made.server):
        yield made


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key; the SDKs are told to trust it."""
    paths = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(paths[0]))
    return paths


def test_one_credential_serves_the_whole_process(endpoint: IdentityEndpoint) -> None:
    identity = Identity(CLIENT_ID)
    tokens = {identity.database_token() for _ in range(5)}
    assert len(tokens) == 1
    assert [(each["client_id"], each["resource"]) for each in endpoint.asked] == [
        (CLIENT_ID, DATABASE_SCOPE.removesuffix("/.default"))
    ]


def test_making_an_identity_asks_for_nothing(endpoint: IdentityEndpoint) -> None:
    Identity(CLIENT_ID)
    assert endpoint.asked == []


def test_without_a_token_the_database_is_unavailable(endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    with pytest.raises(Unavailable, match="managed identity"):
        Identity(CLIENT_ID).database_token()


def test_blobs_take_the_token(endpoint: IdentityEndpoint, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    try:
        server = Azurite(tmp_path / "azurite.log", certificate=certificate).start()
    except ComponentMissingError as error:
        pytest.skip(str(error))
    try:
        AzureBlobs(server.connection_string, "platform").names("")  # makes the container, as Terraform does
        store = AzureBlobs.by_identity(server.endpoint, "platform", Identity(CLIENT_ID))
        store.write("a/b", b"content")
        assert store.read("a/b") is not None
        assert [each["resource"] for each in endpoint.asked] == ["https://storage.azure.com"]
        store.close()
    finally:
        server.stop()


def test_the_identity_makes_no_container(endpoint: IdentityEndpoint, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    try:
        server = Azurite(tmp_path / "azurite.log", certificate=certificate).start()
    except ComponentMissingError as error:
        pytest.skip(str(error))
    try:
        with pytest.raises(Unavailable, match="Blob Storage"):
            AzureBlobs.by_identity(server.endpoint, "nowhere", Identity(CLIENT_ID)).write("a", b"")
    finally:
        server.stop()


def test_messages_are_sent_with_the_token(endpoint: IdentityEndpoint, certificate: tuple[Path, Path]) -> None:
    """A loopback endpoint over TLS stands in for Communication Services and notes what it is shown."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            shown.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"id": "x", "status": "Running"}'
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Operation-Location", "https://127.0.0.1/emails/operations/x")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        sender = CommunicationEmail(f"https://127.0.0.1:{server.server_port}", Identity(CLIENT_ID), "noreply@example.test")
        sender.send(Email("to@example.test", "Subject", "Text", "<p>Text</p>"), operation_id=uuid.uuid4())
    assert [each.partition(" ")[0] for each in shown] == ["Bearer"]
    assert endpoint.asked[0]["resource"].rstrip("/") == "https://communication.azure.com"


def administer(mariadb: Mariadb, statement: str) -> None:
    connection: Any = pymysql.connect(host="127.0.0.1", port=mariadb.port, user="root")
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@pytest.mark.stack
def test_each_new_connection_to_the_database_shows_a_token_of_then(mariadb: Mariadb, mariadb_url: str) -> None:
    name = f"app{uuid.uuid4().hex[:8]}"
    administer(mariadb, f"CREATE USER {name}@'%' IDENTIFIED BY 'token one'")
    administer(mariadb, f"GRANT SELECT ON *.* TO {name}@'%'")
    tokens = iter(["token one", "token two"])
    database = Database(mariadb_url.replace("root@", f"{name}@"), token=lambda: next(tokens))
    try:
        assert database.read(lambda conn: conn.execute(sa.text("SELECT 1")).scalar()) == 1
        administer(mariadb, f"ALTER USER {name}@'%' IDENTIFIED BY 'token two'")
        database.dispose()
        assert database.read(lambda conn: conn.execute(sa.text("SELECT 1")).scalar()) == 1
    finally:
        database.dispose()
        administer(mariadb, f"DROP USER {name}@'%'")


def test_a_password_beside_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="leave out the password"):
        Database("mysql+pymysql://u:p@database.example.test/x", token=lambda: "t")
