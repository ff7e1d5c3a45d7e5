"""Secrets at rest: what we must be able to read again (a second factor's secret, say) is stored encrypted by DATA_KEYS.

Fernet (AES-128-CBC with HMAC-SHA256, of the library cryptography). What is sealed is bound to its owner: a row copied to
somebody else's opens nothing.
"""

import uuid
from typing import Any

from shared.errors import Unavailable
from shared.settings import Settings

_OWNER_BYTES = 16


def _cipher(settings: Settings) -> Any:
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(key) for key in settings.sealing_keys])


def seal(secret: str, *, owner_id: uuid.UUID, settings: Settings) -> bytes:
    """The secret, encrypted by the first key, for `owner_id` alone."""
    sealed: bytes = _cipher(settings).encrypt(owner_id.bytes + secret.encode())
    return sealed


def open_sealed(sealed: bytes, *, owner_id: uuid.UUID, settings: Settings) -> str:
    """The secret again. Raises Unavailable where its key has been retired, or where it is somebody else's."""
    from cryptography.fernet import InvalidToken

    try:
        opened: bytes = _cipher(settings).decrypt(sealed)
    except InvalidToken as error:
        raise Unavailable("A secret cannot be read: its key is no longer among DATA_KEYS.") from error
    if opened[:_OWNER_BYTES] != owner_id.bytes:
        raise Unavailable("A secret cannot be read: it belongs to another account.")
    return opened[_OWNER_BYTES:].decode()
