"""`make code`: the demo administrator signs in with password and code, and where there is none it says what to do."""

import json
from typing import Any

import pytest

from devhost import code
from devhost.replay import seed
from shared.clock import ManualClock
from tests.support.world import API, World


def test_the_demo_administrator_signs_in_with_the_code_that_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = world.platform.transact(lambda tx: seed._demo_accounts(tx, "a horse of 4 batteries"))
    folder = world.platform.settings.data_dir
    mark = {"name": "x", "generated": True, "source": "generated", "locations": 0, "evses": 0, "password": "", "accounts": []}
    (folder / seed.MARK).write_text(json.dumps(mark | {"latitude": 0, "longitude": 0, "admin_secret": secret}))
    monkeypatch.setenv("DATA_DIR", str(folder))
    monkeypatch.setattr(code, "SystemClock", lambda: ManualClock(world.platform.clock.now()))
    code.main()
    shown = capsys.readouterr().out.split()[0]
    login = {"email": "admin@demo.test", "password": "a horse of 4 batteries"}
    asked = world.client.post(f"{API}/accounts/login", json=login)
    assert asked.status_code == 202
    proof = {"challenge": asked.json()["challenge"], "code": shown}
    tokens = world.client.post(f"{API}/accounts/login/second-factor", json=proof).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.client.get(f"{API}/accounts/users", headers=headers).status_code == 200


def test_without_a_demo_administrator_it_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="make admin"):
        code.main()
