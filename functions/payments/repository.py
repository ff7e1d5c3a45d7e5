"""Every SQL statement of payments."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from functions.booking.paying import PaymentState
from functions.payments.domain import Attempt, EventType, Payment, PaymentEvent, Purpose, Step
from functions.payments.tables import (
    payment,
    payment_attempt,
    payment_customer,
    payment_event,
    payment_method,
    provider_event,
)
from shared.adapters.payments import Card
from shared.db import for_update, insert_new, insert_rows, new_id
from shared.tx import Tx

_P, _A, _E, _M, _C = payment.c, payment_attempt.c, payment_event.c, payment_method.c, payment_customer.c


@dataclass(frozen=True)
class SavedCard:
    """A card that its driver has let us charge."""

    id: uuid.UUID
    user_id: uuid.UUID
    provider_id: str
    brand: str
    last4: str
    expires: str
    """YYYY-MM."""
    mandate_at: datetime
    """When they did."""
    is_default: bool
    removed_at: datetime | None
    created_at: datetime

    @property
    def in_words(self) -> str:
        """Such as `visa 4242`."""
        return f"{self.brand} {self.last4}"


def _payment(row: Any) -> Payment:
    values = row._asdict()
    return Payment(**values | {"purpose": Purpose(values["purpose"]), "state": PaymentState(values["state"])})


def _attempt(row: Any) -> Attempt:
    values = row._asdict()
    return Attempt(**values | {"step": Step(values["step"])})


def add(tx: Tx, new: Payment) -> None:
    """Stores a payment."""
    insert_rows(tx.conn, payment, [vars(new) | {"purpose": new.purpose.value, "state": new.state.value}])


def update(tx: Tx, payment_id: uuid.UUID, **values: Any) -> None:
    """Changes fields of a payment."""
    if isinstance(values.get("state"), PaymentState):
        values["state"] = values["state"].value
    tx.execute(sa.update(payment).where(_P.id == payment_id).values(**values, updated_at=tx.now))


def get(tx: Tx, payment_id: uuid.UUID, *, lock: bool = False) -> Payment | None:
    """One payment, locked where asked."""
    statement = sa.select(payment).where(_P.id == payment_id)
    row = tx.execute(for_update(statement, tx.conn) if lock else statement).one_or_none()
    return None if row is None else _payment(row)


def of_booking(tx: Tx, booking_id: uuid.UUID) -> list[Payment]:
    """The payments of a booking, the first first."""
    return [_payment(row) for row in tx.execute(sa.select(payment).where(_P.booking_id == booking_id).order_by(_P.id))]


def by_checkout(tx: Tx, checkout_id: str) -> uuid.UUID | None:
    """The payment whose page that is."""
    payment_id: uuid.UUID | None = tx.execute(sa.select(_P.id).where(_P.checkout_id == checkout_id)).scalar()
    return payment_id


def to_authorise(tx: Tx, *, until: datetime, limit: int) -> list[uuid.UUID]:
    """Payments whose card is to be charged by now."""
    statement = sa.select(_P.id).where(_P.state == PaymentState.PLANNED.value, _P.authorise_at <= until)
    return list(tx.execute(statement.order_by(_P.authorise_at).limit(limit)).scalars())


def lapsed(tx: Tx, *, until: datetime, limit: int) -> list[uuid.UUID]:
    """Payments that were not made in time."""
    states = [PaymentState.NEEDED.value, PaymentState.ACTION_NEEDED.value]
    statement = sa.select(_P.id).where(_P.state.in_(states), _P.mend_until <= until)
    return list(tx.execute(statement.order_by(_P.mend_until).limit(limit)).scalars())


def unanswered(tx: Tx, *, before: datetime, limit: int) -> list[uuid.UUID]:
    """Attempts that the provider has not answered for a while."""
    statement = sa.select(_A.id).where(_A.answered_at.is_(None), _A.created_at < before)
    return list(tx.execute(statement.order_by(_A.id).limit(limit)).scalars())


@dataclass(frozen=True)
class PaymentFilter:
    """Which payments of a list are wanted; what is unset is no matter."""

    since: datetime | None = None
    until: datetime | None = None
    purpose: Purpose | None = None
    state: PaymentState | None = None
    booking_id: uuid.UUID | None = None
    location_id: uuid.UUID | None = None


def listed(
    tx: Tx,
    wanted: PaymentFilter,
    *,
    user_id: uuid.UUID | None,
    location_ids: Collection[uuid.UUID] | None,
    before: uuid.UUID | None,
    limit: int | None,
) -> list[Payment]:
    """Payments of a driver or at locations (None: of all), newest first, after the cursor."""
    conditions = [
        None if user_id is None else _P.user_id == user_id,
        None if location_ids is None else _P.location_id.in_(sorted(location_ids)),
        None if before is None else _P.id < before,
        None if wanted.since is None else _P.created_at >= wanted.since,
        None if wanted.until is None else _P.created_at < wanted.until,
        None if wanted.purpose is None else _P.purpose == wanted.purpose.value,
        None if wanted.state is None else _P.state == wanted.state.value,
        None if wanted.booking_id is None else _P.booking_id == wanted.booking_id,
        None if wanted.location_id is None else _P.location_id == wanted.location_id,
    ]
    statement = sa.select(payment).where(*(condition for condition in conditions if condition is not None))
    return [_payment(row) for row in tx.execute(statement.order_by(_P.id.desc()).limit(limit))]


def add_attempt(tx: Tx, attempt: Attempt) -> None:
    """Stores an attempt."""
    insert_rows(tx.conn, payment_attempt, [vars(attempt) | {"step": attempt.step.value}])


def get_attempt(tx: Tx, attempt_id: uuid.UUID) -> Attempt | None:
    """One attempt."""
    row = tx.execute(sa.select(payment_attempt).where(_A.id == attempt_id)).one_or_none()
    return None if row is None else _attempt(row)


def attempts_of(tx: Tx, payment_id: uuid.UUID) -> list[Attempt]:
    """A payment's attempts, the first first."""
    statement = sa.select(payment_attempt).where(_A.payment_id == payment_id).order_by(_A.id)
    return [_attempt(row) for row in tx.execute(statement)]


