"""Use cases of charge requests: ask, decide, offer, accept, withdraw. Locks: driver, charge request, location, bookings."""

import functools
import logging
import uuid
import weakref
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.accounts import consents
from functions.accounts import service as accounts
from functions.booking import cancellations
from functions.booking import service as booking
from functions.booking.domain import OFFER_HOLD, Booking, CancellationCause, ReservationRequest, ReservationStatus
from functions.booking.events import BookingSnapshot, HoldExpired
from functions.optimizer import figures, outcomes, repository, serving
from functions.optimizer.core.features import FEATURE_VERSION
from functions.optimizer.decision_log import decision_record
from functions.optimizer.domain import ChargeRequest, ChargeRequestStatus, Offer, check_transition
from functions.optimizer.events import ChargeRequested, ChargeRequestOffered, ChargeRequestUnsatisfiable
from functions.optimizer.models.registry import ModelRegistry, describe
from functions.optimizer.needs import ChargingNeeds
from functions.optimizer.payloads import ChargeRequestCreate, RecommendationRequest
from functions.optimizer.schemas import Model, ModelUsage, Option, Recommendations, WholeDecision
from functions.optimizer.surroundings import RequestingDriver
from functions.stations import service as stations
from shared import telemetry
from shared.db import new_id
from shared.errors import (
    AppError,
    Conflict,
    Invalid,
    LimitReached,
    NotFound,
    PriceNotKnown,
    SlotTaken,
    TermsRefuse,
    Unauthenticated,
    WrongState,
)
from shared.platform import Platform
from shared.tx import Actor, Tx

log = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)
TRIES = 12
SHOWN = 10

_registries: "weakref.WeakKeyDictionary[Platform, ModelRegistry]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class _Usage:
    """What was counted of a week's decisions."""

    challenger: str | None
    until: float
    """Until when it is told, in seconds of the monotonic clock."""
    counts: dict[str, Any]


_usages: "weakref.WeakKeyDictionary[Platform, _Usage]" = weakref.WeakKeyDictionary()


def policy_registry(platform: Platform) -> ModelRegistry:
    """The registry of policies in this process, one a platform."""
    return _registries.setdefault(platform, ModelRegistry(platform.blobs, platform.clock))


NOBODY = uuid.UUID(int=0)
"""Who is not signed in: nobody has booked as this one, so that no limit of theirs is met."""


def _me(tx: Tx) -> uuid.UUID:
    if tx.actor.id is None:
        raise Unauthenticated()
    return tx.actor.id


def complete_needs(*, tx: Tx, request_in: RecommendationRequest, auto_book: bool = False) -> ChargingNeeds:
    """The needs in full, with the figures of the vehicle that is named. Raises Invalid naming the field."""
    vehicle = None
    if request_in.vehicle_id is not None:
        vehicle = accounts.get_vehicle(tx=tx, user_id=_me(tx), vehicle_id=request_in.vehicle_id)
    return ChargingNeeds.of(request_in, vehicle, tx.now, auto_book=auto_book)


def create_charge_request(*, tx: Tx, request_in: ChargeRequestCreate) -> ChargeRequest:
    """Stores a charge request and queues it, in one transaction. Raises TermsChanged: it may become a booking."""
    consents.require_terms(tx=tx)
    request_id = new_id()
    needs = complete_needs(tx=tx, request_in=request_in, auto_book=request_in.auto_book)
    if request_in.join_waitlist:
        needs = needs.model_copy(update={"join_waitlist": True})
    repository.insert(
        tx,
        request_id=request_id,
        user_id=_me(tx),
        vehicle_id=request_in.vehicle_id,
        needs=needs,
        expected_by=tx.now + outcomes.patience(tx.settings),
    )
    tx.publish(ChargeRequested(request_id))
    return get_owned(tx=tx, request_id=request_id)


def get_owned(*, tx: Tx, request_id: uuid.UUID, lock: bool = False) -> ChargeRequest:
    """One of the caller's charge requests, as it is now. Raises NotFound."""
    request = repository.get(tx, request_id, lock=lock)
    if request is None or not (tx.actor.role in ("admin", "system") or tx.actor.id == request.user_id):
        raise NotFound(f"There is no charge request {request_id}.")
    return request.at(tx.now)


def list_charge_requests(*, tx: Tx, before: uuid.UUID | None, limit: int) -> list[ChargeRequest]:
    """The caller's charge requests, newest first."""
    return [request.at(tx.now) for request in repository.of_user(tx, _me(tx), before=before, limit=limit)]


