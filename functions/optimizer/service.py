"""Use cases of charge requests: ask, decide, offer, accept, withdraw. Locks: driver, charge request, location, bookings."""

import functools
import logging
import uuid
import weakref
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.accounts import service as accounts
from functions.booking import service as booking
from functions.booking.domain import OFFER_HOLD, Booking, ReservationRequest, ReservationStatus
from functions.booking.events import BookingSnapshot, HoldExpired
from functions.optimizer import repository, serving
from functions.optimizer.core.city import STANDARD_BIT
from functions.optimizer.core.features import FEATURE_VERSION
from functions.optimizer.decision_log import full_record
from functions.optimizer.domain import ChargeRequest, ChargeRequestStatus, Wish, check_transition
from functions.optimizer.events import ChargeRequested, ChargeRequestExpired, ChargeRequestOffered, ChargeRequestUnsatisfiable
from functions.optimizer.explanations import EXPLANATIONS
from functions.optimizer.models.registry import ModelRegistry, describe
from functions.optimizer.schemas import (
    ChargeRequestCreate,
    Model,
    Option,
    RecommendationRequest,
    Recommendations,
    WholeDecision,
)
from functions.stations import service as stations
from shared import telemetry
from shared.db import new_id
from shared.energy import CONSUMPTION_KWH_PER_KM
from shared.errors import (
    AppError,
    Conflict,
    Invalid,
    LimitReached,
    NotFound,
    SlotTaken,
    TermsRefuse,
    Unauthenticated,
    WrongState,
)
from shared.platform import Platform
from shared.tx import Actor, Tx

log = logging.getLogger(__name__)
CONSUMER = "optimize_charge_request"
MINUTE = timedelta(minutes=1)
TRIES = 12
SHOWN = 10

_sources: "weakref.WeakKeyDictionary[Platform, ModelRegistry]" = weakref.WeakKeyDictionary()


def policy_registry(platform: Platform) -> ModelRegistry:
    """The process's holder of the champion, one a platform."""
    return _sources.setdefault(platform, ModelRegistry(platform.blobs, platform.clock))


