"""HTTP of ratings: parse, one service call, answer. The paths are booking's."""

import uuid

from fastapi import APIRouter

from functions.ratings import service
from functions.ratings.schemas import HostedRating, Rating, RatingDecision, RatingPut, RatingReport, ReportedRatings
from shared.errors import NotFound, WrongState
from shared.web.call import Admin, Owner, SignedIn
from shared.web.failures import errors
from shared.web.pagination import Cursor, Page, PageSize, decode_cursor, page_by

router = APIRouter(prefix="/booking", tags=["booking"])


@router.put("/bookings/{booking_id}/rating", response_model=Rating, responses=errors(NotFound, WrongState))
def rate_booking(booking_id: uuid.UUID, rating_in: RatingPut, call: SignedIn) -> Rating:
    """Says how a session was, for 14 days after its end; sent again it replaces what you said. A place shows the average of
    its ratings from five on, and its owner reads your words without your name."""
    return Rating.of(
        call.write(
            lambda tx: service.rate(
                tx=tx, booking_id=booking_id, stars=rating_in.stars, reasons=rating_in.reasons, words=rating_in.words
            )
        )
    )


@router.get("/bookings/{booking_id}/rating", response_model=Rating, responses=errors(NotFound))
def get_rating(booking_id: uuid.UUID, call: SignedIn) -> Rating:
    """What you said of one of your bookings."""
    return Rating.of(call.read(lambda tx: service.get_rating(tx=tx, booking_id=booking_id)))


@router.get("/hosted/ratings", response_model=Page[HostedRating], responses=errors(NotFound))
def list_hosted_ratings(
    call: Owner, location_id: uuid.UUID | None = None, cursor: Cursor = None, limit: PageSize = 20
) -> Page[HostedRating]:
    """What drivers said of your locations, or one of them, the latest week first; never who said it."""
    after = decode_cursor(cursor, str, uuid.UUID) if cursor else None
    before = None if after is None else (after[0], after[1])
    ratings = call.read(lambda tx: service.list_hosted(tx=tx, location_id=location_id, before=before, limit=limit + 1))
    return page_by(ratings, limit, HostedRating.of, position=lambda rating: (rating.week.isoformat(), str(rating.id)))


@router.post("/hosted/ratings/{rating_id}/report", response_model=HostedRating, responses=errors(NotFound, WrongState))
def report_rating(rating_id: uuid.UUID, report_in: RatingReport, call: Owner) -> HostedRating:
    """Asks the administrators to look at the words of a rating of your place."""
    return HostedRating.of(call.write(lambda tx: service.report(tx=tx, rating_id=rating_id, reason=report_in.reason)))


@router.get("/reported-ratings", response_model=ReportedRatings)
def list_reported_ratings(call: Admin) -> ReportedRatings:
    """Ratings whose words were reported and wait for you, the oldest report first. For administrators."""
    ratings = call.read(lambda tx: service.list_reported(tx=tx))
    return ReportedRatings(items=[HostedRating.of(rating) for rating in ratings])


@router.post("/reported-ratings/{rating_id}", response_model=HostedRating, responses=errors(NotFound, WrongState))
def decide_reported_rating(rating_id: uuid.UUID, decision: RatingDecision, call: Admin) -> HostedRating:
    """Settles a report: the words go for good, or stay; the stars stay. For administrators."""
    remove_words = decision.remove_words
    return HostedRating.of(call.write(lambda tx: service.decide(tx=tx, rating_id=rating_id, remove_words=remove_words)))
