"""Claims of five minutes, the deployment's last step: `python -m app.claim_grid`, once no code of before claims of five minutes
runs (functions/booking/claim_grid.py). From then on such code is refused. Running it again changes nothing."""

import contextlib
import sys
import uuid
from functools import partial

import sqlalchemy as sa

from app.process import sentence_of
from functions.booking import claim_grid
from shared.errors import AppError
from shared.platform import Platform
from shared.revision import current, schema_compat
from shared.tx import Tx

FIRST_CODE = "0016"
"""The head of the oldest code that knows claims of five minutes."""


def make_fine(platform: Platform) -> tuple[int, int] | None:
    """Makes every location's claims whole, each in a transaction of its own, then claims slots as they are. Returns how many
    rows came and went; None where that was done before."""
    if platform.read(claim_grid.is_fine_now):
        return None
    came = went = 0
    for location_id in platform.read(lambda tx: claim_grid.locations_with_claims(tx=tx)):
        added, removed = platform.transact(partial(_make_whole, location_id=location_id))
        came, went = came + added, went + removed
    revision = current(platform.database)

    def switch(tx: Tx) -> None:
        claim_grid.switch(tx=tx)
        compat = sa.update(schema_compat).where(schema_compat.c.revision == revision)
        tx.execute(compat.values(oldest_code=FIRST_CODE))

    platform.transact(switch)
    return came, went


def _make_whole(tx: Tx, location_id: uuid.UUID) -> tuple[int, int]:
    return claim_grid.make_whole(tx=tx, location_id=location_id)


def main() -> None:
    """The command of the deployment. Exits 1 with a sentence where it cannot."""
    try:
        with contextlib.closing(Platform()) as platform:
            platform.check_revision()
            changed = make_fine(platform)
    except (AppError, ValueError) as error:
        sys.exit(f"claims are as they were: {sentence_of(error)}")
    if changed is None:
        print("slots of five minutes are claimed already")
    else:
        print("slots of five minutes are claimed from now on: {} rows came, {} went".format(*changed))


if __name__ == "__main__":
    main()
