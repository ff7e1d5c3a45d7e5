"""The drivers of the day: they book, move, cancel, come early, in time, late or not at all, stay too long, walk in and wait."""

import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from tests.promise.town import Car, Charger, Place, Town
from tests.support.world import TYPE2, Person

MINUTE = timedelta(minutes=1)
PATIENCE = 15 * MINUTE
"""So long who finds their charger taken or broken tries again."""


class Manner(StrEnum):
    """What a driver does with their booking."""

    AS_BOOKED = "as booked"
    EARLY = "comes early"
    LATE = "comes late"
    NEVER = "does not come"
    STAYS = "stays too long"
    LEAVES = "leaves early"
    CANCELS = "cancels"
    MOVES = "moves it"


MANNERS = {
    Manner.AS_BOOKED: 40,
    Manner.EARLY: 10,
    Manner.LATE: 10,
    Manner.NEVER: 8,
    Manner.STAYS: 12,
    Manner.LEAVES: 8,
    Manner.CANCELS: 8,
    Manner.MOVES: 6,
}


@dataclass(eq=False)
class Trip:
    """What a driver wants: a charge at a place from a start on."""

    driver: Person
    vehicle_id: str
    place: Place
    start: datetime
    minutes: int
    manner: Manner
    bookings: list[str] = field(default_factory=list)
    """Its booking, and those that came in its place."""
    came_at: datetime | None = None
    """When they first stood at their charger."""
    charged: bool = False
    turned_away: bool = False
    """Whether they gave up at a charger that was booked for them."""

    @property
    def booking_id(self) -> str:
        """The one that counts."""
        return self.bookings[-1]


