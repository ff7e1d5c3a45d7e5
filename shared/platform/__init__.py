"""The parts of one process: each made at first use and chosen by settings, never at import."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from sqlalchemy.engine import Connection

from shared import outbox
from shared.adapters.blobs import AzureBlobs, BlobStore, FolderBlobs
from shared.adapters.bus import Bus, EmbeddedBus, ServiceBus, by_connection_string, by_identity
from shared.adapters.email import EmailSender, make_email_sender
from shared.adapters.oidc import OidcProvider, make_provider
from shared.adapters.payments import PaymentProvider
from shared.adapters.sms import SmsSender, make_sms_sender
from shared.adapters.stripe import make_provider as make_payment_provider
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.errors import Unavailable
from shared.identity import Identity
from shared.local_files import data_folder
from shared.ratelimit import RateLimiter
from shared.readiness import BLOBS, BUS, DATABASE, MESSAGES, refuse_embedded, require_ready
from shared.settings import Settings
from shared.tx import SYSTEM, Actor, Tx

log = logging.getLogger(__name__)
T = TypeVar("T")
SEND_BATCH = 50
"""Messages that go to the bus in one transaction."""


class Platform:
    """Settings, clock, database, bus, blobs and senders of one process. Safe to use from many threads."""

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Clock | None = None,
        *,
        confirm: Callable[[Tx], None] | None = None,
        queues: Mapping[str, Sequence[str]] | None = None,
        serves: bool = False,
    ) -> None:
        """`confirm` begins every transaction of an actor who came with a token: it raises where the session has ended or the
        role has changed. `queues` says on which queues somebody listens to an event, by its TYPE. What `serves` people needs
        everything that its ENVIRONMENT asks for; a command needs the parts that it uses."""
        self.settings = settings or Settings()
        self.clock: Clock = clock or SystemClock()
        self.on_message: Callable[[], None] | None = None
        """Called after a commit that put messages in the outbox; devhost wakes its delivery by it."""
        self.stopping = threading.Event()
        """Set once this process is asked to end: what runs is finished, nothing long begins."""
        self._confirm = confirm
        self._queues = queues or {}
        self._serves = serves
        self._relay = _Relay(self)
        self._checked = False

    @cached_property
    def database(self) -> Database:
        """The database; its revision is checked at first use."""
        if self.settings.database_url is None:
            refuse_embedded(self.settings, DATABASE)
            # SQLite gives the files beside the database the database's own rights.
            (data_folder(self.settings.data_dir) / "evcharging.db").touch(mode=0o600)
        token = self.identity.database_token if self.settings.database_auth == "entra" else None
        return Database(self.settings.database_address, pool_size=self.settings.database_pool_size, token=token)

    @cached_property
    def identity(self) -> Identity:
        """The process's managed identity; it asks for a token when a part needs one."""
        return Identity(self.settings.azure_client_id)

    @cached_property
    def bus(self) -> Bus:
        """Service Bus, or the embedded one."""
        if self.settings.servicebus_namespace is not None:
            return ServiceBus(by_identity(self.settings.servicebus_namespace, self.identity), self.clock)
        if self.settings.servicebus is not None:
            return ServiceBus(by_connection_string(self.settings.servicebus.get_secret_value()), self.clock)
        refuse_embedded(self.settings, BUS)
        return EmbeddedBus()

    @cached_property
    def blobs(self) -> BlobStore:
        """Blob Storage, or a folder."""
        if self.settings.blob_endpoint is not None:
            return AzureBlobs.by_identity(self.settings.blob_endpoint, self.settings.blob_container, self.identity)
        if self.settings.blob_connection_string is not None:
            return AzureBlobs(self.settings.blob_connection_string.get_secret_value(), self.settings.blob_container)
        refuse_embedded(self.settings, BLOBS)
        return FolderBlobs(self.settings.data_dir / "blobs")

    @cached_property
    def email(self) -> EmailSender:
        """Communication Services e-mail, or the mailbox."""
        self._refuse_mailbox()
        return make_email_sender(self.settings, self.clock, self.identity)

    @cached_property
    def sms(self) -> SmsSender:
        """Communication Services SMS, or the mailbox."""
        self._refuse_mailbox()
        return make_sms_sender(self.settings, self.clock, self.identity)

    def _refuse_mailbox(self) -> None:
        if self.settings.communication_endpoint is None:
            refuse_embedded(self.settings, MESSAGES)

    @cached_property
    def limits(self) -> RateLimiter:
        """Rate limits that hold across instances."""
        return RateLimiter(self.database, self.clock, self.settings)

    @cached_property
    def oidc(self) -> OidcProvider | None:
        """The identity provider people may sign in by, if one is set up."""
        return make_provider(self.settings, self.clock)

    @cached_property
    def payments(self) -> PaymentProvider:
        """The payment provider. Raises Unavailable where none is set up."""
        return make_payment_provider(self.settings, self.clock)

    def check_revision(self) -> None:
        """Refuses to work where something is not set that must be, and on a database whose revision this code may not run
        on. Once a process."""
        if not self._checked:
            from shared.revision import require_compatible

            if self._serves:
                require_ready(self.settings)
            require_compatible(self.database)
            self._checked = True

    def transact(self, fn: Callable[[Tx], T], *, actor: Actor = SYSTEM) -> T:
        """Runs one use case in one transaction (see `Database.transact`), then wakes the relay."""
        self.check_revision()
        wake = False
        committed: list[Callable[[], None]] = []

        def use_case(conn: Connection) -> T:
            tx = self._begin(conn, actor)
            result = fn(tx)
            outbox.put(conn, tx.emitted)
            nonlocal wake, committed
            wake, committed = tx.wake or bool(tx.emitted), tx.committed
            return result

        result = self.database.transact(use_case)
        for do in committed:
            do()
        if wake:
            self._relay.nudge()
            if self.on_message is not None:
                self.on_message()
        return result

    def read(self, fn: Callable[[Tx], T], *, actor: Actor = SYSTEM) -> T:
        """Runs a read in one consistent view; what it would write is rolled back."""
        self.check_revision()
        return self.database.read(lambda conn: fn(self._begin(conn, actor)))

    def _begin(self, conn: Connection, actor: Actor) -> Tx:
        tx = Tx(conn, self.clock, self.settings, actor, self._queues)
        if actor.session_id is not None:
            if self._confirm is None:
                raise RuntimeError("an actor with a token, and nothing that confirms it")
            self._confirm(tx)
        return tx

    def consume(self, fn: Callable[[Tx], T], *, consumer: str, message_id: str) -> T | None:
        """Runs `fn` once for ever for this message: the inbox row commits with its effect. None if it ran before."""

        def use_case(tx: Tx) -> T | None:
            if not outbox.first_time(tx.conn, consumer=consumer, message_id=message_id, now=tx.now):
                log.info("message %s was consumed by %s before", message_id, consumer)
                return None
            return fn(tx)

        return self.transact(use_case)

    def relay_outbox(self) -> int:
        """Sends what waits in the outbox and prunes what is long settled. Returns how many were sent.

        Raises Unavailable when the bus is away: the rows stay for the next run.
        """
        sent = self.send_due()
        self.database.transact(lambda conn: outbox.prune(conn, now=self.clock.now(), keep=timedelta(days=7)))
        return sent

    def send_due(self) -> int:
        """Sends what waits in the outbox, oldest first. On the embedded bus nothing is sent: the table is the queue."""
        self.check_revision()
        if not self.bus.relays:
            return 0
        total = 0
        while True:
            count = self.database.transact(self._send_batch)
            total += count
            if count < SEND_BATCH:  # what is committed from now on wakes the relay again
                return total

    def _send_batch(self, conn: Connection) -> int:
        messages = outbox.due(conn, now=self.clock.now(), limit=SEND_BATCH)
        if messages:
            refused = self.bus.send(messages)
            outbox.settle(conn, [message.id for message in messages if message.id not in refused], now=self.clock.now())
            for message_id, why in refused.items():
                log.error("message %s is a dead letter: %s", message_id, why)
                outbox.dead_letter(conn, message_id, error=why, now=self.clock.now())
        return len(messages)

    def close(self) -> None:
        """Ends threads and connections; for tests and the devhost."""
        self._relay.close()
        self.bus.close()
        self.blobs.close()
        self.database.dispose()


class _Relay:
    """One background thread a process that empties the outbox after commits; the timer catches what it misses."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._wake = threading.Event()
        self._stop = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        if not self._platform.bus.relays:
            return
        with self._lock:
            if self._thread is None and not self._stop:
                self._thread = threading.Thread(target=self._run, name="outbox-relay", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stop:
                return
            try:
                self._platform.send_due()
            except Unavailable as error:
                log.warning("outbox waits for the timer: %s", error.detail)
            except Exception:
                log.exception("outbox relay failed; the timer tries again")

    def close(self) -> None:
        with self._lock:
            self._stop = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(timeout=10)
