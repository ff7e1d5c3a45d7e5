"""HTTP of dynamic prices: parse, one service call, answer. The paths are the stations'."""

import uuid

from fastapi import APIRouter, Response

from functions.operators import prices
from functions.operators.answers import edited
from functions.operators.price_schemas import PriceRuleOut, PriceWeekOut
from functions.stations import prices as factors
from functions.stations.price_rules import PriceRule
from functions.stations.schemas import LocationOut
from shared.errors import WrongState
from shared.web.call import Owner, Public
from shared.web.conditions import IfMatch
from shared.web.failures import errors

router = APIRouter(prefix="/stations", tags=["stations"])


@router.put("/locations/{location_id}/price-rule", response_model=LocationOut, responses=errors(WrongState))
def put_price_rule(
    location_id: uuid.UUID, rule: PriceRule, call: Owner, response: Response, if_match: IfMatch = None
) -> LocationOut:
    """Lets energy and time cost more where a power class is expected to be busy, and less where it is not, inside a floor and a
    ceiling. Factors follow within five minutes; bookings made keep their quote. Fees stay what the tariffs say."""
    return edited(call, response, lambda tx: prices.put_rule(tx=tx, location_id=location_id, rule=rule, if_match=if_match))


@router.get("/locations/{location_id}/price-rule", response_model=PriceRuleOut)
def get_price_rule(location_id: uuid.UUID, call: Owner, response: Response) -> PriceRuleOut:
    """The price rule of a location that you run."""
    answer = PriceRuleOut.of(call.read(lambda tx: prices.get_rule(tx=tx, location_id=location_id)))
    response.headers["ETag"] = answer.etag
    return answer


@router.delete("/locations/{location_id}/price-rule", response_model=LocationOut, responses=errors(WrongState))
def delete_price_rule(location_id: uuid.UUID, call: Owner, response: Response, if_match: IfMatch = None) -> LocationOut:
    """From now on energy and time cost what the tariffs say. Bookings made keep their quote."""
    return edited(call, response, lambda tx: prices.put_rule(tx=tx, location_id=location_id, rule=None, if_match=if_match))


@router.get("/locations/{location_id}/price-steps", response_model=PriceWeekOut)
def list_price_steps(location_id: uuid.UUID, call: Public) -> PriceWeekOut:
    """By what energy and time cost more or less in the coming week, as it is now: what is quoted counts, this may change."""
    return PriceWeekOut.of(call.read(lambda tx: factors.week(tx=tx, location_id=location_id)))
