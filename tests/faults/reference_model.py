"""The lifecycle of bookings and charge requests as a reference model in memory: what must be there after each step, or may.

The reference counts places; it does not choose EVSEs. Where the platform may or may not find one (settled bookings lie in the
way of a repack) it takes either answer, and holds it to that from then on.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from functions.booking.charging import UNSEEN_STAYS
from functions.booking.domain import OFFER_HOLD, REMIND_BEFORE, REVEAL_BEFORE
from shared.slots import SLOTS_AN_HOUR, slot_after, slot_of, slots_of

LIMIT = 3
HOLD_LIMIT = 3
PATIENCE = timedelta(minutes=10)
CHANGE_UNTIL = CANCEL_UNTIL = timedelta(minutes=60)
EARLY = timedelta(minutes=10)
NO_SHOW_AFTER = timedelta(minutes=15)
CANCEL_FEE, NO_SHOW_FEE = 242, 605
"""Minor units with VAT, of tests.support.world.FLAT_TARIFF: 2 and 5 EUR, 21 %."""

Event = tuple[str, str]
"""Its type, and the booking or charge request it is of."""


@dataclass
class ReferencePool:
    """A pool of interchangeable EVSEs."""

    id: str
    evses: int


@dataclass
class ReferenceBooking:
    """A booking as it must be."""

    id: str
    driver: int
    """Its number."""
    place: ReferencePool
    start: datetime
    end: datetime
    status: str
    quote: dict[str, Any]
    request: str | None = None
    """The charge request that it was made for."""
    hold_expires: datetime | None = None
    revealed: bool = False
    """Whether its driver knows the EVSE."""
    started: datetime | None = None
    stopped: datetime | None = None
    fee: int | None = None
    """Minor units."""
    miss_at: datetime | None = None
    """From when it is a miss."""
    slots: set[int] = field(default_factory=set)
    """Quarter hours that it holds."""
    evse: bytes | None = None
    """As the table had it last: a settled booking keeps it."""

    def known(self, now: datetime) -> None:
        """Made, moved, taken or told at `now`: its driver has their time from then on."""
        self.miss_at = max(self.start, now) + NO_SHOW_AFTER

    def fee_of(self, fee: int) -> int:
        """No fee is above the quote."""
        return min(fee, int(self.quote["total_minor"]))

    def begun(self, now: datetime) -> bool:
        """Whether it is too late to cancel it: it was booked before its start, which has passed."""
        return now > self.start and self.miss_at == self.start + NO_SHOW_AFTER

    @property
    def settled(self) -> bool:
        """Whether the platform may not move it to another EVSE."""
        whole = self.slots == set(slots_of(self.start, self.end))
        return self.revealed or self.started is not None or not whole

    def lapsed(self, now: datetime) -> bool:
        """Whether it is a hold whose time has run out."""
        return self.status == "PENDING" and self.hold_expires is not None and self.hold_expires <= now

    def counts(self, now: datetime) -> bool:
        """Whether it counts against its driver's limit."""
        live = self.status in ("PENDING", "RESERVED") or (self.status == "FULFILLED" and self.stopped is None)
        return live and self.end > now and not self.lapsed(now)


@dataclass
class ReferenceRequest:
    """A charge request as it must be."""

    id: str
    driver: int
    auto_book: bool
    asked: datetime
    departs: datetime
    status: str = "QUEUED"
    """As it is stored; `at` says what is shown."""
    booking: str | None = None
    expires: datetime | None = None
    offers: list[dict[str, Any]] = field(default_factory=list)

    def at(self, now: datetime) -> str:
        """An offer whose time has run out shows as EXPIRED."""
        lapsed = self.status == "OFFERED" and self.expires is not None and self.expires <= now
        return "EXPIRED" if lapsed else self.status


