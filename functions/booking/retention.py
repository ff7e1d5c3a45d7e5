"""Claims of slots that are long over are deleted: whether a slot is free is asked of the future alone."""

from datetime import timedelta
from functools import partial

from functions.booking import repository_claims
from shared.platform import Platform

EVSES = 200


def prune_claims(platform: Platform) -> int:
    """Deletes claims of slots older than CLAIM_DAYS, some EVSEs at a time. Returns how many."""
    before = platform.clock.now() - timedelta(days=platform.settings.claim_days)
    total, after = 0, None
    while evse_ids := platform.read(partial(repository_claims.claimed_evses, after=after, limit=EVSES)):
        total += platform.transact(partial(repository_claims.prune, evse_ids=evse_ids, before=before))
        after = evse_ids[-1]
    return total