def get_decision(*, tx: Tx, request_id: uuid.UUID) -> WholeDecision:
    """The whole decision on one of the caller's charge requests. Raises NotFound, also while it is not decided."""
    get_owned(tx=tx, request_id=request_id)
    stored = repository.get_decision(tx, request_id)
    if stored is None:
        raise NotFound(f"No decision is stored of charge request {request_id}.")
    record, decided_at = stored
    return WholeDecision(charge_request_id=request_id, decided_at=decided_at, **record)


def recommend(*, platform: Platform, actor: Actor, request_in: RecommendationRequest, limit: int) -> Recommendations:
    """The ranked list for a driver's needs, somebody's who is not signed in too; nothing is held or stored."""

    def read(tx: Tx) -> Recommendations:
        needs = complete_needs(tx=tx, request_in=request_in)
        driver = RequestingDriver(tx.actor.id or NOBODY, request_in.vehicle_id)
        decision = serving.decide(platform=platform, tx=tx, registry=policy_registry(platform), needs=needs, driver=driver)
        offers = [decision.offer(rank) for rank in range(min(limit, len(decision)))]
        places = stations.summaries(tx=tx, location_ids=[offer.location_id for offer in offers])
        return Recommendations(
            items=[Option.at(offer, places) for offer in offers],
            policy=decision.ranking.policy,
            fallback=decision.ranking.fallback,
            reason=decision.reason,
            explanation=None if decision.reason is None else decision.explanation(decision.reason),
            generated_at=tx.now,
        )

    return platform.read(read, actor=actor)


def handle(platform: Platform, *, consumer: str, message_id: str, event: ChargeRequested | HoldExpired) -> None:
    """Decides a charge request, or ends one whose hold has lapsed."""
    request_id = event.charge_request_id
    if isinstance(event, HoldExpired):
        platform.consume(functools.partial(outcomes.expire, event=event), consumer=consumer, message_id=message_id)
    else:
        optimize(platform, consumer=consumer, message_id=message_id, request_id=request_id)


def optimize(platform: Platform, *, consumer: str, message_id: str, request_id: uuid.UUID) -> None:
    """Decides one charge request by optimistic attempts: the best row is reserved, or the next where it was taken meanwhile.

    If all were taken, it decides once more on the bookings as they are then. Each attempt is a transaction of its own that
    also records the message as consumed. A message that comes when the request's time is over books nothing.
    """
    refused: AppError | None = None
    for look in (1, 2):
        request, over = platform.read(lambda tx: _waiting(tx, request_id))
        if request is None:
            return
        if over:
            too_late = functools.partial(outcomes.end_too_late, request_id=request_id)
            platform.consume(too_late, consumer=consumer, message_id=message_id)
            return
        decision = _decide(platform, request)
        for rank in range(min(TRIES, len(decision))):
            attempt = _Attempt(request_id, request.user_id, decision, rank, look)
            try:
                platform.consume(attempt, consumer=consumer, message_id=message_id)
            except SlotTaken:
                telemetry.claims_lost.add(1, {"where": "optimizer"})
            except PriceNotKnown:  # its tariff went since the look
                continue
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
        consumer=consumer,
        message_id=message_id,
    )


def _waiting(tx: Tx, request_id: uuid.UUID) -> tuple[ChargeRequest | None, bool]:
    """A charge request that waits for its decision, and whether its time is over; None where it does not wait."""
    request = repository.get(tx, request_id)
    if request is None or request.status is not ChargeRequestStatus.QUEUED:
        return None, False
    return request, outcomes.is_over(request, tx)


def _decide(platform: Platform, request: ChargeRequest) -> serving.Decision:
    registry, driver = policy_registry(platform), RequestingDriver(request.user_id, request.vehicle_id)
    return platform.read(
        lambda tx: serving.decide(
            platform=platform,
            tx=tx,
            registry=registry,
            needs=request.needs,
            driver=driver,
            watched=True,
            holds=not request.needs.auto_book,
        )
    )


