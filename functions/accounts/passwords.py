"""Password hashes: Argon2id at OWASP's 19 MiB and two passes, few at a time so that memory stays bounded."""

import threading
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_few = threading.BoundedSemaphore(4)


def hash_password(password: str) -> str:
    """The encoded hash, salt and parameters included."""
    with _few:
        return _hasher.hash(password)


def verify_password(password: str, encoded: str | None) -> bool:
    """Whether the password is right. Without a hash (unknown account) the same work is done and the answer is no."""
    with _few:
        try:
            return _hasher.verify(encoded or _nobody(), password) and encoded is not None
        except (VerificationError, InvalidHashError):
            return False


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