def answer_attempt(tx: Tx, attempt_id: uuid.UUID, outcome: str) -> bool:
    """Notes what came of an attempt, once: False where that is known."""
    statement = sa.update(payment_attempt).where(_A.id == attempt_id, _A.answered_at.is_(None))
    return tx.execute(statement.values(answered_at=tx.now, outcome=outcome[:64])).rowcount == 1


def add_event(tx: Tx, payment_id: uuid.UUID, event: PaymentEvent) -> bool:
    """Notes what happened, once: False where it is known. The payment must be locked."""
    known = sa.select(_E.id).where(_E.provider_ref == event.provider_ref, _E.type == event.type.value)
    if tx.execute(known).first() is not None:
        return False
    row = vars(event) | {"type": event.type.value, "id": new_id(), "payment_id": payment_id, "created_at": tx.now}
    insert_rows(tx.conn, payment_event, [row])
    return True


def events_of(tx: Tx, payment_id: uuid.UUID) -> list[PaymentEvent]:
    """What happened to a payment, in the order in which we heard of it."""
    statement = sa.select(_E.type, _E.amount_minor, _E.provider_ref).where(_E.payment_id == payment_id).order_by(_E.id)
    return [PaymentEvent(EventType(row.type), row.amount_minor, row.provider_ref) for row in tx.execute(statement)]


def add_provider_event(tx: Tx, event_id: str, kind: str, object_id: str) -> bool:
    """Keeps a webhook, once: False where it came before."""
    row = {"id": event_id, "type": kind[:64], "object_id": object_id, "created_at": tx.now}
    return insert_new(tx.conn, provider_event, **row)


def handled(tx: Tx, event_id: str) -> None:
    """A webhook has had its effect."""
    tx.execute(sa.update(provider_event).where(provider_event.c.id == event_id).values(handled_at=tx.now))