@dataclass(frozen=True)
class _Attempt:
    """One try to reserve a row of a decision."""

    request_id: uuid.UUID
    user_id: uuid.UUID
    decision: serving.Decision
    rank: int
    """Which row of the ranking is tried; 0 is the best."""
    look: int
    """Whether the decision is the first or the second on this request."""

    def __call__(self, tx: Tx) -> None:
        accounts.lock_driver(tx=tx, user_id=self.user_id)  # before the request: one order of locks
        request = repository.get(tx, self.request_id, lock=True)
        if request is None or request.status is not ChargeRequestStatus.QUEUED:
            return
        auto_book = request.needs.auto_book
        hold_until = None if auto_book else tx.now + OFFER_HOLD
        reserved = _reserve(tx, request, self.decision.offer(self.rank), hold_until=hold_until)
        # One that is to be paid for is offered until it is.
        hold_until = reserved.held_until
        status = ChargeRequestStatus.RESERVED if hold_until is None else ChargeRequestStatus.OFFERED
        check_transition(request.status, status)
        record = _record(self.decision, first=self.rank, look=self.look)
        _store(tx, request, status, self.decision, record, booking_id=reserved.id, offer_expires_at=hold_until)
        if hold_until is not None and not auto_book:
            location = stations.get_location(tx=tx, location_id=reserved.location_id)
            offer = BookingSnapshot.of(location, reserved, now=tx.now)
            tx.publish(ChargeRequestOffered(request.user_id, request.id, offer, hold_until))


def _reserve(tx: Tx, request: ChargeRequest, offer: Offer, *, hold_until: datetime | None) -> Booking:
    reservation = ReservationRequest(
        user_id=request.user_id,
        location_id=offer.location_id,
        standard=offer.connector,
        power_class=offer.power_class,
        start=offer.start,
        duration_minutes=(offer.end - offer.start) / MINUTE,
        energy_kwh=request.needs.energy_kwh,
        energy_limit_kwh=request.needs.energy_limit_kwh,
        battery_kwh=request.needs.battery_kwh,
        vehicle_id=request.vehicle_id,
        vehicle_kw=request.needs.max_power_kw,
        charge_request_id=request.id,
        hold_until=hold_until,
    )
    return booking.reserve_slot(tx=tx, request=reservation)


def _record(decision: serving.Decision, *, first: int, look: int) -> dict[str, Any]:
    """The decision as it is kept: the options from the chosen one on, and how it came about."""
    ranks = range(first, min(first + SHOWN, len(decision)))
    return {
        "offers": [decision.offer(rank).to_json() for rank in ranks],
        "candidates": len(decision),
        "tried": first + 1,
        "look": look,
        "model_ms": round(decision.ranking.latency_ms, 3),
    }


def _store(
    tx: Tx,
    request: ChargeRequest,
    status: ChargeRequestStatus,
    decision: serving.Decision,
    record: dict[str, Any],
    **values: Any,
) -> None:
    ranking = decision.ranking
    outcome = {"explanation": record["offers"][0]["why"][:500] if record["offers"] else None} | values
    decided = {"decision": record, "policy": ranking.policy, "fallback": ranking.fallback, "decided_at": tx.now}
    minutes = figures.minutes_of(decision, record["tried"] - 1) if record["offers"] else {}
    repository.update(tx, request.id, **outcome, **decided, **minutes, status=status.value)
    whole = decision_record(
        decision,
        chosen=record["tried"] - 1 if record["offers"] else None,
        look=record["look"],
        deadline_ms=tx.settings.decision_deadline_ms,
        reason=outcome.get("reason"),
        why=outcome["explanation"],
    )
    repository.insert_decision(tx, request.id, whole)
    telemetry.decisions.add(1, {"policy": ranking.policy, "outcome": status.value, "fallback": ranking.fallback or "none"})


def _give_up(tx: Tx, *, request_id: uuid.UUID, decision: serving.Decision, reason: str, refused: AppError | None) -> None:
    request = repository.get(tx, request_id, lock=True)
    if request is None or request.status is not ChargeRequestStatus.QUEUED:
        return
    status = ChargeRequestStatus.UNSATISFIABLE
    check_transition(request.status, status)
    explanation = refused.detail if reason == "LIMIT_REACHED" and refused else decision.explanation(reason)
    record = _record(decision, first=len(decision), look=2)
    if isinstance(refused, LimitReached):
        record["limit"] = refused.details
    _store(tx, request, status, decision, record, reason=reason, explanation=explanation[:500])
    tx.publish(ChargeRequestUnsatisfiable(request.user_id, request_id, reason, explanation))


