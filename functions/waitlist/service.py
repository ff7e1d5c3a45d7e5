"""Use cases of the waitlist: join, see, accept, snooze, leave; how offers and windows end. Locks: driver, entry, location."""

import uuid
from datetime import datetime, timedelta
from functools import partial

import h3.api.basic_int as cells

from functions.accounts import consents
from functions.accounts import service as accounts
from functions.booking import service as booking
from functions.booking.cancellations import let_go
from functions.booking.domain import Booking, ReservationStatus
from functions.booking.events import BookingSnapshot
from functions.optimizer import rebooking
from functions.optimizer import service as optimizer
from functions.optimizer.core.candidates import Reason
from functions.optimizer.events import ChargeRequestUnsatisfiable
from functions.optimizer.needs import ChargingNeeds
from functions.stations import service as stations
from functions.waitlist import repository
from functions.waitlist.domain import QUIET_FROM, QUIET_UNTIL, RESOLUTION, SNOOZE, Entry, EntryState, OfferState, WaitlistOffer
from functions.waitlist.events import WaitlistJoined, WaitlistOfferExpired, WaitlistOver, WaitlistWithdrawn
from functions.waitlist.payloads import WaitlistJoin
from shared.db import new_id
from shared.errors import LimitReached, NotFound, Unauthenticated, WrongState
from shared.platform import Platform
from shared.tx import Tx

BATCH = 200
MOST_ENTRIES = 5
"""Open entries a driver may have."""
WAITS_FOR = timedelta(hours=4)
"""How long a charge request waits that does not say when it must be over."""


def join(*, tx: Tx, join_in: WaitlistJoin) -> Entry:
    """Puts the caller on the waitlist for a wish in a window. Raises Invalid, NotFound (the vehicle), TermsChanged,
    LimitReached."""
    user_id = _me(tx)
    consents.require_terms(tx=tx)
    accounts.lock_driver(tx=tx, user_id=user_id)
    open_entries = repository.open_of_user(tx, user_id)
    if open_entries >= MOST_ENTRIES:
        message = f"of the {MOST_ENTRIES} entries that you may have on the waitlist you have {open_entries}; leave one first"
        raise LimitReached.one("wish", message, limit="waitlist_entries", value=MOST_ENTRIES, scope="platform", lifts_at=None)
    needs = optimizer.complete_needs(tx=tx, request_in=join_in.request(tx.now))
    quiet = join_in.quiet_from, join_in.quiet_until
    return _add(tx, user_id, join_in.wish.vehicle_id, needs, until=join_in.window.end, quiet=quiet)


def _add(
    tx: Tx,
    user_id: uuid.UUID,
    vehicle_id: uuid.UUID | None,
    needs: ChargingNeeds,
    *,
    until: datetime,
    quiet: tuple[str, str] = (QUIET_FROM, QUIET_UNTIL),
) -> Entry:
    entry = Entry(
        id=new_id(),
        user_id=user_id,
        vehicle_id=vehicle_id,
        wish=needs,
        cell=cells.latlng_to_cell(needs.latitude, needs.longitude, RESOLUTION),
        window_begin=needs.earliest_departure,
        window_end=until,
        quiet_from=quiet[0],
        quiet_until=quiet[1],
        state=EntryState.WAITING,
        passed_over=0,
        snoozed_until=None,
        created_at=tx.now,
        updated_at=tx.now,
    )
    repository.add(tx, entry)
    return entry


def join_where_full(platform: Platform, *, consumer: str, message_id: str, event: ChargeRequestUnsatisfiable) -> None:
    """Puts the driver of a charge request on the waitlist where all was full and they said that they would wait."""
    platform.consume(partial(_join_for, event=event), consumer=consumer, message_id=message_id)


