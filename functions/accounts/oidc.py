"""Use cases of signing in by an OpenID Connect provider: start, finish, and to whom an identity belongs.

A sign-in is bound three times: `state` (single use, ours), `binding` (kept by the client that began, so that nobody can be
made to finish another's sign-in), `nonce` (in the provider's token). State, nonce and the PKCE verifier are derived from the
row's id: none is stored.
"""

import hmac
import secrets
import uuid
from datetime import datetime, timedelta

from functions.accounts import repository, repository_consents
from functions.accounts.domain import (
    NO_PASSWORD,
    AccountToken,
    Purpose,
    User,
    derive,
    name_of,
    nobodys,
    parse_email,
    token_hash,
)
from functions.accounts.events import AccountLinked
from functions.accounts.schemas import OidcFinish, OidcStart, Tokens
from functions.accounts.second_factor_schemas import SecondFactorChallenge
from functions.accounts.sessions import sign_in
from functions.accounts.single_use import make_token, take_token
from shared.adapters.oidc import LEEWAY_S, OidcIdentity, OidcProvider
from shared.db import new_id
from shared.errors import BadCredentials, Conflict, Forbidden, NotFound
from shared.platform import Platform
from shared.tx import Actor, Tx
from shared.web.fields import one_line

TOO_LATE = "This sign-in was finished already, took too long, or was begun elsewhere; begin again."


def _provider(platform: Platform) -> OidcProvider:
    if platform.oidc is None:
        raise NotFound("Signing in by an identity provider is not set up here.")
    return platform.oidc


def start(*, platform: Platform, actor: Actor, fresh: bool = False) -> OidcStart:
    """Begins a sign-in: where to send the browser. `fresh` has the provider ask who they are even if it knows.

    Raises NotFound where no provider is set up, Unavailable.
    """
    provider, binding = _provider(platform), secrets.token_urlsafe(32)

    def use_case(tx: Tx) -> AccountToken:
        return make_token(tx=tx, purpose=Purpose.OIDC, user_id=None, data={"binding": token_hash(binding), "fresh": fresh})

    begun = platform.transact(use_case, actor=actor)
    state, nonce, verifier = _secrets(platform.settings.signing_key, begun.id)
    url = provider.authorization_url(state=state, nonce=nonce, verifier=verifier, fresh=fresh)
    return OidcStart(authorization_url=url, state=state, binding=binding)


def _secrets(key: str, token_id: uuid.UUID) -> tuple[str, str, str]:
    """(state, nonce, PKCE verifier) of a sign-in."""
    return derive(key, Purpose.OIDC, token_id), derive(key, "oidc-nonce", token_id), derive(key, "oidc-verifier", token_id)


def finish(*, platform: Platform, actor: Actor, finish_in: OidcFinish, user_agent: str) -> Tokens | SecondFactorChallenge:
    """Ends a sign-in with a session of ours, or asks for our second factor where the provider's does not count.

    The state is spent before the provider is asked: what fails is begun again. Raises BadCredentials, Conflict, Forbidden,
    NotFound, Unavailable.
    """
    provider = _provider(platform)

    def use_case(tx: Tx) -> AccountToken:
        return take_token(tx=tx, token=finish_in.state, purpose=Purpose.OIDC, detail=TOO_LATE)

    begun = platform.transact(use_case, actor=actor)
    if not hmac.compare_digest(token_hash(finish_in.binding), str(begun.data["binding"])):
        raise BadCredentials(TOO_LATE)
    candidates = (_secrets(key, begun.id) for key in platform.settings.verification_keys)
    _, nonce, verifier = next(secrets_of_key for secrets_of_key in candidates if secrets_of_key[0] == finish_in.state)
    identity = provider.identify(code=finish_in.code, nonce=nonce, verifier=verifier)
    if begun.data.get("fresh") and not _was_asked(identity, since=begun.created_at):
        raise BadCredentials("The identity provider did not ask who you are anew; begin again.")

    def end(tx: Tx) -> Tokens | SecondFactorChallenge:
        user = account_of(tx=tx, identity=identity)
        proven_at, has_shown_factor = identity.authenticated_at, identity.has_shown_factor
        return sign_in(tx=tx, user=user, user_agent=user_agent, has_shown_factor=has_shown_factor, proven_at=proven_at)

    return platform.transact(end, actor=actor)


def _was_asked(identity: OidcIdentity, *, since: datetime) -> bool:
    """Whether the provider asked for a proof after an instant of ours; its clock may be behind."""
    return identity.authenticated_at is not None and identity.authenticated_at >= since - timedelta(seconds=LEEWAY_S)


def account_of(*, tx: Tx, identity: OidcIdentity) -> User:
    """The account of an identity, made or linked at its first sign-in.

    Linked is only by an address that the provider has verified. An account whose address we verified too is linked and its
    holder told; one that nobody verified is nobody's: its password goes. Administrators are never linked by themselves.
    Raises BadCredentials, Forbidden, Conflict.
    """
    user_id = repository.identity_user(tx, identity.issuer, identity.subject)
    if user_id is not None:
        user = repository.user_by_id(tx, user_id, lock=True)
        assert user is not None
        return user
    if identity.email is None:
        raise BadCredentials("The identity provider has not verified your e-mail address; verify it there, or use a password.")
    email = _address(identity.email)
    name = _name(identity.name) or name_of(email)
    user = repository.user_by_email(tx, email, lock=True)
    if user is None:
        user = _make_driver(tx, email=email, name=name)
        return _linked(tx, user, identity, event=False)
    if user.email_verified:
        if user.role == "admin":
            raise Forbidden("Administrators sign in by password.")
        if repository.has_identity(tx, user.id, identity.issuer):
            raise Conflict("This address is linked to another identity at the provider.")
        return _linked(tx, user, identity, event=True)
    return _linked(tx, _take_over_unverified(tx, user, name=name), identity, event=False)


def _address(email: str) -> str:
    try:
        return parse_email(email)
    except ValueError as error:
        raise BadCredentials("The identity provider knows you by no address that we can write to; use a password.") from error


def _name(name: str | None) -> str:
    """The provider's name for somebody as a name of ours; empty where it is none."""
    try:
        return one_line(name or "").strip()[:120]
    except ValueError:
        return ""


def _make_driver(tx: Tx, *, email: str, name: str) -> User:
    user = User(
        id=new_id(),
        email=email,
        name=name,
        phone=None,
        role="driver",
        password_hash=NO_PASSWORD,
        email_verified=True,
        created_at=tx.now,
    )
    if not repository.add_user(tx, user):
        raise Conflict("This address was registered a moment ago; begin again.")
    return user


def _take_over_unverified(tx: Tx, user: User, *, name: str) -> User:
    """An account that nobody verified becomes that of whoever the provider names: password, links and sessions go."""
    repository.update_user(tx, user.id, **nobodys(user.email) | {"name": name, "password_hash": NO_PASSWORD})
    repository_consents.delete(tx, user.id)
    repository.spend_tokens(tx, user.id)
    repository.revoke_sessions(tx, user.id, reason="linked")
    changed = repository.user_by_id(tx, user.id)
    assert changed is not None
    return changed


def _linked(tx: Tx, user: User, identity: OidcIdentity, *, event: bool) -> User:
    if not repository.add_identity(tx, identity.issuer, identity.subject, user.id):
        raise Conflict("This identity was linked a moment ago; begin again.")
    tx.audit("user.link", object_type="user", object_id=user.id, after={"issuer": identity.issuer})
    if event:
        tx.publish(AccountLinked(user.id, tx.now))
    return user
