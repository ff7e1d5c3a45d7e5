"""E-mail: Azure Communication Services with the real SDK, or the local mailbox."""

import base64
import threading
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

from shared.adapters.mailbox import drop
from shared.clock import Clock
from shared.errors import AppError, Unavailable, Undeliverable
from shared.identity import Identity
from shared.settings import Settings


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Email:
    """An e-mail in text and HTML."""

    to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


class EmailSender(Protocol):
    """Sends e-mail. The same `operation_id` is sent once, however often it is tried."""

    def send(self, email: Email, *, operation_id: uuid.UUID) -> None:
        """Hands the message over. Raises Unavailable (try again) or Undeliverable (do not)."""
        ...


class MailboxEmail:
    """E-mails as .eml files in the mailbox folder."""

    def __init__(self, folder: Path, sender: str, clock: Clock) -> None:
        self._folder, self._sender, self._clock = folder, sender, clock

    def send(self, email: Email, *, operation_id: uuid.UUID) -> None:
        """Writes the file."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, email.to, email.subject
        message["Message-ID"] = f"<{operation_id}@evcharging.local>"
        message.set_content(email.text)
        message.add_alternative(email.html, subtype="html")
        for attachment in email.attachments:
            _attach(message, attachment)
        drop(self._folder, at=self._clock.now(), suffix=".eml", content=message.as_bytes())


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    """Adds a file under its whole content type: calendars act by the `method` parameter (RFC 6047)."""
    declared = EmailMessage()
    declared["Content-Type"] = attachment.content_type
    kind = declared["Content-Type"]
    message.add_attachment(
        attachment.content,
        maintype=kind.maintype,
        subtype=kind.subtype,
        params=dict(kind.params),
        filename=attachment.name,
    )


def credential_of(key: str | Identity) -> Any:
    """What the SDKs of Communication Services take."""
    from azure.core.credentials import AzureKeyCredential

    return key.credential if isinstance(key, Identity) else AzureKeyCredential(key)


class CommunicationEmail:
    """Azure Communication Services. The operation is not awaited: the service keeps what it accepted."""

    def __init__(self, endpoint: str, key: str | Identity, sender: str) -> None:
        """By an access key, or by the managed identity."""
        self._endpoint, self._key, self._sender = endpoint, key, sender
        self._lock = threading.Lock()
        self._client: Any = None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                from azure.communication.email import EmailClient

                self._client = EmailClient(
                    self._endpoint, credential_of(self._key), retry_total=0, connection_timeout=5, read_timeout=10
                )
            return self._client

    def send(self, email: Email, *, operation_id: uuid.UUID) -> None:
        """Begins the send operation, idempotent by its id. No poller: it would keep a thread for each e-mail."""
        from azure.core.exceptions import AzureError, HttpResponseError

        message = {
            "senderAddress": self._sender,
            "recipients": {"to": [{"address": email.to}]},
            "content": {"subject": email.subject, "plainText": email.text, "html": email.html},
            "attachments": [
                {
                    "name": attachment.name,
                    "contentType": attachment.content_type,
                    "contentInBase64": base64.b64encode(attachment.content).decode(),
                }
                for attachment in email.attachments
            ],
        }
        try:
            self._connected().begin_send(message, operation_id=str(operation_id), polling=False)
        except HttpResponseError as error:
            raise refusal(error) from error
        except AzureError as error:
            raise Unavailable(f"Communication Services e-mail: {error}") from error


def refusal(error: Any) -> AppError:
    """What an HTTP error of Communication Services means: 429 and 5xx pass, other 4xx stay."""
    status = error.status_code or 500
    if status in (401, 403, 408, 429) or status >= 500:
        return Unavailable(f"Communication Services answered {status}.")
    return Undeliverable(f"Communication Services answered {status}: {error.message}")


def make_email_sender(settings: Settings, clock: Clock, identity: Identity) -> EmailSender:
    """The sender that the settings choose."""
    if settings.communication_endpoint is None:
        return MailboxEmail(settings.data_dir / "mailbox", settings.email_sender, clock)
    key = identity if settings.communication_key is None else settings.communication_key.get_secret_value()
    return CommunicationEmail(settings.communication_endpoint, key, settings.email_sender)
