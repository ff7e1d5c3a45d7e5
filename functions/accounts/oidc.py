"""Use cases of signing in by an OpenID Connect provider: start, finish, and to whom an identity belongs.

A sign-in is bound three times: `state` (single use, ours), `binding` (kept by the client that began, so that nobody can be
made to finish another's sign-in), `nonce` (in the provider's token). State, nonce and the PKCE verifier are derived from the
row's id: none is stored.
"""

import hmac
import secrets
import uuid
from typing import Any

from functions.accounts import repository
from functions.accounts.domain import NO_PASSWORD, AccountToken, Purpose, User, derive, normalise_email, token_hash
from functions.accounts.events import AccountLinked
from functions.accounts.recovery import make_token, take_token
from functions.accounts.schemas import OidcFinish, OidcStart, Tokens
from functions.accounts.sessions import open_session
from shared.adapters.oidc import Identified, OidcProvider
from shared.db import new_id
from shared.errors import BadCredentials, Conflict, Forbidden, NotFound
from shared.platform import Platform
from shared.tx import Actor, Tx

TOO_LATE = "This sign-in was finished already, took too long, or was begun elsewhere; begin again."


def _provider(platform: Platform) -> OidcProvider:
    if platform.oidc is None:
        raise NotFound("Signing in by an identity provider is not set up here.")
    return platform.oidc


def start(*, platform: Platform, actor: Actor) -> OidcStart:
    """Begins a sign-in: where to send the browser. Raises NotFound where no provider is set up, Unavailable."""
    provider, binding = _provider(platform), secrets.token_urlsafe(32)

    def use_case(tx: Tx) -> AccountToken:
        return make_token(tx=tx, purpose=Purpose.OIDC, user_id=None, data={"binding": token_hash(binding)})

    made = platform.transact(use_case, actor=actor)
    state, nonce, verifier = _secrets(platform.settings.signing_key, made.id)
    url = provider.authorization_url(state=state, nonce=nonce, verifier=verifier)
    return OidcStart(authorization_url=url, state=state, binding=binding)


def _secrets(key: str, id: uuid.UUID) -> tuple[str, str, str]:
    """(state, nonce, PKCE verifier) of a sign-in."""
    return derive(key, Purpose.OIDC, id), derive(key, "oidc-nonce", id), derive(key, "oidc-verifier", id)


def finish(*, platform: Platform, actor: Actor, finish_in: OidcFinish, user_agent: str) -> Tokens:
    """Ends a sign-in with a session of ours. Raises BadCredentials, Conflict, Forbidden, NotFound, Unavailable.

    The state is spent before the provider is asked: what fails is begun again.
    """
    provider = _provider(platform)

    def use_case(tx: Tx) -> AccountToken:
        return take_token(tx=tx, token=finish_in.state, purpose=Purpose.OIDC, detail=TOO_LATE)

    begun = platform.transact(use_case, actor=actor)
    if not hmac.compare_digest(token_hash(finish_in.binding), str(begun.data["binding"])):
        raise BadCredentials(TOO_LATE)
    found = (_secrets(key, begun.id) for key in platform.settings.verification_keys)
    _, nonce, verifier = next(parts for parts in found if parts[0] == finish_in.state)
    who = provider.identify(code=finish_in.code, nonce=nonce, verifier=verifier)
    return platform.transact(
        lambda tx: open_session(tx=tx, user=account_of(tx=tx, who=who), user_agent=user_agent), actor=actor
    )


def account_of(*, tx: Tx, who: Identified) -> User:
    """The account of an identity, made or linked at its first sign-in.

    Linked is only by an address that the provider has verified. An account whose address we verified too is linked and its
    holder told; one that nobody verified is nobody's: its password goes. Administrators are never linked by themselves.
    Raises BadCredentials, Forbidden, Conflict.
    """
    known = repository.identity_user(tx, who.issuer, who.subject)
    if known is not None:
        user = repository.user_by_id(tx, known, lock=True)
        assert user is not None
        return user
    if who.email is None:
        raise BadCredentials("The identity provider has not verified your e-mail address; verify it there, or use a password.")
    email = normalise_email(who.email)
    found = repository.user_by_email(tx, email, lock=True)
    name = (who.name or email.split("@")[0])[:120]
    if found is None:
        made = User(
            id=new_id(), email=email, name=name, phone=None, role="driver", password_hash=NO_PASSWORD, email_verified=True,
            created_at=tx.now,
        )  # fmt: skip
        if not repository.add_user(tx, made):
            raise Conflict("This address was registered a moment ago; begin again.")
        return _linked(tx, made, who, event=False)
    if found.email_verified:
        if found.role == "admin":
            raise Forbidden("Administrators sign in by password.")
        if repository.has_identity(tx, found.id, who.issuer):
            raise Conflict("This address is linked to another identity at the provider.")
        return _linked(tx, found, who, event=True)
    fresh: dict[str, Any] = {
        "name": name,
        "role": "driver",
        "password_hash": NO_PASSWORD,
        "email_verified": True,
        "phone": None,
    }
    repository.update_user(tx, found.id, **fresh)
    repository.spend_tokens(tx, found.id)
    repository.revoke_sessions(tx, found.id, reason="linked")
    user = repository.user_by_id(tx, found.id)
    assert user is not None
    return _linked(tx, user, who, event=False)


def _linked(tx: Tx, user: User, who: Identified, *, event: bool) -> User:
    if not repository.add_identity(tx, who.issuer, who.subject, user.id):
        raise Conflict("This identity was linked a moment ago; begin again.")
    tx.audit("user.link", object_type="user", object_id=user.id, after={"issuer": who.issuer})
    if event:
        tx.publish(AccountLinked(user.id, tx.now))
    return user
