"""Every SQL statement of the waitlist."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.optimizer.needs import ChargingNeeds
from functions.waitlist.domain import Entry, EntryState, OfferState, WaitlistOffer
from functions.waitlist.tables import waitlist_entry, waitlist_offer
from shared.db import for_update, insert_rows
from shared.tx import Tx

_E, _O = waitlist_entry.c, waitlist_offer.c


def _entry(row: Any) -> Entry:
    values = row._asdict()
    return Entry(**values | {"wish": ChargingNeeds.model_validate(values["wish"]), "state": EntryState(values["state"])})


def _offer(row: Any) -> WaitlistOffer:
    values = row._asdict()
    return WaitlistOffer(**values | {"state": OfferState(values["state"])})


def add(tx: Tx, entry: Entry) -> None:
    """Stores a new entry."""
    row = vars(entry) | {"wish": entry.wish.model_dump(mode="json"), "state": entry.state.value}
    insert_rows(tx.conn, waitlist_entry, [row])


def update(tx: Tx, entry_id: uuid.UUID, **values: Any) -> None:
    """Changes columns of an entry."""
    tx.execute(sa.update(waitlist_entry).where(_E.id == entry_id).values(**values, updated_at=tx.now))


def get(tx: Tx, entry_id: uuid.UUID, *, lock: bool = False) -> Entry | None:
    """One entry, locked where asked."""
    statement = sa.select(waitlist_entry).where(_E.id == entry_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _entry(row)


def of_user(tx: Tx, user_id: uuid.UUID, *, before: uuid.UUID | None, limit: int | None) -> list[Entry]:
    """A driver's entries, newest first, after the cursor."""
    statement = sa.select(waitlist_entry).where(_E.user_id == user_id)
    if before is not None:
        statement = statement.where(_E.id < before)
    return [_entry(row) for row in tx.execute(statement.order_by(_E.id.desc()).limit(limit))]


def open_of_user(tx: Tx, user_id: uuid.UUID) -> int:
    """How many of a driver's entries wait or have an offer."""
    states = [EntryState.WAITING.value, EntryState.OFFERED.value]
    statement = sa.select(sa.func.count()).select_from(waitlist_entry).where(_E.user_id == user_id, _E.state.in_(states))
    return int(tx.execute(statement).scalar() or 0)


def waiting_in(tx: Tx, cells: Sequence[int], *, now: datetime, limit: int) -> list[Entry]:
    """Entries of these cells that wait, whose window is not over and who are not snoozed, in order of their coming."""
    statement = sa.select(waitlist_entry).where(
        _E.cell.in_(list(cells)),
        _E.state == EntryState.WAITING.value,
        _E.window_end > now,
        sa.or_(_E.snoozed_until.is_(None), _E.snoozed_until <= now),
    )
    return [_entry(row) for row in tx.execute(statement.order_by(_E.created_at, _E.id).limit(limit))]


def waiting(tx: Tx, *, now: datetime, limit: int) -> list[Entry]:
    """The same, of all cells."""
    statement = sa.select(waitlist_entry).where(
        _E.state == EntryState.WAITING.value,
        _E.window_end > now,
        sa.or_(_E.snoozed_until.is_(None), _E.snoozed_until <= now),
    )
    return [_entry(row) for row in tx.execute(statement.order_by(_E.created_at, _E.id).limit(limit))]


def over(tx: Tx, *, now: datetime, limit: int) -> list[uuid.UUID]:
    """Entries that wait and whose window has passed."""
    statement = sa.select(_E.id).where(_E.state == EntryState.WAITING.value, _E.window_end <= now)
    return list(tx.execute(statement.order_by(_E.window_end).limit(limit)).scalars())


def before(tx: Tx, entry: Entry) -> int:
    """How many wait in an entry's cell for a window that touches its own, and came before it or go first."""
    earlier = sa.or_(_E.created_at < entry.created_at, sa.and_(_E.created_at == entry.created_at, _E.id < entry.id))
    statement = (
        sa.select(sa.func.count())
        .select_from(waitlist_entry)
        .where(
            _E.cell == entry.cell,
            _E.state == EntryState.WAITING.value,
            _E.window_begin < entry.window_end,
            _E.window_end > entry.window_begin,
            _E.id != entry.id,
            sa.or_(_E.passed_over > entry.passed_over, sa.and_(_E.passed_over == entry.passed_over, earlier)),
        )
    )
    return int(tx.execute(statement).scalar() or 0)


def pass_over(tx: Tx, entry_ids: Sequence[uuid.UUID]) -> None:
    """Counts one more place that went to somebody who came later."""
    if entry_ids:
        statement = sa.update(waitlist_entry).where(_E.id.in_(sorted(entry_ids)), _E.state == EntryState.WAITING.value)
        tx.execute(statement.values(passed_over=_E.passed_over + 1))


def add_offer(tx: Tx, offer: WaitlistOffer) -> None:
    """Stores an offer."""
    insert_rows(tx.conn, waitlist_offer, [vars(offer) | {"state": offer.state.value}])


def get_offer(tx: Tx, offer_id: uuid.UUID) -> WaitlistOffer | None:
    """One offer."""
    row = tx.execute(sa.select(waitlist_offer).where(_O.id == offer_id)).one_or_none()
    return None if row is None else _offer(row)


def open_offer(tx: Tx, entry_id: uuid.UUID) -> WaitlistOffer | None:
    """The offer that an entry has now."""
    statement = sa.select(waitlist_offer).where(_O.entry_id == entry_id, _O.state == OfferState.OFFERED.value)
    row = tx.execute(statement.order_by(_O.id.desc()).limit(1)).one_or_none()
    return None if row is None else _offer(row)


def expired_offers(tx: Tx, *, now: datetime, limit: int) -> list[uuid.UUID]:
    """Offers whose time is over and that nobody has settled."""
    statement = sa.select(_O.id).where(_O.state == OfferState.OFFERED.value, _O.expires_at <= now)
    return list(tx.execute(statement.order_by(_O.expires_at).limit(limit)).scalars())


def open_offers(tx: Tx, *, limit: int) -> list[WaitlistOffer]:
    """Offers that nobody has settled, in order of their end."""
    statement = sa.select(waitlist_offer).where(_O.state == OfferState.OFFERED.value)
    return [_offer(row) for row in tx.execute(statement.order_by(_O.expires_at).limit(limit))]


def settle(tx: Tx, offer_id: uuid.UUID, state: OfferState) -> bool:
    """Ends an offer, once: False where somebody has."""
    statement = sa.update(waitlist_offer).where(_O.id == offer_id, _O.state == OfferState.OFFERED.value)
    return tx.execute(statement.values(state=state.value)).rowcount == 1


def offers_of(tx: Tx, entry_ids: Sequence[uuid.UUID]) -> list[WaitlistOffer]:
    """The offers of entries, in order."""
    statement = sa.select(waitlist_offer).where(_O.entry_id.in_(list(entry_ids))).order_by(_O.id)
    return [_offer(row) for row in tx.execute(statement)]


def delete(tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a user's entries and their offers."""
    mine = sa.select(_E.id).where(_E.user_id == user_id)
    tx.execute(sa.delete(waitlist_offer).where(_O.entry_id.in_(mine)))
    tx.execute(sa.delete(waitlist_entry).where(_E.user_id == user_id))
