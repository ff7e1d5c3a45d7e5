"""Passwords: which are refused, and their Argon2id hashes (OWASP: 19 MiB, two passes), few at a time to bound memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import Invalid, Unavailable
from shared.web.bulkhead import Bulkhead

MIN_LENGTH, MAX_LENGTH = 8, 128
AT_ONCE = 4
"""Hashes a process works on at the same time: 4 x 19 MiB."""
WAIT_S = 10.0
"""Seconds a hash waits for its turn before the caller gets a 503."""
CONTEXT_WORDS = ("evcharging", "charging", "charger", "electric", "password")
"""Words of this platform that may not be most of a password (ASVS V6.1.2)."""

HASHING = Bulkhead(
    "passwords", threads=AT_ONCE, waiting=60, busy="Too many people are signing in right now; try again in a moment."
)
"""Where routes that hash run, so that a flood of sign-ins keeps nobody else waiting (test_bulkheads.py walks the routes)."""
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_places = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def _a_place() -> Iterator[None]:
    if not _places.acquire(timeout=WAIT_S):
        raise Unavailable("Too many people are signing in right now; try again in a moment.")
    try:
        yield
    finally:
        _places.release()


def hash_password(password: str) -> str:
    """The encoded hash, salt and parameters included. Raises Unavailable where the queue is too long."""
    with _a_place():
        return _hasher.hash(password)


def verify_password(password: str, encoded: str | None) -> bool:
    """Whether the password is right. Raises Unavailable where the queue is too long.

    Without a hash (unknown account, or one without a password) the same work is done and the answer is no.
    """
    with _a_place():
        try:
            return _hasher.verify(encoded or _unknown_password_hash(), password) and bool(encoded)
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(encoded: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(encoded)


@lru_cache(maxsize=1)
def _unknown_password_hash() -> str:
    return _hasher.hash("nobody has this password")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def check_password(password: str, *, email: str = "", name: str = "", field: str = "password") -> None:
    """Raises Invalid for a password among the 30,000 most common, or little more than the address, the name or our words.

    Any characters are good; nothing about composition is asked.
    """
    lowered = password.lower()
    if lowered in _common():
        raise Invalid.one(field, "is one of the passwords that are tried first; choose another")
    personal = [part for part in (email.lower(), email.lower().split("@")[0], *name.lower().split()) if len(part) >= 4]
    for word in (*personal, *CONTEXT_WORDS):
        if word in lowered and len(lowered) - len(word) < 4:
            raise Invalid.one(field, f"is little more than {word!r}, which is easily guessed; choose another")
