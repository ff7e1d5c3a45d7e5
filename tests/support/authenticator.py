"""An authenticator app of the tests: it holds a secret and shows the code of the test's clock; and how a person sets one up."""

from dataclasses import dataclass, field
from typing import Any

from functions.accounts import totp
from functions.accounts.second_factor import enrol
from functions.accounts.service import get_user
from shared.clock import Clock
from shared.tx import Tx
from tests.support.people import PASSWORD, bearer
from tests.support.world import API, Person, World

FACTOR = f"{API}/accounts/me/second-factor"


@dataclass
class Authenticator:
    """Holds a secret; `recovery_codes` are what its owner wrote down."""

    secret: str
    clock: Clock
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, *, steps_later: int = 0) -> str:
        """What it shows now, or so many half minutes from now."""
        return totp.code_of(self.secret, totp.step_at(self.clock.now()) + steps_later)

    def wrong_code(self) -> str:
        """Six digits that it shows neither now nor around now."""
        good = {self.code(steps_later=steps) for steps in range(-2, 3)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in good)


def set_up(world: World, tokens: dict[str, Any], *, password: str | None = PASSWORD) -> Authenticator:
    """Somebody signed in sets up an authenticator app, through the routes."""
    begun = world.client.post(FACTOR, json={"password": password}, headers=bearer(tokens))
    assert begun.status_code == 200, begun.text
    app = Authenticator(begun.json()["secret"], world.platform.clock)
    confirmed = world.client.post(f"{FACTOR}/confirm", json={"code": app.code()}, headers=bearer(tokens))
    assert confirmed.status_code == 200, confirmed.text
    app.recovery_codes = confirmed.json()["recovery_codes"]
    return app


def equip(world: World, person: Person) -> Authenticator:
    """Gives somebody of a World a confirmed app without a call."""

    def use_case(tx: Tx) -> str:
        return enrol(tx=tx, user=get_user(tx=tx, user_id=person.id))

    return Authenticator(world.platform.transact(use_case), world.platform.clock)
