"""Use cases of administrators on accounts: list them, and change one's status or role at once."""

import uuid
from typing import Any

from functions.accounts import repository
from functions.accounts.domain import User, UserStatus
from functions.accounts.events import AccountSuspended
from functions.accounts.schemas import AccountUpdate
from functions.accounts.service import get_user
from shared.errors import Conflict, NotFound
from shared.tx import Tx


def list_users(
    *,
    tx: Tx,
    role: str | None,
    status: str | None,
    email: str | None,
    words: str | None = None,
    after: uuid.UUID | None,
    limit: int,
) -> list[User]:
    """Accounts in order of creation; `words` stand in their name or address."""
    email = email.lower() if email else None
    return repository.users(tx, role=role, status=status, email=email, words=words, after=after, limit=limit)


def update_user(*, tx: Tx, user_id: uuid.UUID, update: AccountUpdate) -> User:
    """Changes an account's status or role. Raises NotFound, and Conflict where no administrator would be left.

    It takes effect with the commit: the next request with an earlier access token is refused. A suspended account's sessions
    end, and its holder is told why. What they had booked and offer is no matter here (functions/administration/suspensions.py).
    """
    administrators = repository.lock_administrators(tx)
    user = repository.user_by_id(tx, user_id, lock=True)
    if user is None:
        raise NotFound("There is no such account.")
    wanted = {name: value for name, value in update.model_dump(mode="json", exclude={"reason"}).items() if value is not None}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    if not changes:
        return user
    after = {"role": user.role, "status": user.status} | changes
    check_administrator_left(administrators, user.id, stays=after == {"role": "admin", "status": UserStatus.ACTIVE.value})
    repository.update_user(tx, user.id, **changes)
    if after["status"] == UserStatus.SUSPENDED:
        repository.revoke_sessions(tx, user.id, reason="suspended")
        repository.spend_tokens(tx, user.id)
        if "status" in changes:
            tx.publish(AccountSuspended(user.id, tx.now, update.reason))
    before = {name: getattr(user, name) for name in changes}
    reason = {"reason": update.reason} if update.reason else {}
    tx.audit("user.update", object_type="user", object_id=user.id, before=before, after=changes | reason)
    return get_user(tx=tx, user_id=user_id)


def check_administrator_left(administrators: set[uuid.UUID], user_id: uuid.UUID, *, stays: bool) -> None:
    """Raises Conflict where the account is the last active administrator and would be one no longer.

    `administrators` are locked by the caller.
    """
    if not stays and administrators == {user_id}:
        raise Conflict("This is the last administrator; make another one first.")