class ReferenceModel:
    """Everything that must be there. Its methods are what happens; `may_` and `must_` say what the platform has to answer."""

    def __init__(self, places: Iterable[ReferencePool]) -> None:
        self.places = {place.id: place for place in places}
        self.bookings: dict[str, ReferenceBooking] = {}
        self.requests: dict[str, ReferenceRequest] = {}
        self.events: Counter[Event] = Counter()

    def may_claim(self, place: ReferencePool, slots: set[int], now: datetime, *, ignoring: str | None = None) -> bool | None:
        """Whether the period can be had there: True, False, or None where that depends on the settled bookings."""
        there = [
            item
            for item in self.bookings.values()
            if item.place is place and item.slots and not item.lapsed(now) and item.id != ignoring
        ]
        taken = Counter(slot for item in there for slot in item.slots)
        if any(taken[slot] >= place.evses for slot in slots):
            return False
        lanes: dict[bytes | None, set[int]] = {}
        for item in there:
            lanes.setdefault(item.evse, set()).update(item.slots)
        if len(lanes) < place.evses or any(not lane & slots for lane in lanes.values()):
            return True
        return None if any(item.settled for item in there) else True

    def at_limit(self, driver: int, place: ReferencePool, now: datetime, *, without: str | None = None) -> bool:
        """Whether a driver has as many open bookings at a place as they may."""
        open_ = [
            item
            for item in self.bookings.values()
            if item.driver == driver and item.place is place and item.counts(now) and item.id != without
        ]
        return len(open_) >= LIMIT

    def at_hold_limit(self, driver: int, now: datetime) -> bool:
        """Whether as many offers are held for a driver as may be."""
        mine = [item for item in self.bookings.values() if item.driver == driver and item.status == "PENDING"]
        return sum(item.counts(now) for item in mine) >= HOLD_LIMIT

    def announce(self, item: ReferenceBooking, event_type: str, now: datetime, *, reminder: bool = True) -> None:
        """The driver is told, and reminded an hour before where that is still to come."""
        self.events[(event_type, item.id)] += 1
        if reminder and item.start - REMIND_BEFORE > now:
            self.events[("booking_reminder", item.id)] += 1

    def end_lapsed(self, place: ReferencePool, now: datetime) -> None:
        """Holds of a place that have run out end with the next successful claim there, or by the timer."""
        for item in self.bookings.values():
            if item.place is place and item.lapsed(now):
                item.status, item.slots = "CANCELED", set()
                self.events[("hold_expired", str(item.request))] += 1

    def reserved(self, answer: dict[str, Any], driver: int, now: datetime, *, request: str | None = None) -> ReferenceBooking:
        """A booking was made: RESERVED, or PENDING as the held offer of a request."""
        place = self.places[answer["location_id"]]
        self.end_lapsed(place, now)
        start, end = (datetime.fromisoformat(answer["period"][name]) for name in ("start", "end"))
        item = ReferenceBooking(
            answer["id"],
            driver,
            place,
            start,
            end,
            answer["reservation_status"],
            answer["quote"],
            request=request,
            slots=set(slots_of(start, end)),
        )
        if item.status == "RESERVED":
            item.revealed = start - now <= REVEAL_BEFORE
            self.announce(item, "booking_reserved", now)
        else:
            item.hold_expires = now + OFFER_HOLD
        item.known(now)
        self.bookings[item.id] = item
        return item

    def canceled(self, item: ReferenceBooking, now: datetime) -> None:
        """By its driver; late it costs what the terms say, and after the start it is a miss."""
        begun = item.begun(now)
        kept = item.status == "RESERVED" and not (begun and self._somebody_charges(item))
        if kept and begun:
            self.missed(item, now)
            return
        late = kept and now > item.start - CANCEL_UNTIL
        item.status, item.slots, item.fee = "CANCELED", set(), item.fee_of(CANCEL_FEE) if late else 0
        self.over(item)
        self.announce(item, "booking_canceled", now, reminder=False)

    def missed(self, item: ReferenceBooking, now: datetime) -> None:
        """Nobody came."""
        item.status, item.slots, item.fee = "NO_SHOW", set(), item.fee_of(NO_SHOW_FEE)
        self.over(item)
        self.announce(item, "booking_no_show", now, reminder=False)

    def over(self, item: ReferenceBooking) -> None:
        """Its charge request will hear of it."""
        if item.request is not None:
            self.events[("reservation_ended", item.id)] += 1

    def moved(self, item: ReferenceBooking, start: datetime, end: datetime, quote: dict[str, Any], now: datetime) -> None:
        """To another period, with the quote of that."""
        self.end_lapsed(item.place, now)
        item.start, item.end, item.quote = start, end, quote
        item.known(now)
        item.slots = set(slots_of(start, end))
        item.revealed = start - now <= REVEAL_BEFORE
        item.evse = None
        self.announce(item, "booking_rescheduled", now)

    def confirmed(self, item: ReferenceBooking, now: datetime) -> None:
        """A hold was taken."""
        item.status, item.hold_expires = "RESERVED", None
        item.known(now)
        item.revealed = item.start - now <= REVEAL_BEFORE
        self.announce(item, "booking_reserved", now)

    def may_start(self, item: ReferenceBooking, now: datetime) -> set[str]:
        """What an attempt to start charging may answer: status codes and error codes. 200 may be at another EVSE."""
        if item.status != "RESERVED":
            return {"409 WRONG_STATE"}
        if now < item.start - EARLY:
            return {"409 TERMS_REFUSE"}
        if now >= item.end:
            return {"409 WRONG_STATE"}
        if self.may_charge_where_it_is(item, now):
            return {"200"}
        refusal = "409 SLOT_TAKEN" if self.who_charges_at(item, now) else "409 CONFLICT"
        if item.place.evses == 1:
            return {refusal}
        wanted = set(slots_of(now, item.end))
        there = [other for other in self.bookings.values() if other.place is item.place and other.evse != item.evse]
        free = not any(other.slots & wanted or (other.started and not other.stopped) for other in there)
        return {"200"} if free else {"200", refusal}

    def who_charges_at(self, item: ReferenceBooking, now: datetime) -> ReferenceBooking | None:
        """Whose session runs at the booking's EVSE; one whose time is over for an hour is thought to be gone."""
        others = (other for other in self.bookings.values() if other is not item and other.evse == item.evse)
        charging = next((other for other in others if other.started and not other.stopped), None)
        return None if charging is None or self.is_gone(charging, now) else charging

    def _somebody_charges(self, item: ReferenceBooking) -> bool:
        return any(
            other.evse == item.evse and other.started is not None and other.stopped is None
            for other in self.bookings.values()
            if other is not item
        )

    def is_gone(self, item: ReferenceBooking, now: datetime) -> bool:
        """Whether a session that was not stopped is over for so long that the next driver is believed."""
        return now - item.end >= UNSEEN_STAYS

    def may_charge_where_it_is(self, item: ReferenceBooking, now: datetime) -> bool:
        """Whether the booking's own EVSE is to be had from now on."""
        early = set(range(slot_of(now), slot_of(item.start)))
        others = (other for other in self.bookings.values() if other is not item and other.evse == item.evse)
        return self.who_charges_at(item, now) is None and not any(other.slots & early for other in others)

    def began(self, item: ReferenceBooking, now: datetime) -> None:
        """Charging: the slots before the start are the driver's too where they came early. At another EVSE they have it from
        now on, and are told."""
        for other in [*self.bookings.values()]:
            unstopped = other is not item and other.evse == item.evse and other.started and not other.stopped
            if unstopped and self.is_gone(other, now):
                self.ended(other, other.end)
        first = slot_of(now)
        if self.may_charge_where_it_is(item, now):
            item.slots |= set(range(first, slot_of(item.start)))
        else:
            item.slots, item.evse = set(slots_of(now, item.end)), None
            self.events[("evse_changed", item.id)] += 1
        item.status, item.started, item.revealed = "FULFILLED", now, True
        self.over(item)

    def ended(self, item: ReferenceBooking, now: datetime) -> None:
        """Charging has ended: what is left is free."""
        item.stopped = now
        item.slots = {slot for slot in item.slots if slot < slot_after(now)}
        self.announce(item, "session_stopped", now, reminder=False)

    def timers(self, now: datetime) -> None:
        """Lapsed holds, no-shows, EVSEs that are told, and requests that waited too long."""
        for place in self.places.values():
            self.end_lapsed(place, now)
        for item in self.bookings.values():
            if item.status != "RESERVED" or item.miss_at is None or item.miss_at > now:
                continue
            if self._somebody_charges(item):
                item.status, item.slots, item.fee = "CANCELED", set(), 0
                self.over(item)
                self.announce(item, "booking_canceled", now, reminder=False)
            else:
                self.missed(item, now)
        for item in self.bookings.values():
            if item.status == "RESERVED" and not item.revealed and item.start <= now + REVEAL_BEFORE:
                item.revealed = True
                item.known(now)
                self.events[("evse_revealed", item.id)] += 1
        for request in self.requests.values():
            if request.status == "QUEUED" and request.asked + PATIENCE < now:
                request.status = "FAILED"
                self.events[("charge_request_failed", request.id)] += 1

    def requests_told(self) -> None:
        """The queue was worked off: requests whose hold ran out are expired, those whose booking is over end with it."""
        for request in self.requests.values():
            booked = self.bookings.get(str(request.booking))
            if request.status in ("OFFERED", "RESERVED") and booked and self.events[("reservation_ended", booked.id)]:
                request.status = booked.status
            if request.status == "OFFERED" and self.events[("hold_expired", request.id)]:
                request.status = "EXPIRED"
                self.events[("charge_request_expired", request.id)] += 1


def event_of(event_type: str, payload: dict[str, Any]) -> Event:
    """An outbox row as the reference counts it."""
    if event_type in ("charge_requested", "hold_expired") or event_type.startswith("charge_request_"):
        return event_type, payload["charge_request_id"]
    return event_type, payload["booking_id"]


def idle(reference: ReferenceModel, place: ReferencePool, now: datetime, hours: int) -> bool:
    """Whether an EVSE of a place is surely free for so long."""
    first = slot_of(now)
    slots = set(range(first, first + hours * SLOTS_AN_HOUR))
    taken = Counter(slot for item in reference.bookings.values() if item.place is place for slot in item.slots)
    return sum(taken[slot] > 0 for slot in slots) == 0


def as_uuid(text: str) -> uuid.UUID:
    """An id of an answer."""
    return uuid.UUID(text)
