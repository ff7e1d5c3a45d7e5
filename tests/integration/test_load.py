"""The load run for some seconds: it works, and it notices an injected error and a process that leaks."""

from dataclasses import replace

import pytest

from bench.load import report
from bench.load.run import LoadOptions, run
from devhost.stack.mariadb import program
from devhost.stack.process import ComponentMissingError

SHORT = LoadOptions(
    minutes=0.13,
    calibrate_s=2.0,
    servers=1,
    places=60,
    people=60,
    clients=4,
    concurrent_visits=16,
    pause_s=0.05,
    settle_s=60.0,
    share=0.5,
    least_rate=4.0,
)
pytestmark = [pytest.mark.stack, pytest.mark.timeout(280)]


@pytest.fixture(autouse=True)
def components() -> None:
    """Skips where MariaDB or the broker's library is missing; in CI that is a failure."""
    pytest.importorskip("proton")
    try:
        program("mariadbd")
    except ComponentMissingError as error:
        pytest.skip(str(error))


def test_drivers_come_and_go_and_all_is_well() -> None:
    result = run(SHORT, lambda _: None)
    assert [_ for _ in result.wrong if "grew" not in _] == [], report.errors(result.acts)
    kinds = {act.kind for act in result.acts}
    assert {"search", "ask", "answer", "book", "messages", "decided"} <= kinds
    assert result.visits > 10
    assert result.messages > 0
    assert set(result.samples) == {"server 1", "deliverer", "broker", "MariaDB"}


def test_an_injected_error_and_a_leak_are_noticed() -> None:
    result = run(replace(SHORT, app="tests.integration.faulty:api"), lambda _: None)
    assert any("had an answer they should not have" in text for text in result.wrong), result.wrong
    assert any(text.startswith("server 1 grew by") for text in result.wrong), result.wrong
    assert "500" in report.errors(result.acts)
