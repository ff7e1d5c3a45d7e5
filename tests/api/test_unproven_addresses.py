"""What a stranger typed is mailed to nobody: an address that no one has proven gets the links that prove it, and no more."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from functions.accounts.account_emails import ACCOUNT_EMAILS
from functions.accounts.events import (
    AccountLinked,
    AccountSuspended,
    EmailChanged,
    PasswordChanged,
    PhoneChanged,
    PhoneTaken,
    RecoveryCodeUsed,
    SecondFactorAdded,
    SecondFactorRemoved,
)
from functions.accounts.tables import user
from shared.events import Event
from tests.support.people import mail_subjects, register
from tests.support.world import World


def unproven(world: World) -> uuid.UUID:
    """An account that somebody registered for an address which may not be theirs."""
    assert register(world.client).status_code == 202
    user_id: uuid.UUID = world.scalar(sa.select(user.c.id))
    return user_id


def test_a_suspension_is_not_mailed_to_an_address_that_nobody_proved(world: World) -> None:
    user_id, admin = unproven(world), world.user("admin")
    done = admin.patch(f"/accounts/users/{user_id}", {"status": "SUSPENDED", "reason": "made by a machine"})
    assert done.status_code == 200, done.text
    world.drain()
    assert mail_subjects(world.platform) == ["Confirm your e-mail address"]


@pytest.mark.parametrize(
    "kind",
    [
        PasswordChanged,
        EmailChanged,
        PhoneChanged,
        PhoneTaken,
        AccountLinked,
        SecondFactorAdded,
        SecondFactorRemoved,
        RecoveryCodeUsed,
        AccountSuspended,
    ],
)
def test_nothing_that_was_done_to_an_account_is_mailed_to_an_unproven_address(world: World, kind: type[Event]) -> None:
    more: dict[str, Any] = {EmailChanged: {"old": "ada@example.org"}, AccountSuspended: {"reason": "why"}}.get(kind, {})
    event = kind.of_payload({"user_id": str(unproven(world)), "at": "2026-03-02T08:00:00+00:00"} | more)
    assert world.platform.transact(lambda tx: ACCOUNT_EMAILS[kind](tx, event)) is None
    world.platform.transact(lambda tx: tx.execute(sa.update(user).values(email_verified=True)))
    assert world.platform.transact(lambda tx: ACCOUNT_EMAILS[kind](tx, event)) is not None, "once it is proven it is"