def _join_for(tx: Tx, *, event: ChargeRequestUnsatisfiable) -> None:
    request = rebooking.request_of(tx=tx, request_id=event.charge_request_id)
    if event.reason != Reason.ALL_FULL or request is None or not request.needs.join_waitlist:
        return
    accounts.lock_driver(tx=tx, user_id=request.user_id)
    begin = max(tx.now, request.needs.earliest_departure)
    until = request.needs.latest_finish or begin + WAITS_FOR
    if until <= tx.now or repository.open_of_user(tx, request.user_id) >= MOST_ENTRIES:
        return
    needs = request.needs.model_copy(update={"earliest_departure": begin, "latest_finish": until})
    entry = _add(tx, request.user_id, request.vehicle_id, needs, until=until)
    tx.publish(WaitlistJoined(entry.user_id, entry.id, entry.window_begin, entry.window_end))


def _me(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id


def get_owned(*, tx: Tx, entry_id: uuid.UUID, lock: bool = False) -> Entry:
    """One of the caller's entries. Raises NotFound."""
    entry = repository.get(tx, entry_id, lock=lock)
    if entry is None or entry.user_id != tx.actor.id:
        raise NotFound(f"There is no entry {entry_id} on the waitlist.")
    return entry


def list_entries(*, tx: Tx, before: uuid.UUID | None, limit: int) -> list[Entry]:
    """The caller's entries, newest first."""
    return repository.of_user(tx, _me(tx), before=before, limit=limit)


def position(*, tx: Tx, entry: Entry) -> int | None:
    """Where an entry stands among those who wait nearby for the same time, 1 the first; None where it does not wait."""
    return repository.before(tx, entry) + 1 if entry.state is EntryState.WAITING else None


def offer_of(*, tx: Tx, entry: Entry) -> WaitlistOffer | None:
    """The offer that an entry has now; None where it has none, or its time is over."""
    if entry.state is not EntryState.OFFERED:
        return None
    offer = repository.open_offer(tx, entry.id)
    return None if offer is None or offer.expires_at <= tx.now else offer


def _locked(tx: Tx, entry_id: uuid.UUID) -> Entry:
    accounts.lock_driver(tx=tx, user_id=get_owned(tx=tx, entry_id=entry_id).user_id)
    return get_owned(tx=tx, entry_id=entry_id, lock=True)


def accept(*, tx: Tx, entry_id: uuid.UUID) -> tuple[Entry, Booking]:
    """Takes the offer: its booking is RESERVED. Raises WrongState where there is none, or its time is over."""
    entry = _locked(tx, entry_id)
    offer = offer_of(tx=tx, entry=entry)
    if offer is None or not repository.settle(tx, offer.id, OfferState.ACCEPTED):
        raise WrongState("No place is held for you now; you stay on the waitlist.", state=entry.state.value)
    reserved = booking.confirm_hold(tx=tx, booking_id=offer.booking_id)
    repository.update(tx, entry.id, state=EntryState.BOOKED.value)
    return get_owned(tx=tx, entry_id=entry_id), reserved


def snooze(*, tx: Tx, entry_id: uuid.UUID) -> Entry:
    """Nothing is offered for half an hour, and what is held goes to the next; the entry keeps its place. Raises WrongState."""
    entry = _open(tx, entry_id)
    _decline(tx, entry)
    repository.update(tx, entry.id, state=EntryState.WAITING.value, snoozed_until=tx.now + SNOOZE)
    return get_owned(tx=tx, entry_id=entry_id)


def leave(*, tx: Tx, entry_id: uuid.UUID) -> Entry:
    """Leaves the waitlist; what is held goes to the next. Raises WrongState."""
    entry = _open(tx, entry_id)
    _decline(tx, entry)
    repository.update(tx, entry.id, state=EntryState.LEFT.value)
    return get_owned(tx=tx, entry_id=entry_id)


def _open(tx: Tx, entry_id: uuid.UUID) -> Entry:
    entry = _locked(tx, entry_id)
    if entry.state not in (EntryState.WAITING, EntryState.OFFERED):
        raise WrongState(f"An entry that is {entry.state} does not wait any more.", state=entry.state.value)
    return entry


def _decline(tx: Tx, entry: Entry) -> None:
    offer = repository.open_offer(tx, entry.id)
    if offer is not None and repository.settle(tx, offer.id, OfferState.DECLINED):
        let_go(tx=tx, booking_id=offer.booking_id)


def handle(platform: Platform, *, consumer: str, message_id: str, event: WaitlistOfferExpired) -> None:
    """Ends an offer whose time is over."""
    platform.consume(partial(_expire, offer_id=event.offer_id), consumer=consumer, message_id=message_id)


def end_waits(platform: Platform) -> int:
    """Ends offers whose message did not come or whose place is gone, and entries whose window has passed, one transaction each.
    Returns how many."""
    now = platform.clock.now()
    offers = platform.read(lambda tx: repository.expired_offers(tx, now=now, limit=BATCH))
    done = sum(platform.transact(partial(_expire, offer_id=offer_id)) for offer_id in offers)
    done += take_back(platform)
    entries = platform.read(lambda tx: repository.over(tx, now=now, limit=BATCH))
    return done + sum(platform.transact(partial(_end, entry_id=entry_id)) for entry_id in entries)


def take_back(platform: Platform) -> int:
    """Ends the offers whose place the operator's side took away, and tells their drivers, who wait on. Returns how many."""

    def gone(tx: Tx) -> list[uuid.UUID]:
        offers = repository.open_offers(tx, limit=BATCH)
        held = booking.bookings_by_id(tx=tx, booking_ids=[offer.booking_id for offer in offers])
        return [offer.id for offer in offers if offer.expires_at > tx.now and _is_gone(held.get(offer.booking_id))]

    return sum(platform.transact(partial(_withdraw, offer_id=offer_id)) for offer_id in platform.read(gone))


def _is_gone(held: Booking | None) -> bool:
    return held is not None and held.status is ReservationStatus.CANCELED


def _withdraw(tx: Tx, *, offer_id: uuid.UUID) -> bool:
    """The place is gone through no fault of its driver's: the entry waits on, and is not snoozed."""
    offer = repository.get_offer(tx, offer_id)
    if offer is None:
        return False
    entry = repository.get(tx, offer.entry_id, lock=True)
    held = booking.bookings_by_id(tx=tx, booking_ids=[offer.booking_id]).get(offer.booking_id)
    if entry is None or held is None or not _is_gone(held) or not repository.settle(tx, offer.id, OfferState.EXPIRED):
        return False
    if entry.state is EntryState.OFFERED:
        repository.update(tx, entry.id, state=EntryState.WAITING.value)
        location = stations.get_location(tx=tx, location_id=held.location_id)
        tx.publish(WaitlistWithdrawn(entry.user_id, entry.id, BookingSnapshot.of(location, held, now=tx.now)))
    return True


def _expire(tx: Tx, *, offer_id: uuid.UUID) -> bool:
    """The offer has lapsed: its place is free for the next, and the entry waits on, snoozed as who said nothing."""
    offer = repository.get_offer(tx, offer_id)
    if offer is None or offer.state is not OfferState.OFFERED or offer.expires_at > tx.now:
        return False
    entry = repository.get(tx, offer.entry_id, lock=True)
    if not repository.settle(tx, offer.id, OfferState.EXPIRED):
        return False
    if entry is not None and entry.state is EntryState.OFFERED:
        repository.update(tx, entry.id, state=EntryState.WAITING.value, snoozed_until=tx.now + SNOOZE)
    let_go(tx=tx, booking_id=offer.booking_id)
    return True


def _end(tx: Tx, *, entry_id: uuid.UUID) -> bool:
    entry = repository.get(tx, entry_id, lock=True)
    if entry is None or entry.state is not EntryState.WAITING or entry.window_end > tx.now:
        return False
    repository.update(tx, entry.id, state=EntryState.OVER.value)
    tx.publish(WaitlistOver(entry.user_id, entry.id, entry.window_begin, entry.window_end))
    return True