def prune_provider_events(tx: Tx, *, before: datetime) -> int:
    """Deletes webhooks that had their effect before. Returns how many."""
    statement = sa.delete(provider_event).where(provider_event.c.created_at < before, provider_event.c.handled_at.is_not(None))
    return tx.execute(statement).rowcount


def customer_of(tx: Tx, user_id: uuid.UUID) -> str | None:
    """The provider's id of a driver."""
    provider_id: str | None = tx.execute(sa.select(_C.provider_id).where(_C.user_id == user_id)).scalar()
    return provider_id


def add_customer(tx: Tx, user_id: uuid.UUID, provider_id: str) -> None:
    """Keeps the provider's id of a driver, where it is not known."""
    insert_new(tx.conn, payment_customer, user_id=user_id, provider_id=provider_id, created_at=tx.now)


def cards_of(tx: Tx, user_id: uuid.UUID, *, removed: bool = False) -> list[SavedCard]:
    """A driver's saved cards, the default first; those that were removed too where asked."""
    statement = sa.select(payment_method).where(_M.user_id == user_id)
    if not removed:
        statement = statement.where(_M.removed_at.is_(None))
    return [SavedCard(**row._asdict()) for row in tx.execute(statement.order_by(_M.is_default.desc(), _M.id))]


def get_card(tx: Tx, method_id: uuid.UUID) -> SavedCard | None:
    """One saved card."""
    row = tx.execute(sa.select(payment_method).where(_M.id == method_id)).one_or_none()
    return None if row is None else SavedCard(**row._asdict())


def save_card(tx: Tx, user_id: uuid.UUID, card: Card) -> SavedCard:
    """Keeps a card of a driver's, once; their first is the default."""
    row = tx.execute(sa.select(payment_method).where(_M.provider_id == card.provider_id)).one_or_none()
    if row is not None:
        return SavedCard(**row._asdict())
    is_first = not cards_of(tx, user_id)
    fresh = SavedCard(new_id(), user_id, card.provider_id, card.brand, card.last4, card.expires, tx.now, is_first, None, tx.now)
    insert_rows(tx.conn, payment_method, [vars(fresh)])
    return fresh


def set_default(tx: Tx, user_id: uuid.UUID, method_id: uuid.UUID) -> None:
    """Makes one of a driver's cards the one that is charged first."""
    tx.execute(sa.update(payment_method).where(_M.user_id == user_id).values(is_default=_M.id == method_id))


def remove_card(tx: Tx, method_id: uuid.UUID) -> None:
    """A card is not charged any more."""
    tx.execute(sa.update(payment_method).where(_M.id == method_id).values(removed_at=tx.now, is_default=False))


def uses_card(tx: Tx, method_id: uuid.UUID) -> bool:
    """Whether a payment counts on a card."""
    states = [PaymentState.PLANNED.value, PaymentState.NEEDED.value, PaymentState.HELD.value]
    statement = sa.select(_P.id).where(_P.method_id == method_id, _P.state.in_(states)).limit(1)
    return tx.execute(statement).first() is not None


def erase(tx: Tx, user_id: uuid.UUID) -> None:
    """Deletes a driver's cards and their id at the provider."""
    tx.execute(sa.delete(payment_method).where(_M.user_id == user_id))
    tx.execute(sa.delete(payment_customer).where(_C.user_id == user_id))


def pseudonymise(tx: Tx, user_id: uuid.UUID, pseudonym: uuid.UUID) -> int:
    """Gives a driver's payments to another id. Returns how many."""
    return tx.execute(sa.update(payment).where(_P.user_id == user_id).values(user_id=pseudonym, method_id=None)).rowcount


def open_of_user(tx: Tx, user_id: uuid.UUID) -> Sequence[Payment]:
    """A driver's payments that are held, planned, to be made or owed."""
    over = [state.value for state in (PaymentState.CAPTURED, PaymentState.RELEASED, PaymentState.FAILED)]
    statement = sa.select(payment).where(_P.user_id == user_id, _P.state.not_in(over)).order_by(_P.id)
    return [_payment(row) for row in tx.execute(statement)]
