"""The order of reports: what is in force and what the history says, for every order of arrival. Pure, so by the thousand."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.stations.enums import EvseStatus
from functions.stations.feed.domain import (
    CAUTION,
    UNKNOWN,
    Change,
    Edit,
    KeyInUse,
    Outcome,
    ReportInForce,
    apply_late,
    apply_newest,
    classify,
)

ZERO = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
Report = tuple[str, int]


class Evse:
    """An EVSE as the service keeps it: the report in force and the rows of its history, by the rules alone."""

    def __init__(self) -> None:
        self.in_force: ReportInForce | None = None
        self.rows: dict[datetime, Change] = {}

    def report(self, status: str, at: datetime) -> Outcome:
        outcome = classify(self.in_force, status, at)
        if outcome is Outcome.OLDER:
            assert self.in_force is not None
            before = max((when for when in self.rows if when <= at), default=None)
            after = min((when for when in self.rows if when > at), default=None)
            self.edit(apply_late(self.in_force, self.rows.get(before), self.rows.get(after), status, at))  # type: ignore[arg-type]
        elif outcome is Outcome.CHANGED:
            same = self.rows.get(at) if self.in_force is not None and at == self.in_force.last_updated else None
            self.edit(apply_newest(self.in_force, status, at, same_instant=same))
        if outcome.applied:
            self.in_force = ReportInForce(status, at)
        return outcome

    def go_stale(self, at: datetime) -> None:
        assert self.in_force is not None
        if self.in_force.status != UNKNOWN:
            self.edit(Edit(write=(Change(at, UNKNOWN, self.in_force.status),)))
        self.in_force = ReportInForce(self.in_force.status, self.in_force.last_updated, at)

    def edit(self, edit: Edit) -> None:
        for at in edit.delete:
            self.rows.pop(at, None)
        for change in edit.write:
            self.rows[change.at] = change

    def history(self) -> list[Change]:
        return [self.rows[at] for at in sorted(self.rows)]


def at(minute: int) -> datetime:
    return ZERO + timedelta(minutes=minute)


STATUS = st.sampled_from([item.value for item in EvseStatus])
REPORTS = st.lists(st.tuples(STATUS, st.integers(0, 12)), min_size=1, max_size=14)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(reports=REPORTS)
def test_the_greatest_timestamp_is_in_force_and_the_history_is_one_of_changes(reports: list[Report]) -> None:
    evse = Evse()
    for status, minute in reports:
        evse.report(status, at(minute))
    status, minute = max(reports, key=lambda report: (report[1], CAUTION[report[0]]))
    assert evse.in_force == ReportInForce(status, at(minute))
    rows = evse.history()
    assert rows[-1].status == status
    assert rows[0].previous is None
    for before, after in pairwise(rows):
        assert after.previous == before.status != after.status
    assert {(row.status, row.at) for row in rows} <= {(status, at(minute)) for status, minute in reports}


@settings(max_examples=300, deadline=None)
@given(reports=REPORTS)
def test_sending_everything_again_changes_nothing(reports: list[Report]) -> None:
    evse = Evse()
    for status, minute in reports:
        evse.report(status, at(minute))
    in_force, rows = evse.in_force, evse.history()
    for status, minute in reports:
        outcome = evse.report(status, at(minute))
        assert outcome in (Outcome.DUPLICATE, Outcome.OLDER)
    assert (evse.in_force, [row.status for row in evse.history()][-1]) == (in_force, rows[-1].status)
    for before, after in pairwise(evse.history()):
        assert after.previous == before.status != after.status


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(before=REPORTS, after=REPORTS)
def test_a_silence_is_in_the_history_only_where_nobody_says_what_was_then(before: list[Report], after: list[Report]) -> None:
    """The feed falls silent at minute 20; afterwards come reports of before it and of later."""
    evse = Evse()
    for status, minute in before:
        evse.report(status, at(minute))
    evse.go_stale(at(20))
    assert evse.in_force is not None
    assert evse.in_force.shown == UNKNOWN
    later = [(status, minute * 3) for status, minute in after]
    for status, minute in later:
        evse.report(status, at(minute))
    status, minute = max([*before, *later], key=lambda report: (report[1], CAUTION[report[0]]))
    assert (evse.in_force.status, evse.in_force.last_updated) == (status, at(minute))
    rows = evse.history()
    confirmed = evse.in_force.unknown_since is None
    assert rows[-1].status == (status if confirmed else UNKNOWN)
    for first, second in pairwise(rows):
        assert first.at < second.at
        assert second.previous == first.status != second.status


def test_a_key_is_good_until_it_is_revoked_or_its_grace_has_run_out() -> None:
    key = KeyInUse(id=uuid.UUID(int=1), location_id=uuid.UUID(int=2), token_hash="x")
    assert (key.status(at(0)), key.good(at(0))) == ("ACTIVE", True)
    rotated = KeyInUse(id=key.id, location_id=key.location_id, token_hash="x", valid_until=at(5))
    assert [(rotated.status(at(minute)), rotated.good(at(minute))) for minute in (4, 5)] == [
        ("EXPIRING", True),
        ("EXPIRED", False),
    ]
    revoked = KeyInUse(id=key.id, location_id=key.location_id, token_hash="x", revoked_at=at(1))
    assert (revoked.status(at(0)), revoked.good(at(0))) == ("REVOKED", False)
