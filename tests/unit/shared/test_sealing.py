"""Secrets at rest: sealed by the first key, opened by any, for their owner alone; and keys that are none are refused."""

import uuid
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from shared.errors import Unavailable
from shared.sealing import open_sealed, seal
from shared.settings import Settings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ADA, BOB = uuid.UUID(int=1), uuid.UUID(int=2)


def keyed(keys: str) -> Settings:
    return Settings.model_validate({"data_keys": keys})


def test_what_is_sealed_is_opened_by_its_owner_alone() -> None:
    sealed = seal("a secret", owner_id=ADA, settings=keyed(OLD))
    assert b"a secret" not in sealed
    assert open_sealed(sealed, owner_id=ADA, settings=keyed(OLD)) == "a secret"
    with pytest.raises(Unavailable, match="another account"):
        open_sealed(sealed, owner_id=BOB, settings=keyed(OLD))


def test_a_key_rotates_with_the_old_one_behind_it() -> None:
    before = seal("old", owner_id=ADA, settings=keyed(OLD))
    both = keyed(f"{NEW}, {OLD}")
    after = seal("new", owner_id=ADA, settings=both)
    assert open_sealed(before, owner_id=ADA, settings=both) == "old"
    assert open_sealed(after, owner_id=ADA, settings=keyed(NEW)) == "new", "the first key seals"
    with pytest.raises(Unavailable, match="DATA_KEYS"):
        open_sealed(before, owner_id=ADA, settings=keyed(NEW))


def test_what_was_changed_on_disk_is_not_opened() -> None:
    sealed = bytearray(seal("a secret", owner_id=ADA, settings=keyed(OLD)))
    sealed[30] ^= 1
    with pytest.raises(Unavailable):
        open_sealed(bytes(sealed), owner_id=ADA, settings=keyed(OLD))


def test_on_sqlite_a_key_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    first, second = (Settings(data_dir=tmp_path / "data") for _ in range(2))
    assert first.sealing_keys == second.sealing_keys
    assert (tmp_path / "data" / "data.key").stat().st_mode & 0o077 == 0
    assert first.sealing_keys != (first.signing_key,)


@pytest.mark.parametrize(
    "keys",
    ["", " , ", "short", "a" * 44, f"{OLD},x", OLD[:-1]],
    ids=["empty", "blank", "short", "other letters", "second", "cut"],
)
def test_a_key_that_is_none_is_refused_by_name(keys: str) -> None:
    with pytest.raises(ValueError, match="DATA_KEYS"):
        _ = keyed(keys).sealing_keys


def test_a_server_without_a_key_says_so() -> None:
    with pytest.raises(ValueError, match="DATA_KEYS: must be set"):
        _ = Settings.model_validate({"database_url": "mysql+pymysql://root@127.0.0.1/x"}).sealing_keys
