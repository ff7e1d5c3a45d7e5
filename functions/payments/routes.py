"""HTTP of payments: parse, one service call, answer."""

from fastapi import APIRouter

from functions.booking.quotes import quote_for
from functions.payments.schemas import QuoteRequest
from functions.tariffs.quotes import Quote
from shared.errors import NotFound, PriceNotKnown, SlotTaken
from shared.web.call import Public, limited
from shared.web.failures import errors

router = APIRouter(prefix="/payments", tags=["payments"])


@router.post(
    "/quotes", response_model=Quote, dependencies=[limited("search")], responses=errors(NotFound, SlotTaken, PriceNotKnown)
)
def quote(quote_in: QuoteRequest, call: Public) -> Quote:
    """What a booking is expected to cost, what it costs at most, element by element, and its fees. Nothing is held."""
    return call.read(
        lambda tx: quote_for(
            tx=tx,
            location_id=quote_in.location_id,
            standard=quote_in.connector,
            power_class=quote_in.power_class,
            start=quote_in.start,
            duration_minutes=quote_in.duration_minutes,
            energy_kwh=quote_in.energy_kwh,
            vehicle_kw=quote_in.max_power_kw,
            battery_kwh=quote_in.battery_kwh,
            energy_limit_kwh=quote_in.energy_limit_kwh,
        )
    )