class Schedule(Protocol):
    """The day, as its people see it."""

    def now(self) -> datetime:
        """The instant."""
        ...

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Does something at an instant, or in the step after it."""
        ...


class People:
    """What they do. Each act is one or a few calls."""

    def __init__(self, town: Town, day: Schedule, rng: random.Random) -> None:
        self._town, self._day, self._rng, self._calls = town, day, rng, town.calls
        self.trips: list[Trip] = []
        self.injected: Counter[str] = Counter()
        """What was done, by kind."""

    def _call(self, person: Person, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        answer = self._calls.of(person, method, path, body)
        document = answer.json() if answer.content else {}
        kind = path.rsplit("/", 1)[-1] if "/" in path else path
        if len(kind) < 30:
            self._calls.seen[f"{method} {kind} {answer.status_code} {document.get('code', '')}".strip()] += 1
        return answer.status_code, document

    def wants(self, trip: Trip) -> None:
        """Books; where that is not to be had waits for it, or takes an alternative."""
        self.trips.append(trip)
        if self._rng.random() < 0.2:
            self._ask(trip)
            return
        status, booking = self._book(trip, trip.place.location_id, trip.start, trip.minutes)
        if status == 201:
            self._has(trip, booking)
        elif status == 409 and booking["code"] == "SLOT_TAKEN":
            self._turns_to(trip, booking["alternatives"])
        elif status != 409:
            self._calls.violations.append(f"a booking is refused: {status} {booking}")

    def _book(self, trip: Trip, location_id: str, start: datetime, minutes: int) -> tuple[int, dict[str, Any]]:
        wanted = {
            "location_id": location_id,
            "connector": TYPE2,
            "start": start.isoformat(),
            "duration_minutes": minutes,
            "vehicle_id": trip.vehicle_id,
        }
        return self._call(trip.driver, "POST", "/booking/bookings", wanted)

    def _turns_to(self, trip: Trip, alternatives: list[dict[str, Any]]) -> None:
        if self._rng.random() < 0.6 or not alternatives:
            self._waits(trip)
            return
        other = alternatives[0]
        start, end = (datetime.fromisoformat(other["period"][name]) for name in ("start", "end"))
        status, booking = self._book(trip, other["location_id"], start, int((end - start) / MINUTE))
        if status == 201:
            self._has(trip, booking)

    def _wish(self, trip: Trip) -> dict[str, Any]:
        return {
            "vehicle_id": trip.vehicle_id,
            "soc": 0.5,
            "energy_kwh": round(trip.minutes / 60 * 19, 1),
            "origin": {"latitude": trip.place.latitude, "longitude": trip.place.longitude},
        }

    def _ask(self, trip: Trip) -> None:
        """By a charge request that books at once."""
        self.injected["charge request"] += 1
        window = {
            "earliest_departure": trip.start.isoformat(),
            "latest_finish": (trip.start + timedelta(hours=4)).isoformat(),
        }
        status, asked = self._call(
            trip.driver, "POST", "/optimizer/charge-requests", self._wish(trip) | window | {"auto_book": True}
        )
        if status == 202:
            self._day.at(self._day.now() + MINUTE, lambda: self._looks_what_came(trip, asked["id"]))

    def _looks_what_came(self, trip: Trip, request_id: str) -> None:
        _, asked = self._call(trip.driver, "GET", f"/optimizer/charge-requests/{request_id}")
        if asked["status"] == "RESERVED":
            self._has(trip, self._read(trip, asked["booking_id"]))
        elif asked["status"] == "QUEUED":
            self._calls.violations.append(f"charge request {request_id} is still QUEUED a step later")

    def _waits(self, trip: Trip) -> None:
        self.injected["waitlist entry"] += 1
        window = {"start": trip.start.isoformat(), "end": (trip.start + timedelta(hours=3)).isoformat()}
        never = {"quiet_from": "00:00", "quiet_until": "00:00"}
        status, entry = self._call(trip.driver, "POST", "/waitlist", {"wish": self._wish(trip), "window": window} | never)
        if status == 201:
            self._looks_at_offer(trip, entry["id"])
        else:
            self._calls.violations.append(f"the waitlist refuses: {status} {entry}")

    def _looks_at_offer(self, trip: Trip, entry_id: str) -> None:
        _, entry = self._call(trip.driver, "GET", f"/waitlist/{entry_id}")
        again = self._day.now() + 4 * MINUTE
        if entry["state"] not in ("WAITING", "OFFERED"):
            return
        if entry["offer"] is None:
            self._day.at(again, lambda: self._looks_at_offer(trip, entry_id))
            return
        act = self._rng.choices(["accept", "snooze", "leave", "says nothing"], [70, 10, 5, 15])[0]
        self.injected[f"waitlist offer: {act}"] += 1
        if act == "says nothing":
            self._day.at(again + 12 * MINUTE, lambda: self._looks_at_offer(trip, entry_id))
            return
        status, answer = self._call(trip.driver, "POST", f"/waitlist/{entry_id}/{act}")
        if act == "accept" and status == 200:
            self._has(trip, answer)
        elif act != "leave":
            self._day.at(again, lambda: self._looks_at_offer(trip, entry_id))

    def _has(self, trip: Trip, booking: dict[str, Any]) -> None:
        """Has a booking: what its driver does with it takes its course."""
        trip.bookings.append(booking["id"])
        self.injected[f"driver {trip.manner}"] += 1
        now, start = self._day.now(), datetime.fromisoformat(booking["period"]["start"])
        between = now + (start - now) * self._rng.uniform(0.2, 0.9)
        if trip.manner is Manner.NEVER:
            return
        if trip.manner is Manner.CANCELS:
            self._day.at(between, lambda: self._cancels(trip))
            return
        if trip.manner is Manner.MOVES:
            self._day.at(between, lambda: self._moves(trip, start + 30 * MINUTE))
            return
        self._comes_to(trip, start)

    def _comes_to(self, trip: Trip, start: datetime) -> None:
        least, most = {Manner.EARLY: (-12, -4), Manner.LATE: (7, 13)}.get(trip.manner, (0, 4))
        self._day.at(start + self._rng.randint(least, most) * MINUTE, lambda: self._comes(trip))

    def _cancels(self, trip: Trip) -> None:
        status, answer = self._call(trip.driver, "POST", f"/booking/bookings/{trip.booking_id}/cancel", {})
        if status == 409 and self._is_rebooked(trip):
            self._cancels(trip)
        elif status not in (200, 409):
            self._calls.violations.append(f"cancelling is refused: {status} {answer}")

    def _moves(self, trip: Trip, to: datetime) -> None:
        wanted = {"start": to.isoformat(), "duration_minutes": trip.minutes}
        self._call(trip.driver, "POST", f"/booking/bookings/{trip.booking_id}/reschedule", wanted)
        self._comes_to(trip, datetime.fromisoformat(self._read(trip)["period"]["start"]))

    def _read(self, trip: Trip, booking_id: str | None = None) -> dict[str, Any]:
        _, booking = self._call(trip.driver, "GET", f"/booking/bookings/{booking_id or trip.booking_id}")
        return booking

    def _is_rebooked(self, trip: Trip) -> bool:
        """Follows the booking where another came in its place."""
        new = self._read(trip)["rebooked_to"]
        if new is not None:
            trip.bookings.append(new)
        return new is not None

    def _comes(self, trip: Trip) -> None:
        """Stands at the charger that the booking names, and says so."""
        if self._is_rebooked(trip):
            self._day.at(datetime.fromisoformat(self._read(trip)["period"]["start"]), lambda: self._comes(trip))
            return
        booking = self._read(trip)
        if booking["reservation_status"] != "RESERVED":
            return
        now, start = self._day.now(), datetime.fromisoformat(booking["period"]["start"])
        if start - now > 14 * MINUTE:
            self._day.at(start, lambda: self._comes(trip))
            return
        trip.came_at = trip.came_at or now
        seen = self._town.charger(booking["location_id"], booking["evse_uid"]) if booking["evse_uid"] != "#NA" else None
        occupied = {"occupied": True} if seen is not None and seen.car is not None else {}
        status, answer = self._call(trip.driver, "POST", f"/booking/bookings/{trip.booking_id}/start", occupied)
        if status != 200 and seen is None:
            self._day.at(now + 3 * MINUTE, lambda: self._comes(trip))
            return
        charger = self._town.charger(booking["location_id"], (answer if status == 200 else booking)["evse_uid"])
        if status == 200 and answer["reservation_status"] == "RESERVED" and answer["arrived_at"] is None:
            self._day.at(now + MINUTE, lambda: self._comes(trip))  # sent on to another one, which they look at first
            return
        if status == 200 and charger.is_free:
            self._plugs_in(trip, charger, answer)
            return
        if status == 200 and charger.car is not None and self._town.place(booking["location_id"]).is_heard:
            self._calls.violations.append(f"{trip.booking_id} is let in at {charger.uid}, where somebody is")
        if now < start + PATIENCE:
            self._day.at(now + 3 * MINUTE, lambda: self._comes(trip))
        else:
            trip.turned_away = True

    def _plugs_in(self, trip: Trip, charger: Charger, booking: dict[str, Any]) -> None:
        trip.charged = True
        now, end = self._day.now(), datetime.fromisoformat(booking["period"]["end"])
        place = self._town.place(booking["location_id"])
        place.plug_in(charger, Car(uuid.uuid4().hex[:12], now, round(trip.minutes / 60 * 18, 1), booking["id"]))
        left = max(5, int((end - now) / MINUTE))
        stay = {Manner.STAYS: left + self._rng.randint(12, 75), Manner.LEAVES: max(4, left // 2)}
        leaves_at = now + stay.get(trip.manner, left - self._rng.randint(0, 3)) * MINUTE
        self._day.at(leaves_at, lambda: self._leaves(trip, place, charger))

    def _leaves(self, trip: Trip, place: Place, charger: Charger) -> None:
        if charger.car is None or charger.car.booking_id != trip.booking_id:
            return  # the charger failed meanwhile
        if self._rng.random() < 0.5:
            self._call(trip.driver, "POST", f"/booking/bookings/{trip.booking_id}/stop", {})
        place.unplug(charger, self._day.now())

    def walks_in(self, driver: Person, vehicle_id: str, place: Place) -> None:
        """Stands at a charger that looks free and wants to charge there."""
        free = [charger for charger in place.chargers.values() if charger.is_free]
        if not free or not place.is_heard:
            return
        self.injected["walk-in"] += 1
        charger = self._rng.choice(free)
        minutes = self._rng.choice((20, 30, 45))
        wanted = {
            "location_id": place.location_id,
            "evse_uid": charger.uid,
            "vehicle_id": vehicle_id,
            "energy_kwh": round(minutes / 60 * 18, 1),
        }
        status, visit = self._call(driver, "POST", "/booking/walk-ins", wanted)
        if status != 201:
            return
        trip = Trip(driver, vehicle_id, place, self._day.now(), minutes, Manner.AS_BOOKED, [visit["id"]], self._day.now())
        self.trips.append(trip)
        self._plugs_in(trip, charger, visit)

    def charges_unasked(self, place: Place) -> None:
        """Plugs in where nobody is, without a word to anybody: another network's customer."""
        free = [charger for charger in place.chargers.values() if charger.is_free]
        if not free:
            return
        self.injected["session without a booking"] += 1
        charger, now = self._rng.choice(free), self._day.now()
        car = Car(uuid.uuid4().hex[:12], now, 12.0, None)
        place.plug_in(charger, car)

        def leaves() -> None:
            if charger.car is car:
                place.unplug(charger, self._day.now())

        self._day.at(now + self._rng.randint(15, 50) * MINUTE, leaves)
