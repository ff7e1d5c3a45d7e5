"""SMS: Azure Communication Services with the real SDK, or the local mailbox."""

import json
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from shared.adapters.email import credential_of, refusal
from shared.adapters.mailbox import drop
from shared.clock import Clock
from shared.errors import Unavailable, Undeliverable
from shared.identity import Identity
from shared.settings import Settings


@dataclass(frozen=True)
class Sms:
    """A text message to an E.164 number."""

    to: str
    text: str


class SmsSender(Protocol):
    """Sends SMS."""

    def send(self, sms: Sms, *, operation_id: uuid.UUID) -> None:
        """Hands the message over. Raises Unavailable (try again) or Undeliverable (do not)."""
        ...


class MailboxSms:
    """Messages as .json files in the mailbox folder."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder, self._sender, self._clock = folder, sender, clock

    def send(self, sms: Sms, *, operation_id: uuid.UUID) -> None:
        """Writes the file."""
        content = {"from": self._sender, "to": sms.to, "text": sms.text, "id": str(operation_id)}
        drop(self._folder, at=self._clock.now(), suffix=".json", content=json.dumps(content, indent=1).encode())


class CommunicationSms:
    """Azure Communication Services. `tag` carries the operation id; the service has no idempotency by our id, so a crash
    between its answer and our record may send twice."""

    def __init__(self, endpoint: str, key: str | Identity, sender: str) -> None:
        """By an access key, or by the managed identity."""
        self._endpoint, self._key, self._sender = endpoint, key, sender
        self._lock = threading.Lock()
        self._client: Any = None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                from azure.communication.sms import SmsClient

                self._client = SmsClient(
                    self._endpoint, credential_of(self._key), retry_total=0, connection_timeout=5, read_timeout=10
                )
            return self._client

    def send(self, sms: Sms, *, operation_id: uuid.UUID) -> None:
        """Sends, and reads the result of the one recipient."""
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            (result,) = self._connected().send(
                from_=self._sender, to=[sms.to], message=sms.text, enable_delivery_report=True, tag=str(operation_id)
            )
        except HttpResponseError as error:
            raise refusal(error) from error
        except AzureError as error:
            raise Unavailable(f"Communication Services SMS: {error}") from error
        if result.successful:
            return
        if result.http_status_code == 429 or result.http_status_code >= 500:
            raise Unavailable(f"Communication Services answered {result.http_status_code} for the number.")
        raise Undeliverable(f"Communication Services refused the number: {result.error_message}")


def make_sms_sender(settings: Settings, clock: Clock, identity: Identity) -> SmsSender:
    """The sender that the settings choose."""
    if settings.communication_endpoint is None:
        return MailboxSms(settings.data_dir / "mailbox", settings.sms_sender, clock)
    key = identity if settings.communication_key is None else settings.communication_key.get_secret_value()
    return CommunicationSms(settings.communication_endpoint, key, settings.sms_sender)
