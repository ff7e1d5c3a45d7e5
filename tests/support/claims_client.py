"""Books, moves and cancels at one place as the code does that lies in the current folder: run as a process, of this code and of
code of before, on one database. What to do comes as JSON on stdin, what was done goes as JSON to stdout.

It uses only what both have.
"""

import json
import random
import sys
import threading
import uuid
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from app.process import make_platform
from functions.booking import cancellations, moves, service
from functions.booking.domain import ReservationRequest
from shared.clock import ManualClock
from shared.errors import AppError
from shared.settings import Settings
from shared.tx import Actor


def main() -> None:
    """Threads of `drivers` each, at once, `rounds` each, on starts every `step_minutes`."""
    given = json.load(sys.stdin)
    clock = ManualClock(datetime.fromisoformat(given["now"]))
    platform = make_platform(Settings(**given["settings"]), clock)
    platform.check_revision()
    done: Counter[str] = Counter()
    failures: list[BaseException] = []

    def work(number: int, drivers: list[uuid.UUID]) -> None:
        try:
            done.update(_one(platform, given, random.Random(f"{given['seed']}-{number}"), drivers))
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    drivers = [uuid.UUID(driver) for driver in given["drivers"]]
    threads = [threading.Thread(target=work, args=(number, drivers[number::3])) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    platform.close()
    if failures:
        raise failures[0]
    print(json.dumps(done))


def _one(platform: Any, given: dict[str, Any], rng: random.Random, drivers: list[uuid.UUID]) -> Counter[str]:
    place, day = uuid.UUID(given["location"]), datetime.fromisoformat(given["first_start"])
    done: Counter[str] = Counter()
    booked: list[tuple[uuid.UUID, uuid.UUID]] = []
    for _ in range(given["rounds"]):
        driver = rng.choice(drivers)
        start = day + timedelta(minutes=given["step_minutes"] * rng.randrange(240 // given["step_minutes"]))
        minutes = given["step_minutes"] * rng.randrange(1, 90 // given["step_minutes"] + 1)
        what = rng.choice(("book", "book", "book", "move", "cancel")) if booked else "book"
        try:
            if what == "book":
                request = ReservationRequest(driver, place, given["standard"], start, duration_minutes=max(minutes, 15))
                made = platform.transact(
                    lambda tx, request=request: service.reserve_slot(tx=tx, request=request), actor=Actor("driver", driver)
                )
                booked.append((made.id, driver))
            elif what == "move":
                booking_id, owner = rng.choice(booked)
                platform.transact(
                    lambda tx, booking_id=booking_id, start=start: moves.reschedule_booking(
                        tx=tx, booking_id=booking_id, start=start
                    ),
                    actor=Actor("driver", owner),
                )
            else:
                booking_id, owner = booked.pop(rng.randrange(len(booked)))
                platform.transact(
                    lambda tx, booking_id=booking_id: cancellations.cancel_booking(tx=tx, booking_id=booking_id),
                    actor=Actor("driver", owner),
                )
            done[what] += 1
        except AppError as error:
            done[error.code] += 1
    return done


if __name__ == "__main__":
    main()
