"""No table keeps its rows by oversight: each is in the list with an age or a reason."""

from app.migrate import load_tables
from app.retention import RETENTION, Kept, Pruned
from app.sweeps import SWEEPS
from shared.settings import Settings


def test_each_table_is_in_the_list() -> None:
    assert set(RETENTION) == set(load_tables().tables)


def test_what_goes_by_age_has_a_sweep() -> None:
    sweeps = {rule.sweep for rule in RETENTION.values() if isinstance(rule, Pruned)}
    assert sweeps <= set(SWEEPS)


def test_an_age_in_capitals_is_a_setting() -> None:
    ages = {rule.after for rule in RETENTION.values() if isinstance(rule, Pruned) and rule.after.isupper()}
    assert {age.lower() for age in ages} <= set(Settings.model_fields)
    assert len(ages) == 5


def test_what_stays_says_why() -> None:
    assert all(rule.why for rule in RETENTION.values() if isinstance(rule, Kept))
