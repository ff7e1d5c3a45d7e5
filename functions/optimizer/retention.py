"""Old decisions leave the database: as lines of JSON that name nobody they go to the store, for training."""

import copy
import gzip
import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from functions.optimizer import repository
from functions.optimizer.privacy import ORIGIN_DIGITS, PLACES
from functions.optimizer.repository import StoredDecision
from shared.platform import Platform
from shared.tx import Tx

BATCH = 500
FOLDER = "exports/decisions"
REVEALING = frozenset({"km", "duration_min", "cost", "begin_min"})
"""Columns of the candidates that hold the distance to known places, or the minute of arrival there: three of them would give
the origin away."""


def export_decisions(platform: Platform) -> int:
    """Moves decisions older than DECISION_DAYS to `exports/decisions/date=.../*.jsonl.gz`. Returns how many.

    A batch is deleted after it is stored. One that is stored and not deleted is stored again under the same name.
    """
    before = platform.clock.now() - timedelta(days=platform.settings.decision_days)
    total = 0
    while old := platform.read(lambda tx: _oldest(tx, before)):
        for day, of_day in groupby(old, key=lambda each: each.created_at.date()):
            data = lines_of(list(of_day))
            platform.blobs.write(blob_name(day, data), data)
        ids = [each.charge_request_id for each in old]
        platform.transact(partial(repository.delete_decisions, request_ids=ids))
        total += len(old)
    return total


def _oldest(tx: Tx, before: datetime) -> list[StoredDecision]:
    return [each for each in repository.oldest_decisions(tx, limit=BATCH) if each.created_at < before]


def blob_name(day: date, data: bytes) -> str:
    """Where a batch of a day lies: by its content, so that a repeat replaces itself."""
    return f"{FOLDER}/date={day.isoformat()}/{hashlib.sha256(data).hexdigest()[:24]}.jsonl.gz"


def lines_of(decisions: Sequence[StoredDecision]) -> bytes:
    """A line of JSON for each decision, compressed; the same decisions give the same bytes."""
    text = "".join(json.dumps(nameless(each), sort_keys=True) + "\n" for each in decisions)
    return gzip.compress(text.encode(), mtime=0)


def nameless(stored: StoredDecision) -> dict[str, Any]:
    """A decision without who asked: no ids of theirs, an origin and a destination of some 10 km, and no distances to places
    that are known."""
    needs, record = copy.deepcopy(stored.needs), copy.deepcopy(stored.record)
    for name in PLACES:
        if needs.get(name) is not None:
            needs[name] = round(needs[name], ORIGIN_DIGITS)
    candidates = {name: column for name, column in record["candidates"].items() if name not in REVEALING}
    candidates["terms"] = {name: term for name, term in candidates["terms"].items() if name in ("wait", "price")}
    shadow = record["shadow"] and {name: value for name, value in record["shadow"].items() if name != "cost"}
    record |= {"candidates": candidates, "shadow": shadow}
    return {"decided_at": stored.created_at.isoformat(), "needs": needs, "decision": record}
