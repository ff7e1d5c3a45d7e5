"""infra/terraform by the real Terraform and a stand-in provider: no Azure, and no `apply`.

Skipped, with a word why, without the recorded schema or the check's virtual environment.
"""

from pathlib import Path

import pytest

from infra.check import faults
from infra.check.__main__ import TESTS, policies, workflows
from infra.check.workbench import PYTHON, TERRAFORM, Workbench, missing

with_schema = pytest.mark.skipif(missing() is not None, reason=missing() or "it is here")
environment = pytest.mark.skipif(not PYTHON.exists(), reason="make infra-check makes the check's virtual environment")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The configuration, ready for Terraform's commands."""
    made = Workbench(tmp_path_factory.mktemp("bench"))
    made.init()
    return made


@pytest.mark.research_data
@with_schema
def test_schema_and_values_have_nothing_against_the_configuration(bench: Workbench) -> None:
    assert bench.validate() == []


@pytest.mark.research_data
@with_schema
def test_the_configuration_is_formatted(bench: Workbench) -> None:
    assert bench.format() == []


@pytest.mark.research_data
@with_schema
def test_bootstrap_is_right(tmp_path: Path) -> None:
    made = Workbench(tmp_path, TERRAFORM / "bootstrap")
    made.init()
    assert (made.validate(), made.format()) == ([], [])


@pytest.mark.research_data
@with_schema
@pytest.mark.parametrize("name", TESTS)
def test_terraforms_own_tests_pass(bench: Workbench, name: str) -> None:
    outcomes, problems = bench.test(name)
    assert problems == []
    assert set(outcomes.values()) == {"pass"}


@pytest.mark.research_data
@with_schema
def test_every_planted_fault_is_found(tmp_path: Path) -> None:
    assert [fault.name for fault in faults.hunt(tmp_path)] == []


def test_faults_are_of_every_kind() -> None:
    kinds = [fault.kind for fault in faults.FAULTS]
    assert len(kinds) == 33
    assert min(kinds.count(kind) for kind in set(kinds)) >= 3


@environment
def test_checkov_has_nothing_that_is_not_answered() -> None:
    assert policies() == []


@environment
def test_workflows_follow_their_schema() -> None:
    assert workflows() == []