def _me(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id


def _wish(tx: Tx, request_in: RecommendationRequest, *, auto_book: bool) -> Wish:
    """The wish in full. Raises Invalid naming the field."""
    values: dict[str, Any] = {
        "battery_kwh": request_in.battery_kwh,
        "consumption_kwh_per_km": request_in.consumption_kwh_per_km or CONSUMPTION_KWH_PER_KM,
        "max_power_kw": request_in.max_power_kw,
        "standards": tuple(request_in.connectors or ()),
    }
    if request_in.vehicle_id is not None:
        vehicle = accounts.get_vehicle(tx=tx, user_id=_me(tx), vehicle_id=request_in.vehicle_id)
        own = {
            "battery_kwh": vehicle.battery_kwh,
            "consumption_kwh_per_km": vehicle.consumption_kwh_per_km,
            "max_power_kw": vehicle.max_power_kw,
            "standards": vehicle.standards,
        }
        given = {
            name: value
            for name, value in values.items()
            if value and not (name == "consumption_kwh_per_km" and request_in.consumption_kwh_per_km is None)
        }
        values = own | given
        foreign = sorted(set(request_in.connectors or ()) - set(vehicle.standards))
        if foreign:
            raise Invalid.one("connectors", f"{vehicle.name} has no {foreign[0]}; it takes {', '.join(vehicle.standards)}")
    for standard in values["standards"]:
        if standard not in STANDARD_BIT:
            raise Invalid.one("connectors", f"{standard!r} is not an OCPI ConnectorType")
    battery = values["battery_kwh"]
    energy = request_in.energy_kwh
    if energy is None:
        assert request_in.target_soc is not None
        energy = (request_in.target_soc - request_in.soc) * battery
    if energy > battery:
        raise Invalid.one("energy_kwh", f"must not be above the battery's {battery:g} kWh")
    departure = request_in.earliest_departure or tx.now
    if departure < tx.now - timedelta(minutes=15):
        raise Invalid.one("earliest_departure", f"must not be in the past: it is {tx.now.isoformat(timespec='seconds')}")
    if departure > tx.now + timedelta(days=14):
        raise Invalid.one("earliest_departure", "must be within the next 14 days")
    if request_in.latest_finish is not None and request_in.latest_finish <= departure:
        raise Invalid.one("latest_finish", "must be after earliest_departure")
    weights = request_in.weights
    total = weights.wait + weights.price + weights.distance + weights.duration
    return Wish(
        latitude=request_in.origin.latitude,
        longitude=request_in.origin.longitude,
        earliest_departure=max(departure, tx.now),
        latest_finish=request_in.latest_finish,
        soc=request_in.soc,
        energy_kwh=energy,
        weights=tuple(part / total for part in (weights.wait, weights.price, weights.distance, weights.duration)),
        radius_km=request_in.radius_km,
        auto_book=auto_book,
        **values,
    )


def create_charge_request(*, tx: Tx, request_in: ChargeRequestCreate) -> ChargeRequest:
    """Stores a charge request and queues it, in one transaction."""
    id = new_id()
    wish = _wish(tx, request_in, auto_book=request_in.auto_book)
    repository.insert(tx, id=id, user_id=_me(tx), vehicle_id=request_in.vehicle_id, wish=wish)
    tx.publish(ChargeRequested(id))
    return get_owned(tx=tx, request_id=id)


def get_owned(*, tx: Tx, request_id: uuid.UUID, lock: bool = False) -> ChargeRequest:
    """One of the caller's charge requests, as it is now. Raises NotFound."""
    found = repository.get(tx, request_id, lock=lock)
    if found is None or not (tx.actor.role in ("admin", "system") or tx.actor.id == found.user_id):
        raise NotFound(f"There is no charge request {request_id}.")
    return found.at(tx.now)


def list_charge_requests(*, tx: Tx, before: uuid.UUID | None, limit: int) -> list[ChargeRequest]:
    """The caller's charge requests, newest first."""
    return [item.at(tx.now) for item in repository.of_user(tx, _me(tx), before=before, limit=limit)]


def get_decision(*, tx: Tx, request_id: uuid.UUID) -> WholeDecision:
    """The whole decision on one of the caller's charge requests. Raises NotFound, also while it is not decided."""
    get_owned(tx=tx, request_id=request_id)
    found = repository.get_decision(tx, request_id)
    if found is None:
        raise NotFound(f"No decision is stored of charge request {request_id}.")
    record, decided_at = found
    return WholeDecision(charge_request_id=request_id, decided_at=decided_at, **record)


def recommend(*, platform: Platform, actor: Actor, request_in: RecommendationRequest, limit: int) -> Recommendations:
    """The ranked list for a wish; nothing is held or stored."""

    def read(tx: Tx) -> Recommendations:
        wish, driver = _wish(tx, request_in, auto_book=False), serving.RequestingDriver(_me(tx), request_in.vehicle_id)
        decision = serving.decide(platform=platform, tx=tx, source=policy_registry(platform), wish=wish, driver=driver)
        return Recommendations(
            items=[Option.model_validate(decision.option(place)) for place in range(min(limit, len(decision)))],
            policy=decision.ranking.policy,
            fallback=decision.ranking.fallback,
            reason=decision.reason,
            explanation=_explained(decision),
            generated_at=tx.now,
        )

    return platform.read(read, actor=actor)


def _explained(decision: serving.Decision) -> str | None:
    if decision.refusal is not None:
        return decision.refusal.detail
    return None if decision.reason is None else EXPLANATIONS[decision.reason]


def handle(platform: Platform, *, message_id: str, event: ChargeRequested | HoldExpired) -> None:
    """Decides a charge request, or ends one whose hold has lapsed."""
    request_id = event.charge_request_id
    if isinstance(event, HoldExpired):
        platform.consume(functools.partial(_expire, request_id=request_id), consumer=CONSUMER, message_id=message_id)
    else:
        optimize(platform, message_id=message_id, request_id=request_id)


def _expire(tx: Tx, *, request_id: uuid.UUID) -> None:
    found = repository.get(tx, request_id, lock=True)
    if found is None or found.status is not ChargeRequestStatus.OFFERED:
        return
    repository.update(tx, request_id, status=ChargeRequestStatus.EXPIRED.value, reason="OFFER_EXPIRED")
    tx.publish(ChargeRequestExpired(found.user_id, request_id))


def optimize(platform: Platform, *, message_id: str, request_id: uuid.UUID) -> None:
    """Decides one charge request: reserves the best row, tries the next where it was taken meanwhile, and looks once more
    with fresh eyes if all were. Each attempt is a transaction of its own that also records the message as consumed."""
    refused: AppError | None = None
    for look in (1, 2):
        found = platform.read(lambda tx: repository.get(tx, request_id))
        if found is None or found.status is not ChargeRequestStatus.QUEUED:
            return
        decision = _decide(platform, found)
        for place in range(min(TRIES, len(decision))):
            attempt = _Attempt(request_id, found.user_id, decision, place, look)
            try:
                platform.consume(attempt, consumer=CONSUMER, message_id=message_id)
            except SlotTaken:
                telemetry.claims_lost.add(1, {"where": "optimizer"})
            except (LimitReached, TermsRefuse, Invalid, NotFound) as error:
                refused = error
            else:
                return
        if len(decision) == 0:
            break
    refused = decision.refusal or refused
    reason = decision.reason or ("LIMIT_REACHED" if refused else "ALL_FULL")
    platform.consume(
        functools.partial(_give_up, request_id=request_id, decision=decision, reason=reason, refused=refused),
        consumer=CONSUMER,
        message_id=message_id,
    )


def _decide(platform: Platform, found: ChargeRequest) -> serving.Decision:
    source, driver = policy_registry(platform), serving.RequestingDriver(found.user_id, found.vehicle_id)
    return platform.read(
        lambda tx: serving.decide(platform=platform, tx=tx, source=source, wish=found.wish, driver=driver, watched=True)
    )


@dataclass(frozen=True)
class _Attempt:
    """One try to reserve: the row at `place` of a decision."""

    request_id: uuid.UUID
    user_id: uuid.UUID
    decision: serving.Decision
    place: int
    look: int

    def __call__(self, tx: Tx) -> None:
        accounts.lock_driver(tx=tx, user_id=self.user_id)  # before the request: one order of locks
        found = repository.get(tx, self.request_id, lock=True)
        if found is None or found.status is not ChargeRequestStatus.QUEUED:
            return
        wish, option = found.wish, self.decision.option(self.place)
        hold_until = None if wish.auto_book else tx.now + OFFER_HOLD
        made = _reserve(tx, found, option, hold_until=hold_until)
        status = ChargeRequestStatus.RESERVED if wish.auto_book else ChargeRequestStatus.OFFERED
        check_transition(found.status, status)
        record = _record(self.decision, first=self.place, look=self.look)
        _store(tx, found, status, self.decision, record, booking_id=made.id, offer_expires_at=hold_until)
        if hold_until is not None:
            location = stations.get_location(tx=tx, location_id=made.location_id)
            offer = BookingSnapshot.of(location, made, now=tx.now)
            tx.publish(ChargeRequestOffered(found.user_id, found.id, offer, hold_until))


def _reserve(tx: Tx, found: ChargeRequest, option: dict[str, Any], *, hold_until: datetime | None) -> Booking:
    start, end = datetime.fromisoformat(option["start"]), datetime.fromisoformat(option["end"])
    request = ReservationRequest(
        user_id=found.user_id,
        location_id=uuid.UUID(option["location_id"]),
        standard=option["connector"],
        power_class=option["power_class"],
        start=start,
        duration_minutes=(end - start) / MINUTE,
        energy_kwh=found.wish.energy_kwh,
        vehicle_id=found.vehicle_id,
        vehicle_kw=found.wish.max_power_kw,
        charge_request_id=found.id,
        hold_until=hold_until,
    )
    return booking.reserve_slot(tx=tx, request=request)


def _record(decision: serving.Decision, *, first: int, look: int) -> dict[str, Any]:
    """The decision as it is kept: the options from the chosen one on, and how it came about."""
    places = range(first, min(first + SHOWN, len(decision)))
    return {
        "offers": [decision.option(place) for place in places],
        "candidates": len(decision),
        "tried": first + 1,
        "look": look,
        "model_ms": round(decision.ranking.latency_ms, 3),
    }


def _store(
    tx: Tx,
    found: ChargeRequest,
    status: ChargeRequestStatus,
    decision: serving.Decision,
    record: dict[str, Any],
    **values: Any,
) -> None:
    ranking = decision.ranking
    said = {"explanation": record["offers"][0]["why"][:500] if record["offers"] else None} | values
    changed = {"decision": record, "policy": ranking.policy, "fallback": ranking.fallback, "decided_at": tx.now}
    repository.update(tx, found.id, **said, **changed, status=status.value)
    whole = full_record(
        decision,
        chosen=record["tried"] - 1 if record["offers"] else None,
        look=record["look"],
        deadline_ms=tx.settings.decision_deadline_ms,
        reason=said.get("reason"),
        why=said["explanation"],
    )
    repository.insert_decision(tx, found.id, whole)
    telemetry.decisions.add(1, {"policy": ranking.policy, "outcome": status.value, "fallback": ranking.fallback or "none"})


def _give_up(tx: Tx, *, request_id: uuid.UUID, decision: serving.Decision, reason: str, refused: AppError | None) -> None:
    found = repository.get(tx, request_id, lock=True)
    if found is None or found.status is not ChargeRequestStatus.QUEUED:
        return
    status = ChargeRequestStatus.UNSATISFIABLE
    check_transition(found.status, status)
    explanation = refused.detail if reason == "LIMIT_REACHED" and refused else EXPLANATIONS[reason]
    record = _record(decision, first=len(decision), look=2)
    if isinstance(refused, LimitReached):
        record["limit"] = refused.details
    _store(tx, found, status, decision, record, reason=reason, explanation=explanation[:500])
    tx.publish(ChargeRequestUnsatisfiable(found.user_id, request_id, reason, explanation))


def accept_offer(*, tx: Tx, request_id: uuid.UUID, offer: int = 0) -> ChargeRequest:
    """Takes an offer: 0 confirms the hold; another is reserved, and only then the hold let go. Raises WrongState once the
    hold has run out, SlotTaken where another offer has gone."""
    accounts.lock_driver(tx=tx, user_id=get_owned(tx=tx, request_id=request_id).user_id)
    found = get_owned(tx=tx, request_id=request_id, lock=True)
    if found.status is not ChargeRequestStatus.OFFERED:
        raise WrongState(
            f"A charge request that is {found.status} has no offer to take.", charge_request_status=found.status.value
        )
    assert found.booking_id is not None
    assert found.decision is not None
    booking_id = found.booking_id
    if offer == 0:
        booking.confirm_hold(tx=tx, booking_id=booking_id)
    else:
        offers = found.decision["offers"]
        if offer >= len(offers):
            raise Invalid.one("offer", f"must be below {len(offers)}, the number of offers")
        held = booking.get_owned(tx=tx, booking_id=booking_id)
        for location_id in sorted({held.location_id, uuid.UUID(offers[offer]["location_id"])}):
            stations.lock_location(tx=tx, location_id=location_id)
        booking.cancel_booking(tx=tx, booking_id=booking_id)
        booking_id = _reserve(tx, found, offers[offer], hold_until=None).id
    status = ChargeRequestStatus.RESERVED
    repository.update(tx, request_id, status=status.value, booking_id=booking_id, offer_expires_at=None)
    return get_owned(tx=tx, request_id=request_id)


def cancel_charge_request(*, tx: Tx, request_id: uuid.UUID) -> ChargeRequest:
    """Withdraws a charge request. What it holds or booked is cancelled under the booking's terms."""
    found = get_owned(tx=tx, request_id=request_id, lock=True)
    check_transition(found.status, ChargeRequestStatus.CANCELED)
    if found.booking_id is not None:
        made = booking.get_owned(tx=tx, booking_id=found.booking_id)
        if made.status in (ReservationStatus.PENDING, ReservationStatus.RESERVED):
            booking.cancel_booking(tx=tx, booking_id=found.booking_id)
        elif made.status is ReservationStatus.FULFILLED:
            raise Conflict("Charging has begun; stop the session instead.", booking_id=str(made.id))
    repository.update(tx, request_id, status=ChargeRequestStatus.CANCELED.value, offer_expires_at=None)
    return replace(get_owned(tx=tx, request_id=request_id), offer_expires_at=None)


def describe_model(*, platform: Platform) -> Model:
    """The policy that serves, the share of a week's decisions that a rule made instead, and in how many of them its
    challenger would have chosen the same."""
    found = describe(policy_registry(platform))
    week = platform.clock.now() - timedelta(days=7)
    decided = platform.read(lambda tx: repository.decisions_since(tx, week))
    shadowed, agreed = 0, 0
    if found["challenger"] is not None:
        shadowed, agreed = platform.read(lambda tx: repository.shadowed_since(tx, found["challenger"], week))
    total = sum(count for _, _, count in decided)
    fallbacks: dict[str, int] = {}
    for _, fallback, count in decided:
        if fallback is not None:
            fallbacks[fallback] = fallbacks.get(fallback, 0) + count
    return Model(
        **found,
        feature_version=FEATURE_VERSION,
        decisions_7d=total,
        share_fallback_7d=sum(fallbacks.values()) / total if total else None,
        fallbacks_7d=fallbacks,
        shadowed_7d=shadowed,
        share_agreed_7d=agreed / shadowed if shadowed else None,
    )