def accept_offer(*, tx: Tx, request_id: uuid.UUID, offer: int = 0) -> ChargeRequest:
    """Takes an offer: 0 confirms the hold; another is reserved, and only then the hold let go. Raises WrongState once the
    hold has run out, PaymentNeeded while it waits to be paid for, SlotTaken where another offer has gone, PriceNotKnown where
    its price has."""
    accounts.lock_driver(tx=tx, user_id=get_owned(tx=tx, request_id=request_id).user_id)
    request = get_owned(tx=tx, request_id=request_id, lock=True)
    if request.status is not ChargeRequestStatus.OFFERED:
        raise WrongState(
            f"A charge request that is {request.status} has no offer to take.", charge_request_status=request.status.value
        )
    assert request.booking_id is not None
    booking_id = request.booking_id
    if offer == 0:
        taken = booking.confirm_hold(tx=tx, booking_id=booking_id)
    else:
        offers = request.offers
        if offer >= len(offers):
            raise Invalid.one("offer", f"must be below {len(offers)}, the number of offers")
        held = booking.get_owned(tx=tx, booking_id=booking_id)
        for location_id in sorted({held.location_id, offers[offer].location_id}):
            stations.lock_location(tx=tx, location_id=location_id)
        cancellations.cancel_booking(tx=tx, booking_id=booking_id)
        taken = _reserve(tx, request, offers[offer], hold_until=None)
        minutes = figures.of_other_offer(request.saved_minutes, offers[0], offers[offer])
        repository.update(tx, request_id, **minutes)
    status = ChargeRequestStatus.OFFERED if taken.unpaid else ChargeRequestStatus.RESERVED
    repository.update(tx, request_id, status=status.value, booking_id=taken.id, offer_expires_at=taken.held_until)
    return get_owned(tx=tx, request_id=request_id)


def cancel_charge_request(*, tx: Tx, request_id: uuid.UUID, cause: CancellationCause | None = None) -> ChargeRequest:
    """Withdraws a charge request. What it holds or booked is cancelled under the booking's terms; with a `cause` at no cost."""
    request = get_owned(tx=tx, request_id=request_id, lock=True)
    status = ChargeRequestStatus.CANCELED
    check_transition(request.status, status)
    if request.booking_id is not None:
        booked = booking.get_owned(tx=tx, booking_id=request.booking_id)
        if booked.status is ReservationStatus.FULFILLED:
            raise Conflict("Charging has begun; stop the session instead.", booking_id=str(booked.id))
        if booked.status in (ReservationStatus.PENDING, ReservationStatus.RESERVED):
            booked = cancellations.cancel_booking(tx=tx, booking_id=request.booking_id, cause=cause)
        status = outcomes.OF_RESERVATION.get(booked.status, status)
    repository.update(tx, request_id, status=status.value, offer_expires_at=None)
    return replace(get_owned(tx=tx, request_id=request_id), offer_expires_at=None)


def describe_model(*, platform: Platform) -> Model:
    """The policy that serves."""
    return Model(**describe(policy_registry(platform)), feature_version=FEATURE_VERSION)


def model_usage(*, tx: Tx, platform: Platform) -> ModelUsage:
    """The policy that serves, the share of a week's decisions that a rule made instead, and in how many of them its
    challenger would have chosen the same. A week's decisions are counted once a minute at most."""
    description = describe(policy_registry(platform))
    known = _usages.get(platform)
    if known is None or known.challenger != description["challenger"] or tx.clock.monotonic() >= known.until:
        known = _usages[platform] = _count_usage(tx, description["challenger"])
    return ModelUsage(**description, feature_version=FEATURE_VERSION, **known.counts)


def _count_usage(tx: Tx, challenger: str | None) -> "_Usage":
    week = tx.now - timedelta(days=7)
    decided = repository.decisions_since(tx, week)
    shadowed, agreed = (0, 0) if challenger is None else repository.shadowed_since(tx, challenger, week)
    total = sum(count for _, _, count in decided)
    fallbacks: dict[str, int] = {}
    for _, fallback, count in decided:
        if fallback is not None:
            fallbacks[fallback] = fallbacks.get(fallback, 0) + count
    counts = {
        "decisions_7d": total,
        "share_fallback_7d": sum(fallbacks.values()) / total if total else None,
        "fallbacks_7d": fallbacks,
        "shadowed_7d": shadowed,
        "share_agreed_7d": agreed / shadowed if shadowed else None,
    }
    return _Usage(challenger, tx.clock.monotonic() + MINUTE.total_seconds(), counts)
